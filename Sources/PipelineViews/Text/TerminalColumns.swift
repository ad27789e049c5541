/// How many columns a terminal gives to a text that holds no control characters.
func columns(of text: String) -> Int {
    text.unicodeScalars.reduce(0) { $0 + columns(of: $1) }
}

/// By scalar and not by grapheme cluster: that is how most terminals count, and where they do not, the line gets shorter than it may be.
func columns(of scalar: Unicode.Scalar) -> Int {
    if scalar.isASCII { return 1 }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: break
    }
    if scalar.properties.isEmojiPresentation { return 2 }
    switch scalar.value {
    // East Asian Wide and Fullwidth of Unicode's table, joined over unassigned gaps.
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
        0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF00...0xFF60,
        0xFFE0...0xFFE6, 0x16FE0...0x18DFF, 0x1AFF0...0x1B2FF, 0x1F200...0x1F2FF, 0x1F900...0x1F9FF,
        0x20000...0x3FFFD:
        return 2
    default: return 1
    }
}

/// A line of a terminal: pieces of text with their colours, cut to a width.
struct StyledLine {
    enum Style: String {
        case plain = ""
        case bold = "1"
        case faint = "2"
        case red = "31"
        case green = "32"
        case yellow = "33"
        case cyan = "36"
    }

    private var pieces: [(text: String, style: Style)] = []
    private(set) var width = 0

    mutating func add(_ text: String, _ style: Style = .plain) {
        guard !text.isEmpty else { return }
        pieces.append((text, style))
        width += columns(of: text)
    }

    /// Fills up with spaces to a column.
    mutating func move(to column: Int) {
        if width < column { add(String(repeating: " ", count: column - width)) }
    }

    /// The line with the terminal's codes, at most `limit` columns wide.
    func text(limit: Int, hasColour: Bool) -> String {
        var rest = width <= limit ? limit : max(0, limit - 1)
        var line = ""
        for piece in pieces {
            var shown = String.UnicodeScalarView()
            for scalar in piece.text.unicodeScalars {
                let wanted = columns(of: scalar)
                guard wanted <= rest else {
                    rest = -1
                    break
                }
                rest -= wanted
                shown.append(scalar)
            }
            let text = String(shown)
            let isStyled = hasColour && piece.style != .plain && !text.isEmpty
            line += isStyled ? "\u{1B}[\(piece.style.rawValue)m\(text)\u{1B}[0m" : text
            if rest < 0 { break }
        }
        return width <= limit || limit < 1 ? line : line + "…"
    }
}
