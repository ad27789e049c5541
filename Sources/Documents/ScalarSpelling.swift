/// Reads once more how a scalar is spelt, noting where in the file each piece of its text stands.
///
/// libyaml tells only where a scalar begins. This is asked for a value that holds an expression, and checked against what
/// libyaml read, so a gap in it costs a column in a message and nothing else.
struct ScalarSpelling {
    private let lines: [ArraySlice<UInt8>]
    /// How long the text is; nothing is read behind that.
    private let length: Int
    /// The current line (from 0) and the byte in it.
    private var row: Int
    private var place: Int
    private(set) var text: [UInt8] = []
    private(set) var segments: [TextPlacement.Segment] = []

    init?(_ source: SourceText, line: Int, column: Int, length: Int) {
        lines = source.lines
        self.length = length
        row = line - 1
        guard lines.indices.contains(row) else { return nil }
        let current = lines[row]
        place = current.startIndex
        for _ in 1..<max(column, 1) where place < current.endIndex {
            place += 1
            while place < current.endIndex, current[place] & 0xC0 == 0x80 { place += 1 }
        }
    }

    /// Whether what was read is the node's text; a plain or block scalar is read to the end of its last line.
    func agrees(with text: String) -> Bool {
        // The line breaks a block ends with are not read; nothing points there.
        var content = text.utf8[...]
        while content.last == 0x0A { content = content.dropLast() }
        return self.text.starts(with: content)
    }

    private var line: ArraySlice<UInt8> { lines[row] }
    private var current: UInt8? { place < line.endIndex ? line[place] : nil }

    mutating func read() {
        skipProperties()
        switch current {
        case UInt8(ascii: "\""): readQuoted(escapes: true)
        case UInt8(ascii: "'"): readQuoted(escapes: false)
        case UInt8(ascii: "|"): readBlock(isFolded: false)
        case UInt8(ascii: ">"): readBlock(isFolded: true)
        default: readPlain()
        }
    }

    /// Tags and anchors stand in front of the value.
    private mutating func skipProperties() {
        while let byte = current, byte == UInt8(ascii: "&") || byte == UInt8(ascii: "!") {
            while let next = current, !isBlank(next) { place += 1 }
            while let next = current, isBlank(next) { place += 1 }
        }
    }

    /// Begins a new segment here: what follows is in the text as it is in the file.
    private mutating func mark() {
        let column = line[..<place].count { $0 & 0xC0 != 0x80 } + 1
        segments.append(.init(offset: text.count, line: row + 1, column: column))
    }

    /// Goes to the next line; false at the end of the file.
    private mutating func advance() -> Bool {
        guard row + 1 < lines.count else { return false }
        row += 1
        place = line.startIndex
        return true
    }

    /// A line break in a flow scalar: one is a space, more are one fewer.
    private mutating func fold() -> Bool {
        while let last = text.last, isBlank(last), text.count > (segments.last?.offset ?? 0) { text.removeLast() }
        var breaks = 0
        repeat {
            guard advance() else { return false }
            breaks += 1
            while let next = current, isBlank(next) { place += 1 }
        } while current == nil
        text += breaks == 1 ? [0x20] : [UInt8](repeating: 0x0A, count: breaks - 1)
        mark()
        return true
    }

    private mutating func readPlain() {
        mark()
        while text.count < length {
            guard let byte = current else {
                guard fold() else { return }
                continue
            }
            text.append(byte)
            place += 1
        }
    }

    private mutating func readQuoted(escapes: Bool) {
        let quote = current
        place += 1
        mark()
        while true {
            guard let byte = current else {
                guard fold() else { return }
                continue
            }
            if byte == quote {
                guard !escapes, place + 1 < line.endIndex, line[place + 1] == quote else { return }
                place += 2
                text.append(byte)
                mark()
            } else if escapes, byte == UInt8(ascii: "\\") {
                guard readEscape() else { return }
            } else {
                text.append(byte)
                place += 1
            }
        }
    }

    private mutating func readEscape() -> Bool {
        mark()
        place += 1
        guard let letter = current else {
            // An escaped line break joins the lines with nothing between them.
            guard advance() else { return false }
            while let next = current, isBlank(next) { place += 1 }
            mark()
            return true
        }
        place += 1
        let width =
            letter == UInt8(ascii: "x") ? 2 : letter == UInt8(ascii: "u") ? 4 : letter == UInt8(ascii: "U") ? 8 : 0
        if width > 0 {
            let digits = line[place...].prefix(width)
            guard digits.count == width, let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16),
                let scalar = Unicode.Scalar(code)
            else { return false }
            text += Array(String(scalar).utf8)
            place += width
        } else {
            guard let meant = Self.escapes[letter] else { return false }
            text += Array(String(meant).utf8)
        }
        mark()
        return true
    }

    private static let escapes: [UInt8: Unicode.Scalar] = [
        UInt8(ascii: "0"): "\0", UInt8(ascii: "a"): "\u{7}", UInt8(ascii: "b"): "\u{8}", UInt8(ascii: "t"): "\t",
        UInt8(ascii: "\t"): "\t", UInt8(ascii: "n"): "\n", UInt8(ascii: "v"): "\u{B}", UInt8(ascii: "f"): "\u{C}",
        UInt8(ascii: "r"): "\r", UInt8(ascii: "e"): "\u{1B}", UInt8(ascii: " "): " ", UInt8(ascii: "\""): "\"",
        UInt8(ascii: "/"): "/", UInt8(ascii: "\\"): "\\", UInt8(ascii: "N"): "\u{85}", UInt8(ascii: "_"): "\u{A0}",
        UInt8(ascii: "L"): "\u{2028}", UInt8(ascii: "P"): "\u{2029}",
    ]

    /// A block scalar; folding is as libyaml's: lines that are indented more keep their breaks.
    private mutating func readBlock(isFolded: Bool) {
        let header = line[place...].dropFirst().prefix { $0 != UInt8(ascii: "#") }
        let indicator = header.first(where: isDigit).map { Int($0 - UInt8(ascii: "0")) }
        var indentation = indicator.map { $0 + parentIndentation() }
        var pendingBreaks = 0
        var wasIndentedMore = true
        while text.count < length, advance() {
            let spaces = line.prefix { $0 == 0x20 }.count
            if spaces == line.count, spaces <= indentation ?? spaces {
                pendingBreaks += 1
                continue
            }
            let width = indentation ?? spaces
            guard spaces >= width, width > 0 || row > 0 else { return }
            indentation = width
            place = line.startIndex + width
            let isIndentedMore = current.map(isBlank) ?? false
            if segments.isEmpty {
                text += [UInt8](repeating: 0x0A, count: pendingBreaks)
            } else if isFolded, !isIndentedMore, !wasIndentedMore {
                text += pendingBreaks == 0 ? [0x20] : [UInt8](repeating: 0x0A, count: pendingBreaks)
            } else {
                text += [UInt8](repeating: 0x0A, count: pendingBreaks + 1)
            }
            pendingBreaks = 0
            wasIndentedMore = isIndentedMore
            mark()
            text += line[place...]
        }
    }

    /// The indentation of the line the block begins in; an indicator counts from there.
    private func parentIndentation() -> Int {
        line.prefix { $0 == 0x20 }.count
    }
}

private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
