/// A piece of an expression; offsets count bytes from the start of the text it stands in.
struct ExpressionToken: Hashable {
    enum Kind: Hashable {
        case name(String)
        case int(Int)
        /// 2⁶³, which is a number only behind a minus.
        case intBelowMinimum
        case float(Double)
        case string(String)
        /// An operator, a bracket, a comma or a dot.
        case symbol(Symbol)
        /// `}}`
        case close
        case end
    }

    enum Symbol: String, Hashable, CaseIterable {
        case equal = "=="
        case notEqual = "!="
        case lessOrEqual = "<="
        case greaterOrEqual = ">="
        case coalesce = "??"
        case floorDivide = "//"
        case less = "<"
        case greater = ">"
        case plus = "+"
        case minus = "-"
        case times = "*"
        case divide = "/"
        case remainder = "%"
        case dot = "."
        case comma = ","
        case openBracket = "["
        case closeBracket = "]"
        case openParenthesis = "("
        case closeParenthesis = ")"
    }

    var kind: Kind
    var start: Int

    func isSymbol(_ symbol: Symbol) -> Bool { kind == .symbol(symbol) }
    func isWord(_ word: String) -> Bool { kind == .name(word) }
}

/// Why an expression cannot be read, and at which byte.
struct ExpressionProblem: Error {
    var offset: Int
    var code = "P040"
    var message: String
    var remedy: String?
    /// How many bytes from the offset on are meant.
    var length: Int?
}

/// Splits an expression into tokens, one at a time, in one pass over its bytes.
struct ExpressionLexer {
    private let bytes: [UInt8]
    private(set) var position: Int

    init(_ bytes: [UInt8], at position: Int) {
        self.bytes = bytes
        self.position = position
    }

    /// - Parameter isStepName: whether a name may contain `-`, as a step's may; a step alone is no number, so nothing is subtracted from it.
    mutating func next(isStepName: Bool = false) throws(ExpressionProblem) -> ExpressionToken {
        while let byte = current, byte == 0x20 || (0x09...0x0D).contains(byte) { position += 1 }
        let start = position
        guard let byte = current else { return ExpressionToken(kind: .end, start: start) }
        switch byte {
        case UInt8(ascii: "'"), UInt8(ascii: "\""):
            return ExpressionToken(kind: .string(try string(closedBy: byte)), start: start)
        case _ where isNameStart(byte):
            skip { isNameStart($0) || isDigit($0) || (isStepName && $0 == UInt8(ascii: "-")) }
            return ExpressionToken(kind: .name(text(from: start)), start: start)
        case _ where isDigit(byte):
            return ExpressionToken(kind: try number(), start: start)
        case UInt8(ascii: "}") where following == byte:
            position += 2
            return ExpressionToken(kind: .close, start: start)
        default:
            return ExpressionToken(kind: .symbol(try symbol()), start: start)
        }
    }

    /// Goes on behind the next `}}`, for the expressions that follow one that cannot be read.
    mutating func skipToClose() {
        while current != nil {
            if current == UInt8(ascii: "}"), following == UInt8(ascii: "}") {
                position += 2
                return
            }
            position += 1
        }
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }
    private var following: UInt8? { position + 1 < bytes.count ? bytes[position + 1] : nil }

    private mutating func skip(while condition: (UInt8) -> Bool) {
        while let byte = current, condition(byte) { position += 1 }
    }

    private func text(from start: Int) -> String { String(decoding: bytes[start..<position], as: UTF8.self) }

    private mutating func symbol() throws(ExpressionProblem) -> ExpressionToken.Symbol {
        let pair = String(decoding: bytes[position...].prefix(2), as: UTF8.self)
        if let symbol = ExpressionToken.Symbol(rawValue: pair) {
            position += 2
            return symbol
        }
        if let symbol = ExpressionToken.Symbol(rawValue: String(pair.prefix(1))) {
            position += 1
            return symbol
        }
        let remedies: [String: String] = [
            "=": "to compare, write '=='", "&&": "write 'and'", "||": "write 'or'", "!": "write 'not'",
            "?": "write 'if(condition, a, b)', or 'a ?? b' for a value that may be missing", "**": "there is no power",
            "{": "there are no maps in expressions", "$": "'${{' stands once around the whole expression",
        ]
        let shown = remedies[pair] == nil ? character(at: position) : pair
        throw ExpressionProblem(
            offset: position, message: "'\(shown)' has no meaning in an expression",
            remedy: remedies[pair] ?? remedies[String(pair.prefix(1))])
    }

    /// The whole character that begins at a byte.
    private func character(at offset: Int) -> String {
        String(decoding: bytes[offset...].prefix(4), as: UTF8.self).prefix(1).description
    }

    private mutating func number() throws(ExpressionProblem) -> ExpressionToken.Kind {
        let start = position
        skip(while: isDigit)
        var isFloat = false
        if current == UInt8(ascii: "."), let next = following, isDigit(next) {
            isFloat = true
            position += 1
            skip(while: isDigit)
        }
        if let mark = current, mark | 0x20 == UInt8(ascii: "e") {
            let beforeMark = position
            position += 1
            if let sign = current, "+-".utf8.contains(sign) { position += 1 }
            if let digit = current, isDigit(digit) {
                isFloat = true
                skip(while: isDigit)
            } else {
                position = beforeMark
            }
        }
        let text = text(from: start)
        if let byte = current, isNameStart(byte) {
            skip { isNameStart($0) || isDigit($0) }
            throw ExpressionProblem(
                offset: start, message: "'\(self.text(from: start).prefix(40))' is neither a number nor a name",
                remedy: "write text in quotes")
        }
        guard isFloat else {
            if let value = Int(text) { return .int(value) }
            if UInt(text) == Int.min.magnitude { return .intBelowMinimum }
            throw ExpressionProblem(offset: start, message: "the number '\(text.prefix(40))' does not fit 64 bits")
        }
        guard let value = Double(text), value.isFinite else {
            throw ExpressionProblem(offset: start, message: "the number '\(text.prefix(40))' is too large")
        }
        return .float(value)
    }

    private mutating func string(closedBy quote: UInt8) throws(ExpressionProblem) -> String {
        let start = position
        position += 1
        var text: [UInt8] = []
        while let byte = current {
            position += 1
            if byte == quote { return String(decoding: text, as: UTF8.self) }
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                continue
            }
            text += try escape()
        }
        throw ExpressionProblem(offset: start, message: "the text that begins here is not closed")
    }

    /// What stands behind a backslash.
    private mutating func escape() throws(ExpressionProblem) -> [UInt8] {
        let start = position - 1
        guard let letter = current else { return [] }
        position += 1
        switch letter {
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): return [letter]
        case UInt8(ascii: "u"):
            let digits = bytes[position...].prefix(4)
            guard digits.count == 4, digits.allSatisfy(isHexDigit),
                let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16), code != 0,
                let scalar = Unicode.Scalar(code)
            else {
                throw ExpressionProblem(
                    offset: start, message: "'\\u' wants four hexadecimal digits of a character")
            }
            position += 4
            return Array(String(scalar).utf8)
        default:
            throw ExpressionProblem(
                offset: start, message: "'\\\(character(at: start + 1))' has no meaning in a text",
                remedy: "a backslash itself is '\\\\'; known are \\n, \\t, \\r, \\', \\\" and \\uXXXX")
        }
    }
}

/// Whether a name can stand behind a dot as it is.
func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, isNameStart(first) else { return false }
    return text.utf8.allSatisfy { isNameStart($0) || isDigit($0) }
}

/// Whether a step's name can stand behind `steps.` as it is.
func isStepName(_ text: String) -> Bool {
    guard let first = text.utf8.first, isNameStart(first) else { return false }
    return text.utf8.allSatisfy { isNameStart($0) || isDigit($0) || $0 == UInt8(ascii: "-") }
}

/// A text as an expression would write it.
func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\t": result += "\\t"
        case "\r": result += "\\r"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}

func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

private func isNameStart(_ byte: UInt8) -> Bool {
    (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
}

private func isHexDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || (0x61...0x66).contains(byte | 0x20)
}
