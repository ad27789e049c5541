/// Why a text is no JSON document that we take, and where.
package struct JSONError: Error, Hashable {
    package let offset: Int
    package let reason: String
}

/// Reads JSON strictly: RFC 8259 with a limit on depth, no name twice in one object, valid UTF-8 only (rule R11).
///
/// The one addition is Python's `NaN`, `Infinity` and `-Infinity`, which `json.dumps` writes and the reference server takes.
package struct JSONReader {
    package static let depthLimit = 64
    /// No number anybody means is longer.
    private static let numberLengthLimit = 1024

    private var position = 0

    private init() {}

    /// Reads a whole document; nil when there is nothing but white space.
    package static func read(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue? {
        var reader = JSONReader()
        reader.skipWhiteSpace(bytes)
        if reader.position == bytes.count { return nil }
        let value = try reader.value(bytes, depth: 0)
        reader.skipWhiteSpace(bytes)
        if reader.position != bytes.count { throw reader.error("there is something after the document") }
        return value
    }

    private func error(_ reason: String) -> JSONError { JSONError(offset: position, reason: reason) }

    private func peek(_ bytes: Span<UInt8>) -> UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipWhiteSpace(_ bytes: Span<UInt8>) {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    // MARK: Values

    private mutating func value(_ bytes: Span<UInt8>, depth: Int) throws(JSONError) -> JSONValue {
        guard depth < Self.depthLimit else { throw error("it is nested deeper than \(Self.depthLimit) levels") }
        guard let byte = peek(bytes) else { throw error("it ends too early") }
        switch byte {
        case UInt8(ascii: "{"): return .object(try object(bytes, depth: depth))
        case UInt8(ascii: "["): return .array(try array(bytes, depth: depth))
        case UInt8(ascii: "\""): return .string(try string(bytes))
        case UInt8(ascii: "t"): return try word("true", .bool(true), bytes)
        case UInt8(ascii: "f"): return try word("false", .bool(false), bytes)
        case UInt8(ascii: "n"): return try word("null", .null, bytes)
        case UInt8(ascii: "N"): return try word("NaN", .double(.nan), bytes)
        case UInt8(ascii: "I"): return try word("Infinity", .double(.infinity), bytes)
        default: return try number(bytes)
        }
    }

    private mutating func word(_ word: String, _ value: JSONValue, _ bytes: Span<UInt8>) throws(JSONError) -> JSONValue
    {
        for expected in word.utf8 {
            guard peek(bytes) == expected else { throw error("there is an unknown word") }
            position += 1
        }
        return value
    }

    private mutating func array(_ bytes: Span<UInt8>, depth: Int) throws(JSONError) -> [JSONValue] {
        position += 1
        var elements: [JSONValue] = []
        skipWhiteSpace(bytes)
        if peek(bytes) == UInt8(ascii: "]") {
            position += 1
            return elements
        }
        while true {
            skipWhiteSpace(bytes)
            elements.append(try value(bytes, depth: depth + 1))
            skipWhiteSpace(bytes)
            switch peek(bytes) {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "]"):
                position += 1
                return elements
            default: throw error("a ',' or ']' is missing")
            }
        }
    }

    private mutating func object(_ bytes: Span<UInt8>, depth: Int) throws(JSONError) -> JSONObject {
        position += 1
        var object = JSONObject()
        object.members.reserveCapacity(4)
        var seen: Set<String> = []
        skipWhiteSpace(bytes)
        if peek(bytes) == UInt8(ascii: "}") {
            position += 1
            return object
        }
        while true {
            skipWhiteSpace(bytes)
            guard peek(bytes) == UInt8(ascii: "\"") else { throw error("a name in quotes is missing") }
            let name = try string(bytes)
            // A set pays only for large objects.
            let isKnown: Bool
            if object.members.count < 16 {
                isKnown = object.members.contains { $0.name == name }
            } else {
                if seen.isEmpty { seen = Set(object.members.map(\.name)) }
                isKnown = !seen.insert(name).inserted
            }
            guard !isKnown else { throw error("'\(String(name.prefix(100)))' is given twice") }
            skipWhiteSpace(bytes)
            guard peek(bytes) == UInt8(ascii: ":") else { throw error("a ':' is missing") }
            position += 1
            skipWhiteSpace(bytes)
            object.members.append(JSONObject.Member(name: name, value: try value(bytes, depth: depth + 1)))
            skipWhiteSpace(bytes)
            switch peek(bytes) {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "}"):
                position += 1
                return object
            default: throw error("a ',' or '}' is missing")
            }
        }
    }

    // MARK: Numbers

    private mutating func number(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        let start = position
        let isNegative = peek(bytes) == UInt8(ascii: "-")
        if isNegative { position += 1 }
        if isNegative, peek(bytes) == UInt8(ascii: "I") { return try word("Infinity", .double(-.infinity), bytes) }
        let digitsStart = position
        var magnitude: UInt64 = 0
        var overflows = false
        while let digit = peek(bytes), isDigit(digit) {
            let (product, first) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, second) = product.addingReportingOverflow(UInt64(digit - 0x30))
            overflows = overflows || first || second
            magnitude = sum
            position += 1
        }
        guard position > digitsStart else { throw error("there is no value where one is expected") }
        if bytes[digitsStart] == UInt8(ascii: "0"), position - digitsStart > 1 { throw error("a number begins with 0") }
        let isInteger = try skipFractionAndExponent(bytes)
        guard position - start <= Self.numberLengthLimit else { throw error("a number is too long") }
        if isInteger, !overflows {
            if isNegative, magnitude <= UInt64(Int64.max) + 1 {
                return .integer(Int64(truncatingIfNeeded: 0 &- magnitude))
            }
            if !isNegative, let integer = Int64(exactly: magnitude) { return .integer(integer) }
        }
        guard let text = text(bytes, start..<position), let double = Double(text) else {
            throw error("a number is broken")
        }
        return .double(double)
    }

    /// Whether the number had neither.
    private mutating func skipFractionAndExponent(_ bytes: Span<UInt8>) throws(JSONError) -> Bool {
        var isInteger = true
        if peek(bytes) == UInt8(ascii: ".") {
            isInteger = false
            position += 1
            try skipDigits(bytes)
        }
        if let byte = peek(bytes), byte | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            position += 1
            if let sign = peek(bytes), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
            try skipDigits(bytes)
        }
        return isInteger
    }

    private mutating func skipDigits(_ bytes: Span<UInt8>) throws(JSONError) {
        let start = position
        while let digit = peek(bytes), isDigit(digit) { position += 1 }
        guard position > start else { throw error("a number lacks digits") }
    }

    private func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    // MARK: Strings

    private func text(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String? {
        guard let text = try? UTF8Span(validating: bytes.extracting(range)) else { return nil }
        return String(copying: text)
    }

    private mutating func string(_ bytes: Span<UInt8>) throws(JSONError) -> String {
        position += 1
        let start = position
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                guard let text = text(bytes, start..<position) else { throw error("a string is not valid UTF-8") }
                position += 1
                return text
            case UInt8(ascii: "\\"): return try stringWithEscapes(bytes, from: start)
            case 0..<0x20: throw error("a control character stands in a string")
            default: position += 1
            }
        }
        throw error("a string does not end")
    }

    private mutating func stringWithEscapes(_ bytes: Span<UInt8>, from start: Int) throws(JSONError) -> String {
        var content: [UInt8] = []
        content.reserveCapacity(position - start + 32)
        for index in start..<position { content.append(bytes[index]) }
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: content, as: UTF8.self) else {
                    throw error("a string is not valid UTF-8")
                }
                position += 1
                return text
            case UInt8(ascii: "\\"):
                position += 1
                try appendEscape(bytes, to: &content)
            case 0..<0x20: throw error("a control character stands in a string")
            default:
                content.append(byte)
                position += 1
            }
        }
        throw error("a string does not end")
    }

    private mutating func appendEscape(_ bytes: Span<UInt8>, to content: inout [UInt8]) throws(JSONError) {
        guard let byte = peek(bytes) else { throw error("a string does not end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            let unit = try hexUnit(bytes)
            var value = UInt32(unit)
            if UTF16.isLeadSurrogate(unit) {
                guard peek(bytes) == UInt8(ascii: "\\") else { throw error("half a surrogate pair stands in a string") }
                position += 1
                guard peek(bytes) == UInt8(ascii: "u") else { throw error("half a surrogate pair stands in a string") }
                position += 1
                let trail = try hexUnit(bytes)
                guard UTF16.isTrailSurrogate(trail) else { throw error("half a surrogate pair stands in a string") }
                value = 0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(trail) - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(value) else { throw error("half a surrogate pair stands in a string") }
            content.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        default: throw error("there is an unknown escape")
        }
    }

    private func hexDigit(_ byte: UInt8) -> UInt16? {
        switch byte {
        case 0x30...0x39: UInt16(byte - 0x30)
        case 0x41...0x46: UInt16(byte - 0x41 + 10)
        case 0x61...0x66: UInt16(byte - 0x61 + 10)
        default: nil
        }
    }

    private mutating func hexUnit(_ bytes: Span<UInt8>) throws(JSONError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = peek(bytes), let digit = hexDigit(byte) else {
                throw error("an escape lacks hexadecimal digits")
            }
            unit = unit << 4 | digit
            position += 1
        }
        return unit
    }
}
