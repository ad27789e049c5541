/// A mistake in how the program was called, as opposed to what it was called on; it ends with exit code 2.
package struct UsageError: ExplainedError {
    package let diagnostics: [Diagnostic]

    /// - Parameter diagnostics: every mistake that was found; at least one.
    package init(_ diagnostics: [Diagnostic]) {
        self.diagnostics = diagnostics
    }

    package init(_ message: String, remedy: String? = nil) {
        diagnostics = [Diagnostic(.error, message, remedy: remedy)]
    }
}
