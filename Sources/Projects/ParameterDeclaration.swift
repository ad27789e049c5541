package import Diagnostics

/// A parameter as an entry point declares it.
package struct ParameterDeclaration: Sendable, Hashable {
    package var name: String
    package var type: ParameterType
    /// As MLflow prints it; `nil` if a value must be given.
    package var defaultValue: String?
    package var location: SourceLocation?

    package init(name: String, type: ParameterType, defaultValue: String? = nil, location: SourceLocation? = nil) {
        self.name = name
        self.type = type
        self.defaultValue = defaultValue
        self.location = location
    }

    /// What keeps any run from logging this parameter.
    var problems: [Diagnostic] {
        guard let problem = problemOfParameterName(name) else { return [] }
        return [Diagnostic(.error, code: "parameter-name", at: location, "the parameter name '\(name)' \(problem)")]
    }
}

/// The declared type of a parameter; it decides which values are accepted and what becomes of them.
package enum ParameterType: Sendable, Hashable {
    case string, int, float, bool, path, uri
    /// A type MLflow does not know either; its values are text.
    case unknown(String)

    package init(named name: String) {
        switch name {
        case "string", "str": self = .string
        case "int": self = .int
        case "float": self = .float
        case "bool": self = .bool
        case "path": self = .path
        case "uri": self = .uri
        default: self = .unknown(name)
        }
    }

    package static let names = ["string", "str", "int", "float", "bool", "path", "uri"]

    package var name: String {
        switch self {
        case .string: "string"
        case .int: "int"
        case .float: "float"
        case .bool: "bool"
        case .path: "path"
        case .uri: "uri"
        case .unknown(let name): name
        }
    }

    /// What is wrong with a value, as the end of a sentence; `nil` if it fits.
    ///
    /// Paths and URIs are checked when they are resolved.
    package func problem(of value: String) -> String? {
        switch self {
        case .int where !isPythonInteger(value): "is not an integer"
        case .float where !isPythonFloat(value): "is not a number"
        case .path where value.isEmpty, .uri where value.isEmpty: "is empty"
        default: nil
        }
    }
}

/// Why MLflow's store would refuse a parameter of this name, as the end of a sentence; `nil` if it would not.
package func problemOfParameterName(_ name: String) -> String? {
    if name.isEmpty { return "is empty" }
    if name.unicodeScalars.count > 250 { return "is longer than 250 characters" }
    guard name.unicodeScalars.allSatisfy(isParameterNameCharacter) else {
        return "may contain only letters, digits, '_', '-', '.', ':', '/' and spaces"
    }
    // The store uses names as relative paths, and accepts only those that are in normal form.
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard !name.hasPrefix("/"), !name.hasPrefix(".."), parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." })
    else {
        return "reads as a path that is not in its simplest form"
    }
    return nil
}

private func isParameterNameCharacter(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII {
        return scalar == "_" || "/.- :".unicodeScalars.contains(scalar) || scalar.properties.isAlphabetic
            || ("0"..."9").contains(scalar)
    }
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
        .letterNumber, .otherNumber:
        return true
    default: return false
    }
}
