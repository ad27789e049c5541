/// The lines of an input, kept to show findings in their place.
package struct SourceExcerpts: Sendable {
    private let lines: [Substring.UTF8View]

    package init(_ bytes: [UInt8]) {
        self.init(String(decoding: bytes, as: UTF8.self))
    }

    package init(_ text: String) {
        lines = Substring(text).utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    }

    /// The line of a finding, with carets under what is meant; `nil` for a finding without a place in this input.
    ///
    /// ```
    ///    21 |       ratings: ${{ steps.etl_dat.outputs.ratings }}
    ///       |                          ^^^^^^^
    /// ```
    package func excerpt(of finding: Diagnostic) -> String? {
        guard let line = finding.location?.line, let column = finding.location?.column else { return nil }
        guard line >= 1, column >= 1, line <= lines.count else { return nil }
        let characters = String(Substring(lines[line - 1])).unicodeScalars.filter { $0 != "\r" && $0 != "\u{FEFF}" }
        let start = min(column - 1, characters.count)
        let end = min(characters.count, start + max(1, min(finding.length ?? 1, 1 << 20)))
        // A long line is shown around the place that is meant.
        let window = max(0, start - 60)..<max(0, min(characters.count, max(start - 60, 0) + 120))
        var shown = ""
        var carets = ""
        for (index, character) in characters.enumerated().dropFirst(window.lowerBound).prefix(window.count) {
            let text = character == "\t" ? " " : escapedForTerminal(String(character))
            shown += text
            carets += String(repeating: (start..<end).contains(index) ? "^" : " ", count: text.count)
        }
        if start >= characters.count { carets += "^" }
        while carets.last == " " { carets.removeLast() }
        let number = String(line)
        let margin = String(repeating: " ", count: max(0, 5 - number.count))
        let blank = String(repeating: " ", count: margin.count + number.count)
        return "\(margin)\(number) | \(shown)\n\(blank) | \(carets)"
    }
}
