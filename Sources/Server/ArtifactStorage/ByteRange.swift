/// What a `Range` field asks for of a file of known size (RFC 9110, one range of bytes).
enum ByteRange: Equatable {
    /// No range, or one we do not understand: the whole file.
    case whole
    case part(Range<Int64>)
    /// The file has no such bytes.
    case unsatisfiable

    init(_ field: String?, size: Int64) {
        self = Self.parse(field, size: size)
    }

    private static func parse(_ field: String?, size: Int64) -> ByteRange {
        guard let field, field.utf8.count <= 100, field.lowercased().hasPrefix("bytes=") else { return .whole }
        let spec = field.dropFirst("bytes=".count)
        // Several ranges would need a multipart answer; whoever asks must take the whole file instead.
        let ends = spec.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = ends.first, let last = ends.last else { return .whole }
        switch (number(first), number(last)) {
        case (.none, .none): return .whole
        case (.none, let suffix?):
            guard first.isEmpty else { return .whole }
            guard suffix > 0, size > 0 else { return .unsatisfiable }
            return .part(max(0, size - suffix)..<size)
        case (let start?, let end):
            guard last.isEmpty || end != nil else { return .whole }
            if let end, end < start { return .whole }
            guard start < size else { return .unsatisfiable }
            return .part(start..<min(size, (end ?? .max) == .max ? size : (end ?? 0) + 1))
        }
    }

    /// A number too large for us is as large as they come.
    private static func number(_ text: Substring) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text) ?? .max
    }
}
