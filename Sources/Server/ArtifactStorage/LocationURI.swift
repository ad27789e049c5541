import Files

/// A place for artifacts as the store holds it, taken apart without looking at any disk.
///
/// `/data/mlruns/0`, `file:///data/mlruns/0`, `mlflow-artifacts:/0`, `s3://bucket/0`, … Escapes are decoded until nothing changes, so
/// that no spelling hides a step upwards.
struct LocationURI: Sendable, Hashable {
    /// Lower case; empty for a plain path.
    let scheme: String
    /// Lower case; host and port, or the bucket.
    let authority: String
    let components: [String]

    /// Nil for text that could mean another place than it seems to: `..`, control bytes, broken escapes that hide something.
    init?(_ text: String) {
        guard !text.isEmpty, text.utf8.count <= 8192, !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            return nil
        }
        var rest = text[...]
        var scheme = ""
        if let colon = rest.firstIndex(of: ":"), Self.isScheme(rest[..<colon]) {
            scheme = rest[..<colon].lowercased()
            rest = rest[rest.index(after: colon)...]
        }
        var authority = ""
        if !scheme.isEmpty, rest.hasPrefix("//") {
            rest = rest.dropFirst(2)
            let end = rest.firstIndex(of: "/") ?? rest.endIndex
            authority = rest[..<end].lowercased()
            rest = rest[end...]
        }
        if !scheme.isEmpty {
            // Query and fragment name no other file.
            rest = rest.prefix { $0 != "?" && $0 != "#" }
        }
        guard !scheme.isEmpty || rest.hasPrefix("/") else { return nil }
        var components: [String] = []
        for part in rest.split(separator: "/") {
            guard let name = scheme.isEmpty ? String(part) : Self.decoded(String(part)), Self.isOrdinary(name) else {
                return nil
            }
            if name != "." { components.append(name) }
        }
        self.scheme = scheme
        self.authority = authority
        self.components = components
    }

    var isLocal: Bool {
        scheme.isEmpty || (scheme == "file" && (authority.isEmpty || authority == "localhost"))
    }

    /// Whether the place is a server of artifacts, ours or another.
    var isArtifactProxy: Bool {
        if scheme == "mlflow-artifacts" { return true }
        guard scheme == "http" || scheme == "https" else { return false }
        let route = ["api", "2.0", "mlflow-artifacts", "artifacts"]
        return components.indices.contains { Array(components[$0...].prefix(route.count)) == route }
    }

    /// Whether the place lies in (or is) that other one.
    func lies(in root: LocationURI) -> Bool {
        let isSamePlace = (isLocal && root.isLocal) || (scheme == root.scheme && authority == root.authority)
        return isSamePlace && !root.components.isEmpty && components.starts(with: root.components)
    }

    private static func decoded(_ text: String) -> String? {
        var text = text
        for _ in 0..<8 {
            guard let next = percentDecoded(text), next != text else { return text }
            text = next
        }
        return nil
    }

    private static func isOrdinary(_ name: String) -> Bool {
        name != ".." && !name.contains("/") && !name.contains("\\")
            && !name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F })
    }

    private static func isScheme(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, (0x41...0x5A).contains(first) || (0x61...0x7A).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
                || byte == 0x2B || byte == 0x2D || byte == 0x2E
        }
    }
}
