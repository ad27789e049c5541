import JSON

// Reading and changing the cluster's objects, which are deep and mostly none of our business: what we do not know is kept as it is.

extension JSONObject {
    /// The member of that name; setting nil removes it.
    subscript(name: String) -> JSONValue? {
        get { members.first { $0.name == name }?.value }
        set {
            let index = members.firstIndex { $0.name == name }
            switch (index, newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append(Member(name: name, value: value))
            case (nil, nil): break
            }
        }
    }

    init(_ pairs: KeyValuePairs<String, JSONValue?>) {
        self.init(members: pairs.compactMap { name, value in value.map { Member(name: name, value: $0) } })
    }
}

extension JSONValue {
    static func object(_ pairs: KeyValuePairs<String, JSONValue?>) -> JSONValue { .object(JSONObject(pairs)) }

    static func strings(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }

    var string: String? { if case .string(let text) = self { text } else { nil } }
    var integer: Int64? { if case .integer(let number) = self { number } else { nil } }
    var array: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }
    var object: JSONObject? { if case .object(let object) = self { object } else { nil } }

    subscript(name: String) -> JSONValue? { object?[name] }

    /// Compact JSON text.
    var bytes: [UInt8] {
        var writer = JSONWriter()
        writer.value(self)
        return writer.bytes
    }
}
