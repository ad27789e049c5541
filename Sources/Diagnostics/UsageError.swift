/// A mistake in how the program was called, as opposed to what it was called on; it ends with exit code 2.
package struct UsageError: ExplainedError {
    package let diagnostics: [Diagnostic]

    package init(_ message: String, remedy: String? = nil) {
        diagnostics = [Diagnostic(.error, message, remedy: remedy)]
    }
}
