/// Where in a file a finding lies.
///
/// Lines and columns count from 1, as editors do.
package struct SourceLocation: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var file: String
    package var line: Int?
    package var column: Int?

    package init(file: String, line: Int? = nil, column: Int? = nil) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// `file:line:column`, as far as it is known; the file's name is escaped for a terminal.
    package var description: String {
        [escapedForTerminal(file), line.map(String.init), column.map(String.init)].compactMap { $0 }.joined(
            separator: ":")
    }

    package static func < (left: SourceLocation, right: SourceLocation) -> Bool {
        (left.file, left.line ?? 0, left.column ?? 0) < (right.file, right.line ?? 0, right.column ?? 0)
    }
}

/// One finding about an input: what is wrong, where, and what to do about it.
package struct Diagnostic: Sendable, Hashable, CustomStringConvertible {
    package enum Severity: String, Sendable, Hashable {
        case error, warning
    }

    package var severity: Severity
    /// A short stable name that tools can match, such as `unknown-key` or `P012`.
    package var code: String?
    package var location: SourceLocation?
    /// What is wrong: a lower-case fragment that names the thing in quotes.
    package var message: String
    /// What to do about it, such as `did you mean 'entry_points'?`.
    package var remedy: String?
    /// How many characters of the line are meant, from the location's column on.
    package var length: Int?

    package init(
        _ severity: Severity, code: String? = nil, at location: SourceLocation? = nil, _ message: String,
        remedy: String? = nil, length: Int? = nil
    ) {
        self.severity = severity
        self.code = code
        self.location = location
        self.message = message
        self.remedy = remedy
        self.length = length
    }

    /// `error` or `warning`, with the code when it is one that can be looked up, such as `error P041`.
    package var label: String {
        guard let code, code.first?.isUppercase == true, code.dropFirst().allSatisfy(\.isNumber) else {
            return severity.rawValue
        }
        return "\(severity.rawValue) \(code)"
    }

    /// The form `file:line:column: error: message; remedy`.
    package var description: String {
        var text = location.map { "\($0): " } ?? ""
        text += "\(label): \(escapedForTerminal(message))"
        if let remedy { text += "; \(escapedForTerminal(remedy))" }
        return text
    }
}

/// An error that a person can act on.
///
/// Every typed error of the program conforms, so that there is one place that renders them (see `docs/architecture.md`).
package protocol ExplainedError: Error, CustomStringConvertible {
    /// All findings behind the error, in the order they should be read; never empty.
    var diagnostics: [Diagnostic] { get }
}

extension ExplainedError {
    package var description: String {
        diagnostics.map(\.description).joined(separator: "\n")
    }
}

/// An input with one or more mistakes; all of them are reported at once.
package struct InvalidInput: ExplainedError {
    package let diagnostics: [Diagnostic]

    package init(_ diagnostics: [Diagnostic]) {
        self.diagnostics = diagnostics
    }

    package init(_ message: String, at location: SourceLocation? = nil, remedy: String? = nil) {
        diagnostics = [Diagnostic(.error, at: location, message, remedy: remedy)]
    }
}
