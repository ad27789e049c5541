/// The type of an expression, as far as it is known before the start.
package indirect enum ValueType: Sendable, Hashable, CustomStringConvertible {
    case null, bool, int, float, string, artifact
    case list(ValueType)
    /// Known only when the value is there.
    case any

    /// The words of messages, such as `a list of integers`.
    package var description: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .int: "an integer"
        case .float: "a number"
        case .string: "text"
        case .artifact: "an artifact"
        case .list(.any): "a list"
        case .list(let element): "a list of \(element.plural)"
        case .any: "a value of unknown type"
        }
    }

    private var plural: String {
        switch self {
        case .null: "nulls"
        case .bool: "truth values"
        case .int: "integers"
        case .float: "numbers"
        case .string: "texts"
        case .artifact: "artifacts"
        case .list: "lists"
        case .any: "values"
        }
    }

    package var isNumber: Bool { self == .int || self == .float }

    /// Whether a value of this type may be of the other one.
    package func mayBe(_ other: ValueType) -> Bool {
        switch (self, other) {
        case (.any, _), (_, .any): true
        case (.list(let own), .list(let others)): own.mayBe(others)
        case (.int, .float): true
        default: self == other
        }
    }

    /// The type of a value that has one of the given types; nil for none of them.
    package static func common(_ types: some Sequence<ValueType>) -> ValueType? {
        types.reduce(nil as ValueType?) { known, type in known.map { common($0, type) } ?? type }
    }

    static func common(_ one: ValueType, _ other: ValueType) -> ValueType {
        switch (one, other) {
        case _ where one == other: one
        case (.int, .float), (.float, .int): .float
        case (.list(let left), .list(let right)): .list(common(left, right))
        default: .any
        }
    }
}
