package import Diagnostics

/// What YAML 1.2's core schema reads from a node: `1e-4` is a number, `no` is text, and there are no dates.
package enum CoreValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string(String)
    case list([CoreValue])
    case mapping([Entry])

    package struct Entry: Sendable, Hashable {
        package var key: String
        package var value: CoreValue

        package init(key: String, value: CoreValue) {
            self.key = key
            self.value = value
        }
    }

    /// Words for messages, such as `an integer`.
    package var kind: String {
        switch self {
        case .null: "empty"
        case .bool: "true or false"
        case .int: "an integer"
        case .float: "a number"
        case .string: "text"
        case .list: "a list"
        case .mapping: "a mapping"
        }
    }
}

extension YAMLNode {
    /// The typed value of the node and of all nodes in it, by YAML 1.2's core schema.
    ///
    /// - Throws: for a number that does not fit 64 bits, and for a tag that does not fit its text; all such places at once.
    package func coreValue() throws(InvalidInput) -> CoreValue {
        var problems: [Diagnostic] = []
        let value = coreValue(reporting: &problems)
        guard problems.isEmpty else { throw InvalidInput(problems) }
        return value
    }

    /// The tree is at most as deep as the document's limit, so the recursion is bounded.
    private func coreValue(reporting problems: inout [Diagnostic]) -> CoreValue {
        switch content {
        case .scalar(let scalar):
            do {
                return try coreValue(of: scalar)
            } catch {
                problems += error.diagnostics
                return .null
            }
        case .sequence(let items):
            var values: [CoreValue] = []
            values.reserveCapacity(items.count)
            for item in items { values.append(item.coreValue(reporting: &problems)) }
            return .list(values)
        case .mapping(let pairs):
            var entries: [CoreValue.Entry] = []
            entries.reserveCapacity(pairs.count)
            for pair in pairs {
                let value = pair.value.coreValue(reporting: &problems)
                entries.append(.init(key: pair.key.text ?? "", value: value))
            }
            return .mapping(entries)
        }
    }

    private func coreValue(of scalar: YAMLScalar) throws(InvalidInput) -> CoreValue {
        let text = scalar.text
        guard let tag else {
            guard scalar.isPlain else { return .string(text) }
            switch CoreScalar(text) {
            case .value(let value): return value
            case .tooLarge(let kind):
                throw InvalidInput(
                    "the number '\(text.prefix(40))' does not fit \(kind)", at: location,
                    remedy: "write it in quotes if it is text")
            }
        }
        let read: CoreValue? =
            switch (tag, CoreScalar(text)) {
            case (.string, _): .string(text)
            case (.null, .value(.null)): .null
            case (.bool, .value(.bool(let flag))): .bool(flag)
            case (.int, .value(.int(let number))): .int(number)
            case (.float, .value(.float(let number))): .float(number)
            case (.float, .value(.int(let number))): .float(Double(number))
            default: nil
            }
        guard let read else {
            throw InvalidInput(
                "'\(text.prefix(40))' is no value for the tag '!!\(tag.rawValue)'", at: location,
                remedy: "remove the tag")
        }
        return read
    }
}

/// The reading of one plain scalar.
private enum CoreScalar {
    case value(CoreValue)
    case tooLarge(String)

    init(_ text: String) {
        switch text {
        case "", "~", "null", "Null", "NULL": self = .value(.null)
        case "true", "True", "TRUE": self = .value(.bool(true))
        case "false", "False", "FALSE": self = .value(.bool(false))
        case ".nan", ".NaN", ".NAN": self = .value(.float(.nan))
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": self = .value(.float(.infinity))
        case "-.inf", "-.Inf", "-.INF": self = .value(.float(-.infinity))
        default: self = Self.number(text) ?? .value(.string(text))
        }
    }

    /// nil when the text is no number.
    private static func number(_ text: String) -> CoreScalar? {
        let bytes = text.utf8
        guard let first = bytes.first, isDigit(first) || "+-.".utf8.contains(first) else { return nil }
        if text.hasPrefix("0o") { return integer(text.dropFirst(2), radix: 8) }
        if text.hasPrefix("0x") { return integer(text.dropFirst(2), radix: 16) }
        let isSigned = "+-".utf8.contains(first)
        let digits = isSigned ? bytes.dropFirst() : bytes[...]
        if !digits.isEmpty, digits.allSatisfy(isDigit) {
            return Int(text).map { .value(.int($0)) } ?? .tooLarge("64 bits")
        }
        let whole = digits.prefix(while: isDigit)
        var rest = digits.dropFirst(whole.count)
        var fraction = rest.prefix(0)
        if rest.first == UInt8(ascii: ".") {
            fraction = rest.dropFirst().prefix(while: isDigit)
            rest = rest.dropFirst(1 + fraction.count)
        }
        guard !(whole.isEmpty && fraction.isEmpty) else { return nil }
        if let mark = rest.first {
            guard mark | 0x20 == UInt8(ascii: "e") else { return nil }
            rest = rest.dropFirst()
            if let sign = rest.first, "+-".utf8.contains(sign) { rest = rest.dropFirst() }
            guard !rest.isEmpty, rest.allSatisfy(isDigit) else { return nil }
        }
        // Swift's reader wants a digit on both sides of the point, YAML only on one.
        var padded = text
        if whole.isEmpty { padded.insert("0", at: digits.startIndex) }
        if fraction.isEmpty, let point = padded.utf8.firstIndex(of: UInt8(ascii: ".")) {
            padded.insert("0", at: padded.utf8.index(after: point))
        }
        guard let value = Double(padded) else { return nil }
        return value.isFinite ? .value(.float(value)) : .tooLarge("a 64-bit float")
    }

    private static func integer(_ digits: Substring, radix: Int) -> CoreScalar? {
        guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
            digits.allSatisfy({ $0.isASCII && ($0.hexDigitValue.map { $0 < radix } ?? false) })
        else { return nil }
        return Int(digits, radix: radix).map { .value(.int($0)) } ?? .tooLarge("64 bits")
    }
}
