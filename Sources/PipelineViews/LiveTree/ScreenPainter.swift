/// Keeps some lines at the end of a terminal's text up to date, and lets other text pass above them.
///
/// What is written is computed from what was written before, so nothing blinks: a line that stays the same is not touched, and one that
/// changes is overwritten, not cleared first. The cursor stays visible at the end of the last line; a program that dies leaves a usable
/// terminal.
package struct ScreenPainter: Sendable {
    private var lines: [String] = []
    private var width = 0

    package init() {}

    /// The text that turns the lines on the screen into these.
    package mutating func frame(_ new: [String], width: Int) -> String {
        var text = begin(width)
        // A terminal of another width has broken the old lines at other places, so none of them is where it was.
        let known = self.width == width ? lines : []
        if self.width != width, !lines.isEmpty { text += "\u{1B}[J" }
        if known == new { return "" }
        for (index, line) in new.enumerated() {
            if index > 0 { text += "\r\n" }
            // What follows the last line is cleared from where the cursor is, so that has to be its end.
            let isLastOfMore = known.count > new.count && index == new.count - 1
            if !known.indices.contains(index) || known[index] != line || isLastOfMore { text += line + "\u{1B}[K" }
        }
        if known.count > new.count { text += "\u{1B}[J" }
        lines = new
        self.width = width
        return text
    }

    /// Text that stays, above the lines.
    package mutating func insert(_ passing: String, width: Int) -> String {
        let kept = lines
        var text = begin(width) + (lines.isEmpty ? "" : "\u{1B}[J")
        text += passing.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")
        if !passing.hasSuffix("\n") { text += "\r\n" }
        lines = []
        text += frame(kept, width: width)
        return text
    }

    /// Leaves the lines where they are and goes on below them.
    package mutating func end() -> String {
        defer { lines = [] }
        return lines.isEmpty ? "" : "\r\n"
    }

    /// Moves to the beginning of the first line.
    private func begin(_ width: Int) -> String {
        guard !lines.isEmpty else { return "" }
        var rows = lines.count - 1
        if self.width != width, width > 0 {
            rows = lines.reduce(0) { $0 + max(1, (visibleColumns(of: $1) + width - 1) / width) } - 1
        }
        return "\r" + (rows > 0 ? "\u{1B}[\(rows)A" : "")
    }

    private func visibleColumns(of line: String) -> Int {
        var count = 0
        var isCode = false
        for scalar in line.unicodeScalars {
            if isCode {
                if scalar == "m" { isCode = false }
            } else if scalar == "\u{1B}" {
                isCode = true
            } else {
                count += columns(of: scalar)
            }
        }
        return count
    }
}
