/// A piece of a filter; offsets count bytes from the start of the filter.
struct FilterToken: Equatable {
    enum Kind: Equatable {
        /// Letters, digits, underscores and dots, not beginning with a digit; may end with a dot.
        case word
        case number
        /// In single or double quotes or backticks; the text is what is between them.
        case quoted(UInt8)
        /// A run of `=`, `<`, `>`, `!`.
        case comparator
        /// `(`, `)`, `,` or anything that no rule knows.
        case other
        case end
    }

    var kind: Kind
    var text: String
    var start: Int
    var end: Int
}

/// Splits a filter into tokens in one pass over its bytes.
struct FilterLexer {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    /// All tokens, the last of kind `.end`.
    ///
    /// - Throws: when a quote is not closed.
    mutating func tokens() throws(TrackingError) -> [FilterToken] {
        var tokens: [FilterToken] = []
        while let byte = current {
            if isBlank(byte) {
                position += 1
            } else {
                tokens.append(try next(byte))
            }
        }
        tokens.append(FilterToken(kind: .end, text: "", start: position, end: position))
        return tokens
    }

    private var current: UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    private mutating func next(_ byte: UInt8) throws(TrackingError) -> FilterToken {
        let start = position
        switch byte {
        case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "`"):
            return try quoted(byte)
        case UInt8(ascii: "="), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "!"):
            skip { [UInt8(ascii: "="), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "!")].contains($0) }
            return token(.comparator, from: start)
        case _ where isLetter(byte):
            skip { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: ".") }
            return token(.word, from: start)
        case _ where isDigit(byte) || ((byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")) && digitFollows):
            return number()
        default:
            position += 1
            return token(.other, from: start)
        }
    }

    private mutating func quoted(_ quote: UInt8) throws(TrackingError) -> FilterToken {
        let start = position
        position += 1
        skip { $0 != quote }
        guard current == quote else {
            throw .invalidParameter(
                "Invalid filter '\(String(decoding: bytes, as: UTF8.self).prefix(200))'. Could not be parsed: "
                    + "the quote at character \(start + 1) is not closed.")
        }
        position += 1
        let text = String(decoding: bytes[(start + 1)..<(position - 1)], as: UTF8.self)
        return FilterToken(kind: .quoted(quote), text: text, start: start, end: position)
    }

    private mutating func number() -> FilterToken {
        let start = position
        if current == UInt8(ascii: "-") { position += 1 }
        skip(while: isDigit)
        if current == UInt8(ascii: ".") {
            position += 1
            skip(while: isDigit)
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            position += 1
            if current == UInt8(ascii: "-") || current == UInt8(ascii: "+") { position += 1 }
            skip(while: isDigit)
        }
        // `1abc` is one malformed thing rather than two good ones.
        let end = position
        skip { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: ".") }
        return token(position == end ? .number : .other, from: start)
    }

    private var digitFollows: Bool {
        let following = position + 1 < bytes.count ? bytes[position + 1] : 0
        let afterDot = position + 2 < bytes.count ? bytes[position + 2] : 0
        return isDigit(following) || (following == UInt8(ascii: ".") && isDigit(afterDot))
    }

    private mutating func skip(while condition: (UInt8) -> Bool) {
        while let byte = current, condition(byte) { position += 1 }
    }

    private func token(_ kind: FilterToken.Kind, from start: Int) -> FilterToken {
        FilterToken(
            kind: kind, text: String(decoding: bytes[start..<position], as: UTF8.self), start: start, end: position)
    }
}

private func isBlank(_ byte: UInt8) -> Bool {
    byte == 0x20 || (0x09...0x0D).contains(byte)
}

private func isDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte)
}

/// Bytes outside ASCII belong to letters of some script as far as the lexer is concerned.
private func isLetter(_ byte: UInt8) -> Bool {
    (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F || byte >= 0x80
}
