import Documents
package import JSON

extension Value {
    /// The value as text: `true`, the shortest exact number, an artifact's URI, a list as JSON; nil for `null`.
    package var text: String? {
        switch self {
        case .null: nil
        case .bool(let flag): flag ? "true" : "false"
        case .int(let number): String(number)
        case .float(let number): pythonFloatText(number)
        case .string(let text): text
        case .artifact(let artifact): artifact.uri
        case .list: json
        }
    }

    /// The value as JSON, on one line; numbers that JSON does not have are written as Python does (`NaN`, `Infinity`).
    package var json: String {
        var text: [UInt8] = []
        appendJSON(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    private func appendJSON(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes += "null".utf8
        case .bool(let flag): bytes += (flag ? "true" : "false").utf8
        case .int(let number): bytes += String(number).utf8
        case .float(let number) where !number.isFinite:
            bytes += (number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity").utf8
        case .float(let number): bytes += pythonFloatText(number).utf8
        case .string(let text): Self.appendQuoted(text, to: &bytes)
        case .artifact(let artifact): Self.appendQuoted(artifact.uri, to: &bytes)
        case .list(let items):
            bytes.append(UInt8(ascii: "["))
            for (index, item) in items.enumerated() {
                if index > 0 { bytes += ", ".utf8 }
                item.appendJSON(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        }
    }

    private static func appendQuoted(_ text: String, to bytes: inout [UInt8]) {
        var writer = JSONWriter(reservingCapacity: text.utf8.count + 2)
        writer.string(text)
        bytes += writer.bytes
    }

    /// A value from JSON; nil when there is an object in it, for which expressions have no type.
    package init?(json: JSON.JSONValue) {
        switch json {
        case .null: self = .null
        case .bool(let flag): self = .bool(flag)
        case .integer(let number): self = .int(Int(number))
        case .double(let number): self = .float(number)
        case .string(let text): self = .string(text)
        case .array(let elements):
            var items: [Value] = []
            items.reserveCapacity(elements.count)
            for element in elements {
                guard let item = Value(json: element) else { return nil }
                items.append(item)
            }
            self = .list(items)
        case .object: return nil
        }
    }
}
