// Reads the two document formats people write by hand, YAML and JSON, into values that remember where they stood.
//
//   YAMLDocument(parsing: bytes, file:)  →  YAMLNode   a tree with locations, aliases expanded, merge keys applied
//   YAMLNode.value()                     →  YAMLValue  the value PyYAML would read, with the text Python would print
//   JSONDocument(parsing: bytes, file:)  →  JSONValue
//
// Nothing here touches the file system: callers read the bytes (with a limit) and pass the name to show in messages.
// Every input is bounded in size, depth and number of nodes, and neither reader recurses on the depth of its input
// beyond that bound.

import Diagnostics

/// How much of a document is read before it is refused.
package struct DocumentLimits: Sendable, Hashable {
    package var bytes: Int
    package var depth: Int
    /// Counted after aliases are expanded; only YAML has them.
    package var nodes: Int

    package init(bytes: Int, depth: Int, nodes: Int) {
        self.bytes = bytes
        self.depth = depth
        self.nodes = nodes
    }

    package static let yaml = DocumentLimits(bytes: 1 << 20, depth: 64, nodes: 100_000)
    package static let json = DocumentLimits(bytes: 16 << 20, depth: 64, nodes: 4_000_000)
}

/// The bytes of a document as UTF-8 without a byte-order mark; NUL, UTF-16 and invalid UTF-8 are refused with their
/// place.
func checkedUTF8(_ bytes: [UInt8], file: String, limits: DocumentLimits) throws(InvalidInput) -> ArraySlice<UInt8> {
    guard bytes.count <= limits.bytes else {
        throw InvalidInput(
            "the file has \(bytes.count) bytes, more than the limit of \(limits.bytes)", at: SourceLocation(file: file))
    }
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
        throw InvalidInput(
            "the file is UTF-16", at: SourceLocation(file: file), remedy: "save it as UTF-8")
    }
    let content = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
    if let offset = content.firstIndex(of: 0) {
        throw InvalidInput(
            "the file contains a NUL byte", at: place(of: offset, in: content, file: file),
            remedy: "save it as UTF-8 text")
    }
    if let offset = firstInvalidUTF8(in: content) {
        throw InvalidInput(
            "the file is not valid UTF-8", at: place(of: offset, in: content, file: file), remedy: "save it as UTF-8")
    }
    return content
}

/// Line and column of a byte offset, in characters as editors count them.
func place(of offset: Int, in content: ArraySlice<UInt8>, file: String) -> SourceLocation {
    let before = content[content.startIndex..<min(max(offset, content.startIndex), content.endIndex)]
    let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? before.startIndex
    let line = before.count { $0 == UInt8(ascii: "\n") } + 1
    // Continuation bytes do not start a character.
    let column = before[lineStart...].count { $0 & 0xC0 != 0x80 } + 1
    return SourceLocation(file: file, line: line, column: column)
}

private func firstInvalidUTF8(in content: ArraySlice<UInt8>) -> Int? {
    guard !content.allSatisfy({ $0 < 0x80 }) else { return nil }
    var decoder = UTF8()
    var iterator = content.makeIterator()
    var offset = content.startIndex
    while true {
        switch decoder.decode(&iterator) {
        case .scalarValue(let scalar): offset += UTF8.width(scalar)
        case .emptyInput: return nil
        case .error: return offset
        }
    }
}
