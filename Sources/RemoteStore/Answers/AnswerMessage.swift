import JSON
import Tracking

/// The fields of one protobuf message in an answer, read by their proto names.
///
/// Absent and `null` are the same. Numbers may come as text, as plain protobuf JSON has them. What has the wrong type is an error that names
/// the server: nothing of such an answer is used.
struct AnswerMessage: Sendable {
    private let object: JSONObject
    /// What the message is, such as `run`; empty for the whole answer.
    private let name: String
    /// The address that answered.
    private let url: String

    init(_ object: JSONObject, name: String = "", of url: String) {
        self.object = object
        self.name = name
        self.url = url
    }

    // MARK: Text and numbers

    func string(_ field: StaticString) throws(TrackingError) -> String? {
        switch value(field) {
        case nil: return nil
        case .string(let text)?: return text
        // Some servers write ids as the numbers they are.
        case .integer(let number)?: return String(number)
        case _?: throw malformed(field)
        }
    }

    func requiredString(_ field: StaticString) throws(TrackingError) -> String {
        guard let text = try string(field) else { throw missing(field) }
        return text
    }

    /// Text, or nil where the server wrote the empty text for none.
    func nonEmptyString(_ field: StaticString) throws(TrackingError) -> String? {
        guard let text = try string(field), !text.isEmpty else { return nil }
        return text
    }

    func strings(_ field: StaticString) throws(TrackingError) -> [String] {
        var texts: [String] = []
        for element in try elements(field) {
            guard case .string(let text) = element else { throw malformed(field) }
            texts.append(text)
        }
        return texts
    }

    func integer(_ field: StaticString) throws(TrackingError) -> Int64? {
        switch value(field) {
        case nil: return nil
        case .integer(let number)?: return number
        case .double(let number)?:
            guard let integer = Int64(exactly: number) else { throw malformed(field) }
            return integer
        case .string(let text)?:
            guard let integer = Int64(text) else { throw malformed(field) }
            return integer
        case _?: throw malformed(field)
        }
    }

    func double(_ field: StaticString) throws(TrackingError) -> Double? {
        switch value(field) {
        case nil: return nil
        case .integer(let number)?: return Double(number)
        case .double(let number)?: return number
        case .string("NaN")?: return .nan
        case .string("Infinity")?: return .infinity
        case .string("-Infinity")?: return -.infinity
        case .string(let text)?:
            guard let number = Double(text) else { throw malformed(field) }
            return number
        case _?: throw malformed(field)
        }
    }

    /// A value by its name on the wire.
    func enumeration<Value>(_ field: StaticString, _ read: (String) -> Value?) throws(TrackingError) -> Value? {
        guard let text = try string(field) else { return nil }
        guard let value = read(text) else { throw malformed(field) }
        return value
    }

    // MARK: Messages

    func message(_ field: StaticString) throws(TrackingError) -> AnswerMessage? {
        switch value(field) {
        case nil: return nil
        case .object(let object)?: return AnswerMessage(object, name: "\(field)", of: url)
        case _?: throw malformed(field)
        }
    }

    func requiredMessage(_ field: StaticString) throws(TrackingError) -> AnswerMessage {
        guard let message = try message(field) else { throw missing(field) }
        return message
    }

    /// A repeated message, each read by `read`.
    func list<Element>(
        _ field: StaticString, _ read: (AnswerMessage) throws(TrackingError) -> Element
    ) throws(TrackingError) -> [Element] {
        let elements = try elements(field)
        let name = "\(field)"
        var list: [Element] = []
        list.reserveCapacity(elements.count)
        for element in elements {
            guard case .object(let object) = element else { throw malformed(field) }
            list.append(try read(AnswerMessage(object, name: name, of: url)))
        }
        return list
    }

    /// A page of a search.
    func page<Element>(
        _ field: StaticString, _ read: (AnswerMessage) throws(TrackingError) -> Element
    ) throws(TrackingError) -> Page<Element> {
        Page(try list(field, read), nextPageToken: try nonEmptyString("next_page_token"))
    }

    // MARK: Members and refusals

    private func elements(_ field: StaticString) throws(TrackingError) -> [JSONValue] {
        switch value(field) {
        case nil: return []
        case .array(let elements)?: return elements
        case _?: throw malformed(field)
        }
    }

    private func value(_ field: StaticString) -> JSONValue? {
        let name = "\(field)"
        guard let member = object.members.first(where: { $0.name == name }), member.value != .null else { return nil }
        return member.value
    }

    func missing(_ field: StaticString) -> TrackingError {
        unusable("lacks '\(field)'")
    }

    private func malformed(_ field: StaticString) -> TrackingError {
        unusable("has something else than expected as '\(field)'")
    }

    private func unusable(_ what: String) -> TrackingError {
        TrackingError(
            .internalError, "the answer of '\(url)' \(what)\(name.isEmpty ? "" : " in '\(name)'")",
            remedy: "check that the address is a tracking server's, and which version it has")
    }
}
