import JSON

/// The fields of one protobuf message in a request, read by their proto names.
///
/// Both `snake_case` and `camelCase` spellings are read, `null` is absent, numbers may come as text, and the messages of
/// refusals are the ones MLflow's clients know.
struct RequestMessage: Sendable {
    private let object: JSONObject
    private let place: Place
    /// Fields of a query are all text, and a repeated field with one value is not marked as such.
    private let isQuery: Bool

    init(_ object: JSONObject, isQuery: Bool = false) {
        self.init(object, at: .whole, isQuery: isQuery)
    }

    private init(_ object: JSONObject, at place: Place, isQuery: Bool = false) {
        self.object = object
        self.place = place
        self.isQuery = isQuery
    }

    /// Where a message stands in the request; batches have thousands, so the text is made only for a refusal.
    private indirect enum Place: Sendable {
        case whole
        case field(String, of: Place)
        case element(Int, ofField: String, of: Place)

        /// Such as `metrics[3].`; empty for the whole.
        var prefix: String {
            switch self {
            case .whole: ""
            case .field(let name, let parent): "\(parent.prefix)\(name)."
            case .element(let index, let name, let parent): "\(parent.prefix)\(name)[\(index)]."
            }
        }
    }

    // MARK: Text

    func string(_ name: String) throws(APIError) -> String? {
        switch try value(name) {
        case nil: return nil
        case .string(let text): return text
        case let other?: throw invalid(other, name)
        }
    }

    /// Text that must be there and not be empty.
    func requiredString(_ name: String) throws(APIError) -> String {
        guard let text = try string(name), !text.isEmpty else { throw missing(name) }
        return text
    }

    func strings(_ name: String) throws(APIError) -> [String] {
        var texts: [String] = []
        for element in try elements(name) {
            guard case .string(let text) = element else { throw invalid(.array(try elements(name)), name) }
            texts.append(text)
        }
        return texts
    }

    // MARK: Numbers

    func integer(_ name: String) throws(APIError) -> Int64? {
        guard let value = try value(name) else { return nil }
        switch value {
        case .integer(let number): return number
        case .double(let number):
            guard let integer = Int64(exactly: number) else { throw invalid(value, name) }
            return integer
        case .string(let text):
            guard let integer = Int64(text), text.utf8.first != UInt8(ascii: "+") else { throw invalid(value, name) }
            return integer
        default: throw invalid(value, name)
        }
    }

    func requiredInteger(_ name: String) throws(APIError) -> Int64 {
        guard let number = try integer(name) else { throw missing(name) }
        return number
    }

    func double(_ name: String) throws(APIError) -> Double? {
        guard let value = try value(name) else { return nil }
        switch value {
        case .integer(let number): return Double(number)
        case .double(let number): return number
        case .string(let text):
            guard let number = Self.double(from: text) else { throw invalid(value, name) }
            return number
        default: throw invalid(value, name)
        }
    }

    func requiredDouble(_ name: String) throws(APIError) -> Double {
        guard let number = try double(name) else { throw missing(name) }
        return number
    }

    private static func double(from text: String) -> Double? {
        switch text {
        case "NaN": return .nan
        case "Infinity": return .infinity
        case "-Infinity": return -.infinity
        default:
            // Swift also reads hexadecimal floats and names such as "nan"; nobody sends those.
            let isDecimal = text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || byte == 0x2E || byte == 0x2D || byte == 0x2B || byte | 0x20 == 0x65
            }
            return isDecimal ? Double(text) : nil
        }
    }

    func bool(_ name: String) throws(APIError) -> Bool? {
        switch try value(name) {
        case nil: return nil
        case .bool(let flag): return flag
        case .string(let text) where isQuery:
            switch text.lowercased() {
            case "true": return true
            case "false": return false
            default:
                throw .invalidParameter("Invalid boolean value: \(text.prefix(100)), must be 'true' or 'false'.")
            }
        case let other?: throw invalid(other, name)
        }
    }

    // MARK: Enumerations and messages

    /// A value by its name or its number; an unknown one is as good as none.
    func enumeration<Value>(_ name: String, _ cases: [(name: String, number: Int64, value: Value)]) throws(APIError)
        -> Value?
    {
        guard let value = try value(name) else { return nil }
        switch value {
        case .string(let text):
            let number = Int64(text)
            return cases.first { $0.name == text || $0.number == number }?.value
        case .integer(let number): return cases.first { $0.number == number }?.value
        case .double(let number): return cases.first { Double($0.number) == number }?.value
        default: throw invalid(value, name)
        }
    }

    func message(_ name: String) throws(APIError) -> RequestMessage? {
        switch try value(name) {
        case nil: return nil
        case .object(let object): return RequestMessage(object, at: .field(name, of: place))
        case let other?: throw invalid(other, name)
        }
    }

    /// A repeated message field.
    func messages(_ name: String) throws(APIError) -> [RequestMessage] {
        let elements = try elements(name)
        var messages: [RequestMessage] = []
        messages.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            guard case .object(let object) = element else { throw invalid(element, "\(name)[\(index)]") }
            messages.append(RequestMessage(object, at: .element(index, ofField: name, of: place)))
        }
        return messages
    }

    // MARK: Reading members

    /// Whether a field is there at all, an empty list included.
    func has(_ name: String) throws(APIError) -> Bool {
        try value(name) != nil
    }

    private func elements(_ name: String) throws(APIError) -> [JSONValue] {
        switch try value(name) {
        case nil: return []
        case .array(let elements): return elements
        case let single? where isQuery: return [single]
        case let other?: throw invalid(other, name)
        }
    }

    private func value(_ name: String) throws(APIError) -> JSONValue? {
        var found: JSONValue?
        var foundName = ""
        for member in object.members where Self.spells(member.name, name) {
            if found != nil {
                throw .invalidParameter(
                    "Request specifies both '\(foundName)' and '\(member.name)'; provide only one of them.")
            }
            found = member.value
            foundName = member.name
        }
        if case .null = found { return nil }
        return found
    }

    /// Whether `given` is the proto name `name` or its camelCase form.
    private static func spells(_ given: String, _ name: String) -> Bool {
        let (givenLength, length) = (given.utf8.count, name.utf8.count)
        // The camelCase form is shorter by its underscores.
        guard givenLength < length else { return givenLength == length && given == name }
        // Most names differ in the first letter, which both forms share.
        guard given.utf8.first == name.utf8.first else { return false }
        var given = given.utf8.makeIterator()
        var raisesNext = false
        for byte in name.utf8 {
            if byte == UInt8(ascii: "_") {
                raisesNext = true
                continue
            }
            let expected = raisesNext && (0x61...0x7A).contains(byte) ? byte & ~0x20 : byte
            guard given.next() == expected else { return false }
            raisesNext = false
        }
        return given.next() == nil
    }

    // MARK: Refusals

    func missing(_ name: String) -> APIError {
        .invalidParameter(
            "Missing value for required parameter '\(place.prefix)\(name)'. "
                + "See the API docs for more information about request parameters.")
    }

    func invalid(_ value: JSONValue, _ name: String) -> APIError {
        .invalidParameter(
            "Invalid value \(value.shownInMessage) for parameter '\(place.prefix)\(name)' supplied:  "
                + "Hint: Value was of type '\(value.pythonTypeName)'. "
                + "See the API docs for more information about request parameters.")
    }
}
