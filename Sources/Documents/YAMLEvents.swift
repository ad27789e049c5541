// The only file that speaks to libyaml, through the copy that Yams carries. Yams' own tree is not used, because it
// refuses duplicate keys (PyYAML takes the last one) and recurses on the depth of the document; libyaml's events are a
// flat stream.

import CYaml
import Diagnostics

/// One step of the flat stream a YAML document is read as.
struct YAMLEvent {
    enum Kind {
        case streamStart, streamEnd, documentStart, documentEnd
        case alias(String)
        case scalar(YAMLScalar, anchor: String?, tag: String?)
        case sequenceStart(anchor: String?, tag: String?)
        case mappingStart(anchor: String?, tag: String?)
        case sequenceEnd, mappingEnd
    }

    let kind: Kind
    let location: SourceLocation
}

/// Reads the events of a document in valid UTF-8.
///
/// Owns libyaml's state and a copy of the text.
@safe struct YAMLEventReader: ~Copyable {
    private let file: String
    private let content: ArraySlice<UInt8>
    // libyaml keeps pointers into both, so they have fixed addresses of their own until `deinit`.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>

    init(_ content: ArraySlice<UInt8>, file: String) throws(InvalidInput) {
        self.file = file
        self.content = content
        unsafe input = .allocate(capacity: max(content.count, 1))
        _ = unsafe input.update(fromContentsOf: content)
        unsafe parser = .allocate(capacity: 1)
        unsafe parser.initialize(to: yaml_parser_t())
        guard unsafe yaml_parser_initialize(parser) == 1 else {
            throw InvalidInput("not enough memory to read the file", at: SourceLocation(file: file))
        }
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        unsafe yaml_parser_set_input_string(parser, input.baseAddress, content.count)
    }

    deinit {
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
        unsafe input.deallocate()
    }

    mutating func next() throws(InvalidInput) -> YAMLEvent {
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        defer { unsafe yaml_event_delete(&event) }
        return unsafe YAMLEvent(kind: Self.kind(of: event), location: location(of: event.start_mark))
    }

    private static func kind(of event: yaml_event_t) -> YAMLEvent.Kind {
        // Each union member is read only for its own event type; the strings live until the event is deleted and are
        // copied.
        switch unsafe event.type {
        case YAML_STREAM_START_EVENT: return .streamStart
        case YAML_DOCUMENT_START_EVENT: return .documentStart
        case YAML_DOCUMENT_END_EVENT: return .documentEnd
        case YAML_ALIAS_EVENT:
            return unsafe .alias(string(event.data.alias.anchor) ?? "")
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            let text = unsafe String(
                decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
            return unsafe .scalar(
                YAMLScalar(text, isPlain: scalar.plain_implicit != 0), anchor: string(scalar.anchor),
                tag: string(scalar.tag))
        case YAML_SEQUENCE_START_EVENT:
            let start = unsafe event.data.sequence_start
            return unsafe .sequenceStart(anchor: string(start.anchor), tag: string(start.tag))
        case YAML_MAPPING_START_EVENT:
            let start = unsafe event.data.mapping_start
            return unsafe .mappingStart(anchor: string(start.anchor), tag: string(start.tag))
        case YAML_SEQUENCE_END_EVENT: return .sequenceEnd
        case YAML_MAPPING_END_EVENT: return .mappingEnd
        // After the end libyaml keeps answering with an empty event.
        default: return .streamEnd
        }
    }

    private static func string(_ text: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        unsafe text.map { unsafe String(decodingCString: $0, as: UTF8.self) }
    }

    private func location(of mark: yaml_mark_t) -> SourceLocation {
        SourceLocation(file: file, line: Int(clamping: mark.line) + 1, column: Int(clamping: mark.column) + 1)
    }

    private func failure() -> InvalidInput {
        let state = unsafe parser.pointee
        let problem = unsafe state.problem.map { unsafe String(cString: $0) } ?? "not YAML"
        guard unsafe state.error != YAML_READER_ERROR else {
            let offset = unsafe content.startIndex + Int(clamping: state.problem_offset)
            return InvalidInput(problem, at: place(of: offset, in: content, file: file))
        }
        // libyaml reads a little ahead and has a limit of its own (1,000).
        guard !problem.hasPrefix("Maximum nesting level") else {
            let mark = unsafe state.problem_mark
            return InvalidInput("values are nested deeper than any limit", at: location(of: mark))
        }
        let context = unsafe state.context.map { unsafe " (\(String(cString: $0)))" } ?? ""
        let mark = unsafe state.problem_mark
        let isTab = character(at: mark) == UInt8(ascii: "\t")
        return InvalidInput(
            "not valid YAML: \(problem)\(context)", at: location(of: mark),
            remedy: isTab ? "indent with spaces, not with tabs" : nil)
    }

    /// The first byte of the character at a mark.
    private func character(at mark: yaml_mark_t) -> UInt8? {
        content.lazy.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .dropFirst(Int(clamping: mark.line)).first
            .flatMap { line in line.lazy.filter { $0 & 0xC0 != 0x80 }.dropFirst(Int(clamping: mark.column)).first }
    }
}
