package import Diagnostics

/// One node of a YAML document, with the place where it was written.
///
/// Aliases have become the nodes they stand for, which keep the location of the original.
package struct YAMLNode: Sendable {
    package enum Content: Sendable {
        case scalar(YAMLScalar)
        case sequence([YAMLNode])
        /// Pairs in the order of the document; no two keys are equal.
        case mapping([YAMLPair])
    }

    package let content: Content
    /// The core tag written in front of the node, if any.
    package let tag: YAMLTag?
    package let location: SourceLocation

    package init(_ content: Content, tag: YAMLTag? = nil, location: SourceLocation) {
        self.content = content
        self.tag = tag
        self.location = location
    }

    /// The text of a scalar exactly as the document says it, before any typing; `nil` for lists and mappings.
    package var text: String? {
        if case .scalar(let scalar) = content { scalar.text } else { nil }
    }

    package var sequence: [YAMLNode]? {
        if case .sequence(let items) = content { items } else { nil }
    }

    package var mapping: [YAMLPair]? {
        if case .mapping(let pairs) = content { pairs } else { nil }
    }

    /// The pair of a mapping whose key has this text.
    package func pair(_ key: String) -> YAMLPair? {
        mapping?.first { $0.key.text == key }
    }

    package subscript(_ key: String) -> YAMLNode? { pair(key)?.value }
}

package struct YAMLScalar: Sendable, Hashable {
    package let text: String
    /// Whether YAML may read the text as a number, a date and so on.
    ///
    /// Quoted and block scalars are always text.
    package let isPlain: Bool

    package init(_ text: String, isPlain: Bool) {
        self.text = text
        self.isPlain = isPlain
    }
}

package struct YAMLPair: Sendable {
    package let key: YAMLNode
    package let value: YAMLNode

    package init(key: YAMLNode, value: YAMLNode) {
        self.key = key
        self.value = value
    }
}

/// The tags a document may write; any other (such as `!!python/object`) is refused when it is read.
package enum YAMLTag: String, Sendable, Hashable {
    case null, bool, int, float, timestamp
    case string = "str"
    case sequence = "seq"
    case mapping = "map"

    static let prefix = "tag:yaml.org,2002:"

    init?(uri: String) {
        guard uri.hasPrefix(Self.prefix) else { return nil }
        self.init(rawValue: String(uri.dropFirst(Self.prefix.count)))
    }

    var isForScalars: Bool { self != .sequence && self != .mapping }
}
