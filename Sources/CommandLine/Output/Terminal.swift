import Files
import Glibc
import Processes

/// What a stream can show.
struct Terminal: Sendable {
    let isInteractive: Bool
    let hasColour: Bool

    static let output = Terminal(descriptor: STDOUT_FILENO)
    static let messages = Terminal(descriptor: STDERR_FILENO)

    private init(descriptor: Int32) {
        isInteractive = isatty(descriptor) == 1
        // https://no-color.org: any non-empty value switches colours off.
        let refusesColour = environmentVariable("NO_COLOR").map { !$0.isEmpty } ?? false
        hasColour = isInteractive && !refusesColour && environmentVariable("TERM") != "dumb"
    }

    /// Columns of the terminal, 80 where it does not say.
    var width: Int { terminalWidth(of: STDERR_FILENO) ?? 80 }

    func styled(_ text: String, _ style: Style) -> String {
        hasColour ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }

    enum Style: String {
        case bold = "1"
        case faint = "2"
        case red = "31"
        case green = "32"
        case yellow = "33"
        case cyan = "36"
    }
}
