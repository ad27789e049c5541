/// Which `Host` names and web origins the server answers to (rule R16).
///
/// A page in the operator's browser can make requests to us under a name that its owner lets point to 127.0.0.1. So a name must
/// be one we were told of, or an address we listen on; and what changes state must not come from a foreign page.
struct HostRules: Sendable {
    /// Names beside the listener's own addresses; `*` stands for any run of characters.
    var allowedHosts: [String]
    /// Origins beside our own, such as `https://notebooks.example.org`.
    var allowedOrigins: [String]
    /// Addresses we listen on, and `localhost` when one of them is the loopback.
    var ownHosts: Set<String>
    var port: Int

    init(allowedHosts: [String] = [], allowedOrigins: [String] = [], listeningOn address: String, port: Int) {
        self.allowedHosts = allowedHosts.map { $0.lowercased() }
        self.allowedOrigins = allowedOrigins.map { $0.lowercased() }
        self.port = port
        switch address {
        case "127.0.0.1", "::1", "localhost": ownHosts = ["127.0.0.1", "[::1]", "localhost"]
        case "0.0.0.0", "::": ownHosts = ["127.0.0.1", "[::1]", "localhost"]
        default: ownHosts = [address.contains(":") ? "[\(address.lowercased())]" : address.lowercased()]
        }
    }

    /// Whether a `Host` field's value is one of ours.
    func allows(host field: String) -> Bool {
        guard let authority = Authority(field) else { return false }
        if ownHosts.contains(authority.host) { return authority.port == nil || authority.port == port }
        return allowedHosts.contains { pattern in
            // A pattern with a port speaks of that port; one without, of ours and none.
            Self.matches(field.lowercased(), pattern)
                || (Self.matches(authority.host, pattern) && (authority.port == nil || authority.port == port))
        }
    }

    /// Whether an `Origin` field's value is our own or one we were told of; `null` never is.
    func allows(origin field: String) -> Bool {
        if lists(origin: field) { return true }
        let origin = field.lowercased()
        for scheme in ["http://", "https://"] where origin.hasPrefix(scheme) {
            guard let authority = Authority(String(origin.dropFirst(scheme.count))) else { return false }
            let standardPort = scheme == "http://" ? 80 : 443
            return ownHosts.contains(authority.host) && (authority.port ?? standardPort) == port
        }
        return false
    }

    /// Whether an `Origin` field's value is one we were told of.
    func lists(origin field: String) -> Bool {
        let origin = field.lowercased()
        return allowedOrigins.contains { Self.matches(origin, $0) }
    }

    /// Matches text against a pattern in which `*` stands for any run of characters.
    static func matches(_ text: String, _ pattern: String) -> Bool {
        guard pattern.contains("*") else { return text == pattern }
        let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
        guard let first = parts.first, let last = parts.last, text.hasPrefix(first),
            text.count >= first.count + last.count
        else { return false }
        var rest = text.dropFirst(first.count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let range = rest.firstRange(of: part) else { return false }
            rest = rest[range.upperBound...]
        }
        return rest.count >= last.count && rest.hasSuffix(last)
    }
}

/// `host[:port]`, taken apart strictly.
private struct Authority {
    let host: String
    let port: Int?

    init?(_ text: String) {
        let text = text.lowercased()
        guard !text.isEmpty, text.utf8.count <= 300 else { return nil }
        let hostEnd: String.Index
        if text.hasPrefix("[") {
            guard let bracket = text.firstIndex(of: "]") else { return nil }
            hostEnd = text.index(after: bracket)
            let address = text[text.index(after: text.startIndex)..<bracket]
            guard address.utf8.allSatisfy({ Self.isHexDigit($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") })
            else { return nil }
        } else {
            hostEnd = text.firstIndex(of: ":") ?? text.endIndex
            guard text[..<hostEnd].utf8.allSatisfy(Self.isNameByte) else { return nil }
        }
        host = String(text[..<hostEnd])
        guard !host.isEmpty else { return nil }
        if hostEnd == text.endIndex {
            port = nil
        } else {
            let digits = text[hostEnd...].dropFirst()
            guard text[hostEnd] == ":", (1...5).contains(digits.utf8.count),
                digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits), number <= 65_535
            else { return nil }
            port = number
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        isHexDigit(byte) || (0x61...0x7A).contains(byte) || byte == 0x2D || byte == 0x2E || byte == 0x5F
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }
}
