import Diagnostics

/// An `http` or `https` address, taken apart once and checked; safe to send as it is.
///
/// Stricter than RFC 3986 where leniency has been an attack: no control bytes, no backslash, no broken escapes, no host beyond
/// letters, digits, `.`, `-`, `_` and address literals. Blanks and non-ASCII letters of the path are percent-encoded.
package struct HTTPURL: Sendable, Hashable, CustomStringConvertible {
    package enum Scheme: String, Sendable {
        case http, https

        var defaultPort: Int { self == .http ? 80 : 443 }
    }

    /// What a credential belongs to: never sent to any other.
    package struct Origin: Sendable, Hashable, CustomStringConvertible {
        package var scheme: Scheme
        package var host: String
        package var port: Int

        package var description: String {
            "\(scheme.rawValue)://\(host)\(port == scheme.defaultPort ? "" : ":\(port)")"
        }
    }

    package var scheme: Scheme
    /// Lower-case; an IPv6 literal has its brackets.
    package var host: String
    /// The port, if it is not the scheme's own.
    package var port: Int?
    /// Percent-encoded, beginning with `/`.
    package var path: String
    /// Percent-encoded, without the question mark.
    package var query: String?
    /// The name and password that stood before the host.
    package var userinfo: HTTPCredentials

    package var origin: Origin { Origin(scheme: scheme, host: host, port: port ?? scheme.defaultPort) }

    /// The address without name, password and fragment: what is requested.
    package var text: String {
        scheme.rawValue + "://" + authority + path + (query.map { "?\($0)" } ?? "")
    }

    /// Host and port as the `Host` header names them.
    package var authority: String { host + (port.map { ":\($0)" } ?? "") }

    /// For messages: without name, password, and token-like parts of the query.
    package var description: String { redactedURL(text) }

    /// - Throws: `ArtifactError.Reason.invalidAddress`, naming what is wrong.
    package init(_ text: String) throws(ArtifactError) {
        func invalid(_ problem: String) -> ArtifactError {
            ArtifactError(
                .invalidAddress, "'\(redactedURL(String(text.prefix(300))))' is not a web address: \(problem)")
        }
        guard text.utf8.count <= 16_384 else { throw invalid("it is longer than 16384 bytes") }
        guard let colon = text.firstRange(of: "://"),
            let scheme = Scheme(rawValue: text[..<colon.lowerBound].lowercased())
        else { throw invalid("it begins with neither 'http://' nor 'https://'") }
        let rest = text[colon.upperBound...]
        let authorityEnd = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        var authority = rest[..<authorityEnd]

        userinfo = .none
        if let at = authority.lastIndex(of: "@") {
            let parts = authority[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard let user = percentDecoded(parts.first ?? ""),
                let password = percentDecoded(parts.dropFirst().first ?? ""), !user.utf8.contains(0)
            else { throw invalid("the name or password before '@' has a broken escape") }
            userinfo = .basic(user: user, password: password)
            authority = authority[authority.index(after: at)...]
        }

        var hostText = authority
        port = nil
        let bracketEnd = authority.lastIndex(of: "]") ?? authority.startIndex
        if let colon = authority[bracketEnd...].lastIndex(of: ":") {
            hostText = authority[..<colon]
            let digits = authority[authority.index(after: colon)...]
            if !digits.isEmpty {
                guard digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = UInt16(digits), number > 0
                else { throw invalid("the port '\(digits)' is not a number between 1 and 65535") }
                port = Int(number) == scheme.defaultPort ? nil : Int(number)
            }
        }
        guard let host = Self.checkedHost(hostText) else {
            throw invalid("the host '\(hostText)' is not a name or an address")
        }
        self.scheme = scheme
        self.host = host

        let tail = rest[authorityEnd...].prefix { $0 != "#" }
        let question = tail.firstIndex(of: "?") ?? tail.endIndex
        guard let path = Self.encoded(tail[..<question]) else {
            throw invalid("the path has a control character, a backslash or a broken '%' escape")
        }
        self.path = path.hasPrefix("/") ? path : "/" + path
        query = nil
        if question != tail.endIndex {
            guard let query = Self.encoded(tail[tail.index(after: question)...]) else {
                throw invalid("the query has a control character, a backslash or a broken '%' escape")
            }
            self.query = query
        }
    }

    /// The address that a `Location` header or a link on this page means (RFC 3986 §5).
    package func resolving(_ reference: String) throws(ArtifactError) -> HTTPURL {
        let scheme = reference.prefix { $0 != ":" && $0 != "/" && $0 != "?" && $0 != "#" }
        if scheme.endIndex < reference.endIndex, reference[scheme.endIndex] == ":", scheme.first?.isLetter == true {
            return try HTTPURL(reference)
        }
        if reference.hasPrefix("//") { return try HTTPURL("\(self.scheme.rawValue):\(reference)") }
        var merged = reference.prefix { $0 != "#" }
        if merged.isEmpty {
            return self
        } else if merged.hasPrefix("?") {
            merged = path + merged
        } else if !merged.hasPrefix("/") {
            let folder = path.lastIndex(of: "/").map { path[...$0] } ?? "/"
            merged = folder + merged
        }
        let question = merged.firstIndex(of: "?") ?? merged.endIndex
        let clean = Self.removingDotSegments(merged[..<question])
        return try HTTPURL("\(self.scheme.rawValue)://\(authority)\(clean)\(merged[question...])")
    }

    /// The same address with path segments added; each is encoded whole.
    package func appending(_ segments: some Sequence<String>) -> HTTPURL {
        var url = self
        for segment in segments {
            if !url.path.hasSuffix("/") { url.path += "/" }
            url.path += percentEncoded(segment)
        }
        return url
    }

    private static func checkedHost(_ text: Substring) -> String? {
        guard !text.isEmpty, text.utf8.count <= 255 else { return nil }
        let allowed: (UInt8) -> Bool
        if text.hasPrefix("[") {
            guard text.hasSuffix("]"), text.utf8.count > 3 else { return nil }
            allowed = { hexadecimalDigit($0) != nil || [0x3A, 0x2E, 0x5B, 0x5D].contains($0) }
        } else {
            allowed = {
                hexadecimalDigit($0) != nil || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || [0x2D, 0x2E, 0x5F].contains($0)
            }
            guard !text.hasPrefix("-"), !text.hasPrefix(".") else { return nil }
        }
        return text.utf8.allSatisfy(allowed) ? text.lowercased() : nil
    }

    /// Percent-encodes what may not stand in a path or query as it is; keeps escapes that are there.
    private static func encoded(_ text: Substring) -> String? {
        guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == 0x5C }) else { return nil }
        let encoded = percentEncoded(String(text), alsoKept: "%/?:@!$&'()*+,;=")
        return percentEscapesAreWhole(encoded) ? encoded : nil
    }

    private static func percentEscapesAreWhole(_ text: String) -> Bool {
        var bytes = text.utf8.makeIterator()
        while let byte = bytes.next() {
            guard byte == 0x25 else { continue }
            guard bytes.next().flatMap(hexadecimalDigit) != nil, bytes.next().flatMap(hexadecimalDigit) != nil else {
                return false
            }
        }
        return true
    }

    private static func removingDotSegments(_ path: Substring) -> String {
        var kept: [Substring] = []
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        for (index, segment) in segments.enumerated() {
            let isLast = index == segments.count - 1
            switch segment {
            case ".": if isLast { kept.append("") }
            case "..":
                _ = kept.popLast()
                if isLast { kept.append("") }
            default: kept.append(segment)
            }
        }
        return "/" + kept.joined(separator: "/")
    }
}

/// What proves to a web server who is asking.
///
/// Its text form never shows the secret.
package enum HTTPCredentials: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    case none
    case basic(user: String, password: String)
    case bearer(token: String)

    package var description: String {
        switch self {
        case .none: "none"
        case .basic: "name and password"
        case .bearer: "token"
        }
    }

    package var debugDescription: String { description }

    /// The value of the `Authorization` header.
    var authorization: String? {
        switch self {
        case .none: nil
        case .basic(let user, let password): "Basic " + base64Encoded(Array("\(user):\(password)".utf8))
        case .bearer(let token): "Bearer \(token)"
        }
    }
}

/// Base64 (RFC 4648) with padding.
func base64Encoded(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    var index = 0
    while index < bytes.count {
        let group = bytes[index..<min(index + 3, bytes.count)]
        let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << (8 * UInt32(3 - group.count))
        for position in 0..<4 {
            text.append(position > group.count ? 0x3D : alphabet[Int(bits >> (18 - 6 * UInt32(position)) & 63)])
        }
        index += 3
    }
    return String(decoding: text, as: UTF8.self)
}
