/// Bytes that are the same for the same content and for nothing else: each piece is its length, a tag, and itself.
struct CanonicalBytes {
    private(set) var bytes: [UInt8] = []

    /// Length (8 bytes, big end first), tag, bytes.
    mutating func append(_ content: [UInt8], tag: UInt8) {
        bytes.reserveCapacity(bytes.count + content.count + 9)
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: content.count >> shift))
        }
        bytes.append(tag)
        bytes += content
    }

    mutating func append(_ text: String, tag: Character = "s") {
        append(Array(text.utf8), tag: tag.asciiValue ?? 0)
    }

    /// A text that may be missing, which is not the same as an empty one.
    mutating func append(optional text: String?) {
        if let text { append(text) } else { append([], tag: UInt8(ascii: "n")) }
    }

    mutating func append(tag: Character, _ build: (inout CanonicalBytes) -> Void) {
        var inner = CanonicalBytes()
        build(&inner)
        append(inner.bytes, tag: tag.asciiValue ?? 0)
    }

    /// Pairs in the order of their keys' bytes.
    mutating func append<Element>(map: [String: Element], _ element: (inout CanonicalBytes, Element) -> Void) {
        let sorted = map.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        append(tag: "m") { inner in
            for (key, value) in sorted {
                inner.append(key, tag: "k")
                element(&inner, value)
            }
        }
    }

    /// A value with its type: the integer 1, the float 1.0 and the text "1" differ.
    mutating func append(_ value: Value) {
        switch value {
        case .null: append([], tag: UInt8(ascii: "n"))
        case .bool(let flag): append([flag ? 1 : 0], tag: UInt8(ascii: "b"))
        case .int(let number): append(String(number), tag: "i")
        case .float(let number):
            // Every NaN is the same one; 0.0 and -0.0 are not.
            let bits = number.isNaN ? Double.nan.bitPattern : number.bitPattern
            append(
                stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: bits >> $0) },
                tag: UInt8(ascii: "f"))
        case .string(let text): append(text)
        case .list(let items): append(tag: "l") { inner in for item in items { inner.append(item) } }
        case .artifact(let artifact):
            if let digest = artifact.digest { append(digest, tag: "d") } else { append(artifact.uri, tag: "u") }
        }
    }
}

extension Value {
    /// Whether an artifact in it is known by its place only.
    var holdsUndigestedArtifact: Bool {
        switch self {
        case .artifact(let artifact): artifact.digest == nil
        case .list(let items): items.contains(where: \.holdsUndigestedArtifact)
        default: false
        }
    }
}
