/// The functions of the language.
enum ExpressionFunction: String, Sendable, Hashable, CaseIterable {
    case min, max, sum, mean, median, count, len, sorted, round, abs
    case int, float, str, json
    case fromJSON = "from_json"
    case basename, join, range, contains
    case startsWith = "starts_with"
    case endsWith = "ends_with"
    case matches, format, path, uri
    case choose = "if"

    /// How it is called, for messages.
    var usage: String {
        switch self {
        case .min, .max: "\(rawValue)(list) or \(rawValue)(a, b, …)"
        case .sum, .mean, .median, .count, .sorted: "\(rawValue)(list)"
        case .len: "len(list or text)"
        case .round: "round(x) or round(x, digits)"
        case .abs, .int, .float, .str, .json, .path, .uri: "\(rawValue)(x)"
        case .fromJSON: "from_json(text)"
        case .basename: "basename(path)"
        case .join: "join(list, separator)"
        case .range: "range(stop), range(start, stop) or range(start, stop, step)"
        case .contains: "contains(list, x) or contains(text, part)"
        case .startsWith: "starts_with(text, beginning)"
        case .endsWith: "ends_with(text, end)"
        case .matches: "matches(text, pattern)"
        case .format: "format(text, a, b, …)"
        case .choose: "if(condition, a, b)"
        }
    }

    var argumentCount: ClosedRange<Int> {
        switch self {
        case .min, .max: 1...ExpressionLimits.arguments
        case .sum, .mean, .median, .count, .len, .sorted, .abs, .int, .float, .str, .json, .fromJSON, .basename, .path,
            .uri:
            1...1
        case .round: 1...2
        case .join, .contains, .startsWith, .endsWith, .matches: 2...2
        case .range: 1...3
        case .format: 1...ExpressionLimits.arguments
        case .choose: 3...3
        }
    }
}

/// What no expression needs and no evaluation survives without.
package enum ExpressionLimits {
    /// Bytes of one expression's text.
    package static let length = 16_384
    /// Brackets, calls and `not` inside each other.
    package static let depth = 64
    static let arguments = 256
    /// Elements of one list.
    package static let listLength = 1_000_000
    /// Bytes of one text.
    package static let textLength = 1 << 20
    /// Elements and bytes that one evaluation may look at or make.
    package static let work = 4_000_000
}
