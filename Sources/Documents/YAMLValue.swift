package import Diagnostics

/// What PyYAML's safe loader reads from a node: YAML 1.1 types, integers of any size.
package enum YAMLValue: Sendable, Hashable {
    case null
    case bool(Bool)
    /// Decimal digits, with a `-` for negative numbers.
    case int(String)
    case float(Double)
    case timestamp(YAMLTimestamp)
    case string(String)
    case list([YAMLValue])
    case mapping([Entry])

    package struct Entry: Sendable, Hashable {
        package var key: YAMLValue
        package var value: YAMLValue

        package init(key: YAMLValue, value: YAMLValue) {
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
        case .timestamp: "a date"
        case .string: "text"
        case .list: "a list"
        case .mapping: "a mapping"
        }
    }
}

extension YAMLNode {
    /// The typed value of the node and of all nodes in it.
    ///
    /// - Throws: for text that looks like a typed value and is none, such as `2020-13-01`, and for a tag that does not fit.
    package func value() throws(InvalidInput) -> YAMLValue {
        switch content {
        case .scalar(let scalar):
            return try value(of: scalar)
        case .sequence(let items):
            var values: [YAMLValue] = []
            for item in items { values.append(try item.value()) }
            return .list(values)
        case .mapping(let pairs):
            var entries: [YAMLValue.Entry] = []
            for pair in pairs { entries.append(.init(key: try pair.key.value(), value: try pair.value.value())) }
            return .mapping(entries)
        }
    }

    /// Whether the node says "nothing here": `null`, `~` or no text at all.
    package var isNull: Bool {
        (try? value()) == .null
    }

    private func value(of scalar: YAMLScalar) throws(InvalidInput) -> YAMLValue {
        let text = scalar.text
        let type = tag ?? (scalar.isPlain ? implicitTag(of: text) : .string)
        let value: YAMLValue? =
            switch type {
            case .string: .string(text)
            case .null: .null
            case .bool: boolean(text).map(YAMLValue.bool)
            case .int: integer(text).map(YAMLValue.int)
            case .float: float(text).map(YAMLValue.float)
            case .timestamp: YAMLTimestamp(text).map(YAMLValue.timestamp)
            case .sequence, .mapping: nil
            }
        guard let value else {
            throw InvalidInput(
                "YAML reads '\(text)' as \(type.article), but it is none", at: location,
                remedy: "write it in quotes if it is text")
        }
        return value
    }
}

extension YAMLTag {
    fileprivate var article: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .int: "an integer"
        case .float: "a number"
        case .timestamp: "a date"
        case .string: "text"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}
