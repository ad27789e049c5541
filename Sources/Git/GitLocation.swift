import Diagnostics
import Files
package import SystemPackage

/// Where a repository is: a server or a folder of this machine.
///
/// Reading one refuses everything that git's own programs might take for an option, a helper or a command (rule R10 of the design), before any library
/// sees it. A user name and password are kept apart from the rest, in `login`.
package struct GitLocation: Sendable, Hashable, CustomStringConvertible {
    package enum Transport: String, Sendable, Hashable {
        case https, http, ssh, git
        /// A folder; only the operator can name one, never a repository.
        case local
    }

    package let transport: Transport
    /// In lower case; empty for a folder.
    package let host: String
    package let port: Int
    /// With its leading slash; for the scp form as it was written; for a folder absolute.
    package let path: String
    /// The user of an ssh server.
    package let user: String?
    package let login: GitLogin?
    private let isSecureCopyForm: Bool

    /// Reads what the operator typed.
    ///
    /// - Parameter folder: what a relative path is relative to.
    /// - Throws: `GitFailure` of kind `refused`.
    package init(_ text: String, relativeTo folder: FilePath) throws(GitFailure) {
        try Self.checkCharacters(of: text)
        if let schemeEnd = text.firstRange(of: "://") {
            let scheme = text[..<schemeEnd.lowerBound].lowercased()
            let rest = text[schemeEnd.upperBound...]
            if scheme == "file" {
                self = try Self.folder(fileURL: rest, text)
            } else {
                self = try Self.server(scheme: scheme, rest: rest, text)
            }
        } else if let colon = Self.secureCopyColon(in: text) {
            self = try Self.server(
                secureCopyPlace: text[..<colon], path: text[text.index(after: colon)...], text)
        } else {
            let path = folder.pushing(FilePath(text)).lexicallyNormalized()
            self.init(folder: path)
        }
    }

    /// A folder of this machine, by its absolute path.
    package init(folder: FilePath) {
        self.init(
            transport: .local, host: "", port: 0, path: folder.string, user: nil, login: nil, isSecureCopyForm: false)
    }

    private init(
        transport: Transport, host: String, port: Int, path: String, user: String?, login: GitLogin?,
        isSecureCopyForm: Bool
    ) {
        self.transport = transport
        self.host = host
        self.port = port
        self.path = path
        self.user = user
        self.login = login
        self.isSecureCopyForm = isSecureCopyForm
    }

    /// The location without any secret: what is shown, recorded, and handed to the library.
    package var url: String {
        switch transport {
        case .local: path
        case .ssh where isSecureCopyForm: "\(user.map { "\($0)@" } ?? "")\(host):\(path)"
        case .ssh: "ssh://\(user.map { "\($0)@" } ?? "")\(authority)\(path)"
        default: "\(transport.rawValue)://\(authority)\(path)"
        }
    }

    package var description: String { url }

    /// Two spellings of one place have the same key; no secret is in it.
    var cacheKey: String {
        let trimmed = path.hasSuffix("/") && path.count > 1 ? String(path.dropLast()) : path
        return "\(transport.rawValue) \(user ?? "") \(host) \(port) \(trimmed)"
    }

    private var authority: String {
        let shown = host.contains(":") ? "[\(host)]" : host
        return port == transport.defaultPort ? shown : "\(shown):\(port)"
    }

    /// A location on the same server as this one, for a submodule's relative URL.
    func sibling(path: String) -> GitLocation {
        GitLocation(
            transport: transport, host: host, port: port, path: path, user: user, login: nil,
            isSecureCopyForm: isSecureCopyForm)
    }

    /// Whether secrets meant for `other` may be shown here: same scheme, host and port.
    func isSameServer(as other: GitLocation) -> Bool {
        transport == other.transport && host == other.host && port == other.port && transport != .local
    }
}

extension GitLocation.Transport {
    var defaultPort: Int {
        switch self {
        case .https: 443
        case .http: 80
        case .ssh: 22
        case .git: 9418
        case .local: 0
        }
    }
}

// MARK: Reading

extension GitLocation {
    private static func refusal(_ text: String, _ reason: String, _ remedy: String? = nil) -> GitFailure {
        let shown = text.count > 200 ? "\(text.prefix(200))…" : text
        return GitFailure(
            .refused, "the git location '\(redactedLocation(shown))' \(reason)",
            remedy: remedy ?? "use a URL such as 'https://host/owner/name.git' or 'ssh://git@host/owner/name.git'")
    }

    private static func checkCharacters(of text: String) throws(GitFailure) {
        guard !text.isEmpty else {
            throw GitFailure(.refused, "the git location is empty", remedy: "give a folder or a git URL")
        }
        guard text.utf8.count <= 4096 else { throw refusal(text, "is longer than 4096 bytes") }
        guard !text.hasPrefix("-") else { throw refusal(text, "looks like an option") }
        guard !text.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }) else {
            throw refusal(text, "contains a control character")
        }
        guard text.wholeMatchOfHelper == nil else {
            throw refusal(text, "names a helper program ('\(text.wholeMatchOfHelper ?? "")::')")
        }
    }

    private static func folder(fileURL rest: Substring, _ text: String) throws(GitFailure) -> GitLocation {
        let path = rest.drop { $0 != "/" }
        let host = rest[..<path.startIndex]
        guard host.isEmpty || host == "localhost" else {
            throw refusal(text, "names the host '\(host)'", "a file URL looks like 'file:///folder/name.git'")
        }
        guard let decoded = percentDecoded(String(path)), decoded.hasPrefix("/"),
            !decoded.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) })
        else { throw refusal(text, "is no valid file URL", "a file URL looks like 'file:///folder/name.git'") }
        return GitLocation(folder: FilePath(decoded).lexicallyNormalized())
    }

    private static func server(scheme: String, rest: Substring, _ text: String) throws(GitFailure) -> GitLocation {
        guard let transport = Transport(rawValue: scheme), transport != .local else {
            throw refusal(
                text, "has the scheme '\(scheme)'", "known are https, http, ssh, git, file, and 'user@host:path'")
        }
        let path = rest.drop { $0 != "/" }
        var place = rest[..<path.startIndex]
        guard path.count > 1 else { throw refusal(text, "names a server but no repository on it") }
        var login: GitLogin?
        var user: String?
        if let at = place.lastIndex(of: "@") {
            (user, login) = try readUser(place[..<at], transport, text)
            place = place[place.index(after: at)...]
        }
        let (host, port) = try readPlace(place, transport, text)
        try check(path: String(path), transport, text)
        return GitLocation(
            transport: transport, host: host, port: port, path: String(path), user: user, login: login,
            isSecureCopyForm: false)
    }

    private static func server(
        secureCopyPlace place: Substring, path: Substring, _ text: String
    ) throws(GitFailure) -> GitLocation {
        var place = place
        var user: String?
        if let at = place.lastIndex(of: "@") {
            (user, _) = try readUser(place[..<at], .ssh, text)
            place = place[place.index(after: at)...]
        }
        let (host, port) = try readPlace(place, .ssh, text)
        guard !path.isEmpty else { throw refusal(text, "names a server but no repository on it") }
        try check(path: String(path), .ssh, text)
        return GitLocation(
            transport: .ssh, host: host, port: port, path: String(path), user: user, login: nil, isSecureCopyForm: true)
    }

    private static func readUser(
        _ text: Substring, _ transport: Transport, _ whole: String
    ) throws(GitFailure) -> (user: String?, login: GitLogin?) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let user = parts.first.flatMap(percentDecoded),
            let password = percentDecoded(parts.dropFirst().first ?? "")
        else { throw refusal(whole, "has a broken percent-escape before the '@'") }
        for part in [user, password] where part.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
        {
            throw refusal(whole, "has a control character before the '@'")
        }
        switch transport {
        case .https, .http:
            return (nil, user.isEmpty && password.isEmpty ? nil : GitLogin(user: user, password: password))
        case .ssh:
            guard !user.isEmpty, user.utf8.allSatisfy(isPlain), !user.hasPrefix("-") else {
                throw refusal(whole, "has a user name that ssh might take for something else")
            }
            return (user, password.isEmpty ? nil : GitLogin(user: user, password: password))
        case .git, .local:
            throw refusal(whole, "names a user, which the git protocol does not know")
        }
    }

    private static func readPlace(
        _ text: Substring, _ transport: Transport, _ whole: String
    ) throws(GitFailure) -> (host: String, port: Int) {
        var host = text
        var port = transport.defaultPort
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            host = text[text.index(after: text.startIndex)..<end]
            guard host.contains(":"), host.utf8.allSatisfy({ isHexDigit($0) || $0 == 0x3A || $0 == 0x2E }) else {
                throw refusal(whole, "has a broken IPv6 address")
            }
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { throw refusal(whole, "has text after the host") }
            if rest.count > 1 { port = try readPort(rest.dropFirst(), whole) }
            return (host.lowercased(), port)
        }
        if let colon = text.lastIndex(of: ":") {
            host = text[..<colon]
            if text[colon...].count > 1 { port = try readPort(text[colon...].dropFirst(), whole) }
        }
        let isName = host.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F }
        guard !host.isEmpty, host.utf8.count <= 253, isName, !host.hasPrefix("-"), !host.hasPrefix(".") else {
            throw refusal(whole, "has no valid host name")
        }
        return (host.lowercased(), port)
    }

    private static func readPort(_ text: Substring, _ whole: String) throws(GitFailure) -> Int {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(text), (1...65535).contains(port)
        else { throw refusal(whole, "has the port '\(text)'", "a port is a number from 1 to 65535") }
        return port
    }

    /// Refuses paths that a shell on the other side, or an option reader, could misread.
    private static func check(path: String, _ transport: Transport, _ whole: String) throws(GitFailure) {
        guard let decoded = percentDecoded(path) else { throw refusal(whole, "has a broken percent-escape") }
        for form in [path, decoded] {
            if form.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }) {
                throw refusal(whole, "contains an escaped control character")
            }
            guard transport == .ssh else { continue }
            if form.hasPrefix("-") || form.hasPrefix("/-") {
                throw refusal(whole, "has a path that looks like an option")
            }
            if let bad = form.first(where: { "'\"`!;$&|<>()*?\\{}".contains($0) }) {
                throw refusal(whole, "has '\(bad)' in its path, which the server's shell could misread")
            }
        }
        if path.contains(" ") { throw refusal(whole, "contains a space", "write a space as %20") }
        if path.contains("#") { throw refusal(whole, "contains a '#'") }
        if transport != .ssh, path.contains("?") {
            throw refusal(whole, "has a query ('?…')", "give the URL that 'git clone' takes")
        }
    }

    /// The colon of `user@host:path`: one that comes before any slash.
    private static func secureCopyColon(in text: String) -> String.Index? {
        guard let colon = text.firstIndex(of: ":") else { return nil }
        return text[..<colon].contains("/") ? nil : colon
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || [0x2B, 0x2D, 0x2E, 0x5F, 0x7E].contains(byte)
    }
}

extension String {
    /// The name before a leading `name::`, git's way of naming a helper program.
    fileprivate var wholeMatchOfHelper: Substring? {
        guard let colons = firstRange(of: "::") else { return nil }
        let name = self[..<colons.lowerBound]
        let isName = name.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || [0x2B, 0x2D, 0x2E, 0x5F].contains(byte)
        }
        return isName ? name : nil
    }
}

/// A location for messages: its password removed also where the rest is malformed.
func redactedLocation(_ text: String) -> String {
    let redacted = redactedURL(text)
    guard !text.contains("://"), let at = text.lastIndex(of: "@"), let colon = text[..<at].firstIndex(of: ":") else {
        return redacted
    }
    return String(text[..<colon] + text[at...])
}
