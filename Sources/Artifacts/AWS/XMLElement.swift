/// One element of the small XML documents that S3 and STS answer with.
///
/// Elements, text, CDATA, comments and the predefined and numeric entities; attributes are skipped. A document type is refused, and with
/// it every entity trick. Depth is at most 32, so neither parsing nor freeing can exhaust the stack.
struct XMLElement: Sendable, Hashable {
    var name: String
    var text = ""
    var children: [XMLElement] = []

    func first(_ name: String) -> XMLElement? { children.first { $0.name == name } }

    func text(of name: String) -> String? { first(name)?.text }

    func all(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }

    /// The first element of that name anywhere below.
    func descendant(_ name: String) -> XMLElement? {
        for child in children {
            if child.name == name { return child }
            if let found = child.descendant(name) { return found }
        }
        return nil
    }

    private init(name: String) {
        self.name = name
    }

    /// - Throws: `ArtifactError.Reason.untrustedAnswer` for anything that is not well-formed in this subset.
    init(parsing bytes: [UInt8]) throws(ArtifactError) {
        var reader = XMLReader(bytes)
        self = try reader.document()
    }

    fileprivate struct XMLReader {
        private let bytes: [UInt8]
        private var position = 0

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
        }

        mutating func document() throws(ArtifactError) -> XMLElement {
            var open: [XMLElement] = []
            var textParts: [[UInt8]] = []
            while position < bytes.count {
                guard bytes[position] == UInt8(ascii: "<") else {
                    let text = take { $0 != UInt8(ascii: "<") }
                    if !open.isEmpty {
                        textParts[textParts.count - 1] += try decoded(text)
                    } else if text.contains(where: { !Self.isBlank($0) }) && !text.starts(with: [0xEF, 0xBB, 0xBF]) {
                        throw malformed("text outside of the document")
                    }
                    continue
                }
                if skip("<?") {
                    try skip(past: "?>")
                } else if skip("<!--") {
                    try skip(past: "-->")
                } else if skip("<![CDATA[") {
                    guard !open.isEmpty else { throw malformed("text outside of the document") }
                    let start = position
                    try skip(past: "]]>")
                    textParts[textParts.count - 1] += bytes[start..<(position - 3)]
                } else if skip("</") {
                    let name = String(decoding: take { $0 != UInt8(ascii: ">") }, as: UTF8.self)
                    guard skip(">"), var element = open.popLast(), let text = textParts.popLast(),
                        name[...].trimmingBlanksAndNewlines == element.name
                    else { throw malformed("an end tag that closes nothing") }
                    guard let valid = String(validating: text, as: UTF8.self) else { throw malformed("invalid UTF-8") }
                    element.text = valid
                    guard var parent = open.popLast() else {
                        return element
                    }
                    parent.children.append(element)
                    open.append(parent)
                } else if skip("<!") {
                    throw malformed("a document type")
                } else {
                    position += 1
                    let (name, isEmpty) = try startTag()
                    guard open.count < 32 else { throw malformed("elements more than 32 deep") }
                    if !isEmpty {
                        open.append(XMLElement(name: name))
                        textParts.append([])
                    } else if let parent = open.indices.last {
                        open[parent].children.append(XMLElement(name: name))
                    } else {
                        return XMLElement(name: name)
                    }
                }
            }
            throw malformed("an unfinished document")
        }

        /// Reads a tag after its `<`; attribute values may contain `>`.
        private mutating func startTag() throws(ArtifactError) -> (name: String, isEmpty: Bool) {
            let name = take { !Self.isBlank($0) && $0 != UInt8(ascii: ">") && $0 != UInt8(ascii: "/") }
            guard !name.isEmpty, let text = String(validating: name, as: UTF8.self) else {
                throw malformed("a tag without a name")
            }
            var quote: UInt8?
            while position < bytes.count {
                let byte = bytes[position]
                position += 1
                if let open = quote {
                    if byte == open { quote = nil }
                } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                    quote = byte
                } else if byte == UInt8(ascii: ">") {
                    return (text, position >= 2 && bytes[position - 2] == UInt8(ascii: "/"))
                }
            }
            throw malformed("an unfinished tag")
        }

        private func decoded(_ text: ArraySlice<UInt8>) throws(ArtifactError) -> [UInt8] {
            guard text.contains(UInt8(ascii: "&")) else { return Array(text) }
            var result: [UInt8] = []
            var rest = text
            while let byte = rest.popFirst() {
                guard byte == UInt8(ascii: "&") else {
                    result.append(byte)
                    continue
                }
                guard let end = rest.prefix(12).firstIndex(of: UInt8(ascii: ";")),
                    let scalar = Self.scalar(String(decoding: rest[..<end], as: UTF8.self))
                else { throw malformed("an unknown entity") }
                result += Array(String(Character(scalar)).utf8)
                rest = rest[(end + 1)...]
            }
            return result
        }

        private static func scalar(_ entity: String) -> Unicode.Scalar? {
            switch entity {
            case "amp": return "&"
            case "lt": return "<"
            case "gt": return ">"
            case "quot": return "\""
            case "apos": return "'"
            default:
                guard entity.hasPrefix("#") else { return nil }
                let digits = entity.dropFirst()
                let value = digits.hasPrefix("x") ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
                return value.flatMap(Unicode.Scalar.init)
            }
        }

        private static func isBlank(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }

        private mutating func take(while condition: (UInt8) -> Bool) -> ArraySlice<UInt8> {
            let start = position
            while position < bytes.count, condition(bytes[position]) { position += 1 }
            return bytes[start..<position]
        }

        private mutating func skip(_ text: StaticString) -> Bool {
            let wanted = Array("\(text)".utf8)
            guard bytes[position...].starts(with: wanted) else { return false }
            position += wanted.count
            return true
        }

        private mutating func skip(past text: StaticString) throws(ArtifactError) {
            while position < bytes.count {
                if skip(text) { return }
                position += 1
            }
            throw malformed("an unfinished document")
        }

        private func malformed(_ what: String) -> ArtifactError {
            ArtifactError(.untrustedAnswer, "the XML of the answer has \(what) at byte \(position)")
        }
    }
}
