package import Diagnostics

/// A JSON value.
///
/// Objects keep their order; numbers keep their text, so that nothing is rounded.
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])

    package struct Member: Sendable, Hashable {
        package var name: String
        package var value: JSONValue

        package init(name: String, value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    /// The value of an object's member.
    package subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }
}

/// A JSON file, read strictly (RFC 8259) within limits.
///
/// A name that is given twice is an error.
package struct JSONDocument: Sendable {
    package let root: JSONValue

    /// - Parameter file: the name to show in messages.
    package init(parsing bytes: [UInt8], file: String, limits: DocumentLimits = .json) throws(InvalidInput) {
        let content = try checkedUTF8(bytes, file: file, limits: limits)
        var parser = JSONParser(content: content, file: file, limits: limits)
        root = try parser.document()
    }
}

private struct JSONParser {
    let content: ArraySlice<UInt8>
    let file: String
    let limits: DocumentLimits
    private var index: Int
    private var nodes = 0

    init(content: ArraySlice<UInt8>, file: String, limits: DocumentLimits) {
        self.content = content
        self.file = file
        self.limits = limits
        index = content.startIndex
    }

    mutating func document() throws(InvalidInput) -> JSONValue {
        let root = try value(depth: 0)
        skipBlanks()
        guard index == content.endIndex else { throw failure("something follows the end of the value") }
        return root
    }

    /// Recursion is bounded by the limit of depth.
    private mutating func value(depth: Int) throws(InvalidInput) -> JSONValue {
        skipBlanks()
        nodes += 1
        guard nodes <= limits.nodes else { throw failure("the file has more than \(limits.nodes) values") }
        switch peek {
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-")?: return .number(try number())
        case let byte? where isDigit(byte): return .number(try number())
        case nil: throw failure("the file ends where a value is expected")
        default: throw failure("a value is expected here")
        }
    }

    private mutating func object(depth: Int) throws(InvalidInput) -> JSONValue {
        try enter(depth)
        var members: [JSONValue.Member] = []
        var names: Set<String> = []
        if skip("}") { return .object(members) }
        repeat {
            skipBlanks()
            let start = index
            guard peek == UInt8(ascii: "\"") else { throw failure("a name in double quotes is expected here") }
            let name = try string()
            guard names.insert(name).inserted else {
                throw failure("'\(name)' is given twice", at: start, remedy: "remove one of the two")
            }
            guard skip(":") else { throw failure("':' is expected here") }
            members.append(.init(name: name, value: try value(depth: depth)))
        } while skip(",")
        guard skip("}") else { throw failure("',' or '}' is expected here") }
        return .object(members)
    }

    private mutating func array(depth: Int) throws(InvalidInput) -> JSONValue {
        try enter(depth)
        var items: [JSONValue] = []
        if skip("]") { return .array(items) }
        repeat { items.append(try value(depth: depth)) } while skip(",")
        guard skip("]") else { throw failure("',' or ']' is expected here") }
        return .array(items)
    }

    private mutating func enter(_ depth: Int) throws(InvalidInput) {
        guard depth <= limits.depth else { throw failure("values are nested deeper than \(limits.depth) levels") }
        index += 1
    }

    private mutating func word(_ word: String, _ value: JSONValue) throws(InvalidInput) -> JSONValue {
        guard content[index...].starts(with: word.utf8) else { throw failure("a value is expected here") }
        index += word.utf8.count
        return value
    }

    private mutating func number() throws(InvalidInput) -> String {
        let start = index
        if peek == UInt8(ascii: "-") { index += 1 }
        let leadsWithZero = peek == UInt8(ascii: "0")
        guard skipDigits() > 0, !leadsWithZero || content[start..<index].count(where: isDigit) == 1 else {
            throw failure("this is no JSON number", at: start)
        }
        if peek == UInt8(ascii: ".") {
            index += 1
            guard skipDigits() > 0 else { throw failure("this is no JSON number", at: start) }
        }
        if let byte = peek, byte | 0x20 == UInt8(ascii: "e") {
            index += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { index += 1 }
            guard skipDigits() > 0 else { throw failure("this is no JSON number", at: start) }
        }
        return String(decoding: content[start..<index], as: UTF8.self)
    }

    private mutating func skipDigits() -> Int {
        let count = content[index...].prefix(while: isDigit).count
        index += count
        return count
    }

    // MARK: Strings

    private mutating func string() throws(InvalidInput) -> String {
        let start = index
        index += 1
        var bytes: [UInt8] = []
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                index += 1
                // Escapes only ever add whole characters.
                return String(decoding: bytes, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(into: &bytes)
            case 0..<0x20:
                throw failure("a control character in a text", remedy: "write it as an escape, such as '\\n'")
            default:
                bytes.append(byte)
                index += 1
            }
        }
        throw failure("the text that begins here does not end", at: start)
    }

    private mutating func escape(into bytes: inout [UInt8]) throws(InvalidInput) {
        let start = index
        index += 1
        guard let letter = peek else { throw failure("the file ends in a text") }
        index += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(letter)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexadecimal(start)
            if (0xD800..<0xDC00).contains(code) {
                guard content[index...].starts(with: "\\u".utf8) else {
                    throw failure("half a surrogate pair", at: start)
                }
                index += 2
                let low = try hexadecimal(start)
                guard (0xDC00..<0xE000).contains(low) else { throw failure("half a surrogate pair", at: start) }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure("half a surrogate pair", at: start) }
            bytes += Array(String(scalar).utf8)
        default: throw failure("an unknown escape in a text", at: start)
        }
    }

    private mutating func hexadecimal(_ start: Int) throws(InvalidInput) -> UInt32 {
        let digits = content[index...].prefix(4)
        guard digits.count == 4, digits.allSatisfy({ isDigit($0) || (0x61...0x66).contains($0 | 0x20) }),
            let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw failure("'\\u' needs four hexadecimal digits", at: start) }
        index += 4
        return code
    }

    // MARK: Bytes

    private var peek: UInt8? { index < content.endIndex ? content[index] : nil }

    private mutating func skipBlanks() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
    }

    /// Skips blanks and then this character, if it is there.
    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        skipBlanks()
        guard let byte = peek, UInt32(byte) == character.value else { return false }
        index += 1
        return true
    }

    private func failure(_ message: String, at offset: Int? = nil, remedy: String? = nil) -> InvalidInput {
        InvalidInput(
            "not valid JSON: \(message)", at: place(of: offset ?? index, in: content, file: file), remedy: remedy)
    }
}
