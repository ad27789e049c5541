/// A JSON document as it was written: members in order, integers kept apart from other numbers.
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int64)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// The name Python gives the type: what MLflow's messages call it, and what its clients look for.
    package var pythonTypeName: String {
        switch self {
        case .null: "NoneType"
        case .bool: "bool"
        case .integer: "int"
        case .double: "float"
        case .string: "str"
        case .array: "list"
        case .object: "dict"
        }
    }

    /// The value in one line for a message, cut when it is long.
    package var shownInMessage: String {
        var writer = JSONWriter()
        writer.value(self)
        let text = String(decoding: writer.bytes.prefix(256), as: UTF8.self)
        return writer.bytes.count > 200 ? "\(text.prefix(200))…" : text
    }
}

/// The members of a JSON object in the order they were written, each name once.
package struct JSONObject: Sendable, Hashable {
    package struct Member: Sendable, Hashable {
        package var name: String
        package var value: JSONValue

        package init(name: String, value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    package var members: [Member]

    package init(members: [Member] = []) {
        self.members = members
    }
}
