import GitMessages
import Synchronization

/// Decides where a connection may go: the server the operator named, a proxy of the environment, and nowhere else.
///
/// libgit2 compares only host names when a server redirects, and keeps sending the password it already has. So every connection is
/// checked where it is opened: another port counts as another server, except 443 of the same host as long as no password was given.
struct ConnectionPolicy: Sendable {
    private let host: String
    private let port: Int
    private let scheme: String
    private let proxies: Set<String>
    /// Whether a password has been handed to the library.
    private(set) var hasShownLogin = false
    /// The other port the server sent us to, such as `example.org:443`.
    private(set) var redirection: String?

    init(_ remote: GitRemote) {
        host = Self.normalized(remote.host)
        port = remote.port
        scheme = remote.scheme
        proxies = Set(remote.proxies.map { $0.lowercased() })
    }

    /// Nil when the connection may be opened.
    mutating func objection(toHost otherHost: String, port otherPort: String) -> GitFailure? {
        let other = Self.normalized(otherHost)
        if other == host, otherPort == String(port) { return nil }
        if proxies.contains("\(other):\(otherPort)") { return nil }
        if other == host, scheme == "http", otherPort == "443", !hasShownLogin {
            redirection = "\(other):443"
            return nil
        }
        return GitFailure(
            .redirect, "'\(host):\(port)' redirects to '\(other):\(otherPort)', another server",
            remedy: "if that is right, give the other server's URL yourself")
    }

    /// Whether the password may be handed out now; `url` is what the library says it talks to.
    mutating func objectionToLogin(at url: String) -> GitFailure? {
        let place = authority(of: url)
        let isSame = place.map { $0.host == host && ($0.port ?? Self.defaultPort($0.scheme)) == port } ?? true
        if isSame, redirection == nil {
            hasShownLogin = true
            return nil
        }
        let other = redirection ?? place.map { "\($0.host):\($0.port ?? Self.defaultPort($0.scheme))" } ?? url
        return GitFailure(
            .redirect, "'\(host):\(port)' redirects to '\(other)', which asks for a password; it was not sent",
            remedy: "if that is right, give the other server's URL yourself")
    }

    private static func normalized(_ host: String) -> String {
        let lower = host.lowercased()
        return lower.hasPrefix("[") && lower.hasSuffix("]") ? String(lower.dropFirst().dropLast()) : lower
    }

    private static func defaultPort(_ scheme: String) -> Int {
        ["https": 443, "http": 80, "ssh": 22, "git": 9418][scheme] ?? 0
    }

    private func authority(of url: String) -> (scheme: String, host: String, port: Int?)? {
        guard let schemeEnd = url.firstRange(of: "://") else { return nil }
        var place = url[schemeEnd.upperBound...].prefix { $0 != "/" }
        if let at = place.lastIndex(of: "@") { place = place[place.index(after: at)...] }
        var port: Int?
        if let colon = place.lastIndex(of: ":"), !place[colon...].contains("]") {
            port = Int(place[place.index(after: colon)...])
            place = place[..<colon]
        }
        return (url[..<schemeEnd.lowerBound].lowercased(), Self.normalized(String(place)), port)
    }
}
