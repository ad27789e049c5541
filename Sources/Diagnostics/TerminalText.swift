/// Text from outside, made harmless for a terminal or a log: control and format characters are written as escapes.
///
/// Tabs become `\t`, newlines `\n`; the rest of C0, DEL, C1, bidirectional controls and zero-width characters become `\u{…}`.
package func escapedForTerminal(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: needsEscape) else { return text }
    var escaped = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\n": escaped += "\\n"
        case "\t": escaped += "\\t"
        case "\r": escaped += "\\r"
        case _ where needsEscape(scalar): escaped += "\\u{\(String(scalar.value, radix: 16))}"
        default: escaped.unicodeScalars.append(scalar)
        }
    }
    return escaped
}

private func needsEscape(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x00...0x1F, 0x7F...0x9F: true
    // Zero-width, bidirectional and line/paragraph separators: they can hide or reorder what a reader sees.
    case 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x2069, 0xFEFF: true
    default: false
    }
}
