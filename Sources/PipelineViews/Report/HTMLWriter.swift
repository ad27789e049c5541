import Diagnostics

/// Writes HTML in which text from outside can only ever be text.
///
/// Markup must be a literal of the program, by its type; everything else goes through `text`, which escapes it for elements and quoted
/// attributes alike, and makes characters visible that would hide or reorder what a reader sees.
struct HTMLWriter {
    private(set) var bytes: [UInt8] = []

    mutating func markup(_ literal: StaticString) {
        literal.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
    }

    mutating func number(_ number: Int) {
        bytes += String(number).utf8
    }

    /// A coordinate with one decimal, which is all that can be seen.
    mutating func number(_ number: Double) {
        let tenths = (number * 10).rounded()
        guard abs(tenths) < 1e15 else { return bytes.append(UInt8(ascii: "0")) }
        let whole = Int(tenths)
        bytes += String(whole / 10).utf8
        if whole % 10 != 0 { bytes += ".\(abs(whole % 10))".utf8 }
    }

    mutating func text(_ text: String) {
        for byte in escapedForTerminal(text).utf8 {
            switch byte {
            case UInt8(ascii: "&"): bytes += "&amp;".utf8
            case UInt8(ascii: "<"): bytes += "&lt;".utf8
            case UInt8(ascii: ">"): bytes += "&gt;".utf8
            case UInt8(ascii: "\""): bytes += "&quot;".utf8
            case UInt8(ascii: "'"): bytes += "&#39;".utf8
            default: bytes.append(byte)
            }
        }
    }

    /// Text whose lines stay lines.
    mutating func lines(_ source: String) {
        // By bytes: a carriage return and a newline are one character of a `String`.
        for line in source.utf8.split(separator: 0x0A, omittingEmptySubsequences: false) {
            let line = line.last == 0x0D ? line.dropLast() : line
            var isFirst = true
            for part in line.split(separator: 0x09, omittingEmptySubsequences: false) {
                if !isFirst { bytes.append(0x09) }
                isFirst = false
                text(String(decoding: part, as: UTF8.self))
            }
            bytes.append(0x0A)
        }
    }

    /// Text of which too long an end is left out.
    mutating func text(_ text: String, limit: Int) {
        guard text.unicodeScalars.count > limit else { return self.text(text) }
        var short = String.UnicodeScalarView()
        short.append(contentsOf: text.unicodeScalars.prefix(limit))
        self.text(String(short) + "…")
    }

    /// A picture that our own code has drawn, with its texts escaped.
    mutating func drawing(_ svg: String) {
        bytes += svg.utf8
    }

    mutating func cell(_ text: String, limit: Int = 400) {
        markup("<td>")
        self.text(text, limit: limit)
        markup("</td>")
    }

    mutating func numberCell(_ text: String) {
        markup("<td class=\"n\">")
        self.text(text)
        markup("</td>")
    }
}
