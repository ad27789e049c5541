package import Diagnostics
import Processes

/// Why an environment cannot be had.
package struct EnvironmentError: ExplainedError {
    package enum Reason: Sendable, Hashable {
        /// No manager of that name.
        case unknownManager
        /// The manager cannot make what the project declares.
        case managerDoesNotFit
        /// A program the manager needs is not installed.
        case missingProgram
        /// No interpreter of the wanted version.
        case missingPython
        /// A tool ended with an error.
        case failedStep
        /// What lies in the environment's place is not ours to use.
        case unusablePlace
    }

    package let reason: Reason
    package let message: String
    package let remedy: String?
    /// The last lines the failed tool wrote.
    package let lastLines: [String]

    package init(_ reason: Reason, _ message: String, remedy: String? = nil, lastLines: [String] = []) {
        self.reason = reason
        self.message = message
        self.remedy = remedy
        self.lastLines = lastLines.map(redactedText)
    }

    package var diagnostics: [Diagnostic] {
        [Diagnostic(.error, message, remedy: remedy)] + lastLines.map { Diagnostic(.error, "output: \($0)") }
    }

    /// The error, then the tool's own words, one line each.
    package var description: String {
        ([Diagnostic(.error, message, remedy: remedy).description] + lastLines.map { "  | \(escapedForTerminal($0))" })
            .joined(separator: "\n")
    }
}

extension ProcessEnd.Termination {
    var phrase: String {
        switch self {
        case .exited(let code): "ended with exit code \(code)"
        case .signaled(let signal): "was ended by signal \(signal)"
        }
    }
}
