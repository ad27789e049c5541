import Diagnostics
import Glibc

/// The one place that writes to standard error: notes, warnings, errors and progress.
///
/// Nothing here ever fails: a closed standard error must not stop a run from being cleaned up.
enum Messages {
    static func note(_ text: String) {
        write(text + "\n")
    }

    /// A question, whose answer is typed behind it.
    static func ask(_ question: String) {
        write(question)
    }

    static func warning(_ text: String) {
        write(Terminal.messages.styled("warning: ", .yellow) + text + "\n")
    }

    static func show(_ diagnostic: Diagnostic) {
        let place = diagnostic.location.map { "\($0): " } ?? ""
        var text = place + label(of: diagnostic) + " " + escapedForTerminal(redactedText(diagnostic.message))
        if let remedy = diagnostic.remedy { text += "\n  " + escapedForTerminal(remedy) }
        write(text + "\n")
    }

    /// Shows a finding on one line, with the line of the file it is about below it.
    static func show(_ diagnostic: Diagnostic, excerpt: String?) {
        let place = diagnostic.location.map { "\($0): " } ?? ""
        var text = "\(place)\(label(of: diagnostic)) \(escapedForTerminal(redactedText(diagnostic.message)))"
        if let remedy = diagnostic.remedy { text += "; \(escapedForTerminal(redactedText(remedy)))" }
        if let excerpt { text += "\n" + excerpt }
        write(text + "\n")
    }

    private static func label(of diagnostic: Diagnostic) -> String {
        Terminal.messages.styled("\(diagnostic.label):", diagnostic.severity == .error ? .red : .yellow)
    }

    /// Shows any error the way people can act on.
    static func show(_ error: any Error) {
        if let explained = error as? any ExplainedError {
            explained.diagnostics.forEach(show)
        } else {
            show(Diagnostic(.error, "\(error)"))
        }
    }

    /// A line that is written over by the next one; only on a terminal.
    static func progress(_ text: String) {
        guard Terminal.messages.isInteractive, !LiveDisplay.shared.isOpen else { return }
        let width = max(20, Terminal.messages.width - 1)
        write("\r\u{1B}[K" + escapedForTerminal(String(text.prefix(width))))
    }

    static func endProgress() {
        guard Terminal.messages.isInteractive, !LiveDisplay.shared.isOpen else { return }
        write("\r\u{1B}[K")
    }

    private static func write(_ text: String) {
        if LiveDisplay.shared.pass(text) { return }
        _ = writeAll(Array(text.utf8)[...], to: STDERR_FILENO)
    }
}

/// Writes all bytes to a stream of ours; false when nobody reads it any more.
func writeAll(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
        let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return false }
        rest = rest.dropFirst(count)
    }
    return true
}
