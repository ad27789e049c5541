package import Diagnostics

/// The parameters an operator gave, in order, with what is wrong about the way they were given.
package struct GivenParameters: Sendable, Hashable {
    package struct Parameter: Sendable, Hashable {
        package var name: String
        package var value: String
        /// The elements of a list: in a command each becomes a word of its own.
        package var elements: [String]?

        package init(name: String, value: String, elements: [String]? = nil) {
            self.name = name
            self.value = value
            self.elements = elements
        }
    }

    package private(set) var parameters: [Parameter] = []
    /// Reported together with everything else when the parameters are resolved; a caller may look earlier.
    package private(set) var problems: [Diagnostic] = []

    package init(_ parameters: [Parameter] = []) {
        for parameter in parameters { add(parameter) }
    }

    /// Reads `NAME=VALUE` texts, as `-P` takes them.
    package init(parsing assignments: [String]) {
        self.init(parsing: assignments.map { Array($0.utf8) })
    }

    /// Reads `NAME=VALUE` as the system handed it over; a `String` would already have repaired invalid UTF-8 in
    /// silence.
    package init(parsing assignments: [[UInt8]]) {
        for bytes in assignments { add(bytes) }
    }

    private mutating func add(_ bytes: [UInt8]) {
        let shown = String(decoding: bytes.prefix(80), as: UTF8.self)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            return report("parameter '\(shown)' is not valid UTF-8", remedy: "give text in UTF-8")
        }
        guard let equals = text.firstIndex(of: "=") else {
            return report("parameter '\(shown)' has no value", remedy: "write '-P NAME=VALUE'")
        }
        add(Parameter(name: String(text[..<equals]), value: String(text[text.index(after: equals)...])))
    }

    private mutating func add(_ parameter: Parameter) {
        guard !parameters.contains(where: { $0.name == parameter.name }) else {
            return report("parameter '\(parameter.name)' is given twice", remedy: "give it once")
        }
        parameters.append(parameter)
    }

    private mutating func report(_ message: String, remedy: String) {
        problems.append(Diagnostic(.error, code: "parameter", message, remedy: remedy))
    }

    /// The value given for a name.
    package subscript(_ name: String) -> String? {
        parameters.first { $0.name == name }?.value
    }
}
