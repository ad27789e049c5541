/// A value of an expression.
package enum Value: Sendable, Hashable {
    case null
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string(String)
    case list([Value])
    case artifact(ArtifactReference)

    /// The type of the value, as far as it goes: an empty list has elements of any type.
    package var type: ValueType {
        switch self {
        case .null: .null
        case .bool: .bool
        case .int: .int
        case .float: .float
        case .string: .string
        case .list(let items): .list(ValueType.common(items.lazy.map(\.type)) ?? .any)
        case .artifact: .artifact
        }
    }
}

/// An artifact a step promised, or a path or URI that an expression says is to be one.
package struct ArtifactReference: Sendable, Hashable {
    /// How it is handed to a param.
    package enum Form: String, Sendable, Hashable {
        /// As the param's type asks.
        case asAsked
        /// `path(x)`: a local path, downloaded when it is remote.
        case path
        /// `uri(x)`: the URI itself.
        case uri
    }

    /// Such as `runs:/<run id>/<path>`, or a text that `path(…)` or `uri(…)` was given.
    package var uri: String
    package var form: Form
    /// The digest of its content, when that is known.
    package var digest: String?

    package init(uri: String, form: Form = .asAsked, digest: String? = nil) {
        self.uri = uri
        self.form = form
        self.digest = digest
    }
}
