package import Diagnostics

/// Where each byte of a text stands in the file it was read from.
package struct TextPlacement: Sendable, Hashable {
    /// From `offset` on the text stands in the file character by character, beginning at `line` and `column`.
    struct Segment: Sendable, Hashable {
        var offset: Int
        var line: Int
        var column: Int
    }

    /// Where the whole value begins; the answer when the inside is not known.
    package let start: SourceLocation
    private let text: String
    private let segments: [Segment]

    /// A text of which only the beginning is known.
    package init(_ start: SourceLocation) {
        self.start = start
        text = ""
        segments = []
    }

    init(_ start: SourceLocation, text: String, segments: [Segment]) {
        self.start = start
        self.text = text
        self.segments = segments
    }

    /// The place of the byte at `offset` of the text (UTF-8).
    package func location(of offset: Int) -> SourceLocation {
        guard let segment = segments.last(where: { $0.offset <= offset }) ?? segments.first else { return start }
        let bytes = text.utf8.dropFirst(segment.offset).prefix(max(0, offset - segment.offset))
        // Columns count characters, as libyaml's marks do: every byte that does not continue one.
        let characters = bytes.count { $0 & 0xC0 != 0x80 }
        return SourceLocation(file: start.file, line: segment.line, column: segment.column + characters)
    }
}

/// A file as lines, so that many places in it can be found without reading it each time.
package struct SourceText: Sendable {
    let lines: [ArraySlice<UInt8>]

    package init(_ bytes: [UInt8]) {
        let content = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
        lines = content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
            $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0
        }
    }

    /// A line, counted from 1, without its end; nil when there is none.
    package func text(ofLine number: Int) -> String? {
        guard lines.indices.contains(number - 1) else { return nil }
        return String(decoding: lines[number - 1], as: UTF8.self)
    }
}

extension YAMLNode {
    /// Where each byte of this scalar's text stands in the file; `source` is what the document was read from.
    ///
    /// Reads the scalar's spelling again: quotes, escapes, folded lines and blocks. If that does not give the node's text
    /// (a spelling that is not understood), every byte stands at the beginning of the value.
    package func placement(in source: SourceText) -> TextPlacement {
        guard case .scalar(let scalar) = content, let line = location.line, let column = location.column,
            var reader = ScalarSpelling(source, line: line, column: column, length: scalar.text.utf8.count)
        else { return TextPlacement(location) }
        reader.read()
        guard reader.agrees(with: scalar.text) else { return TextPlacement(location) }
        return TextPlacement(location, text: scalar.text, segments: reader.segments)
    }
}
