import GitMessages

/// Why a server's host key is not trusted; nil when `known_hosts` has exactly this key.
func hostKeyObjection(key: String, type: String, fingerprint: String, remote: GitRemote) -> GitFailure? {
    let known = remote.ssh?.hostKeys ?? []
    let place = remote.port == 22 ? remote.host : "[\(remote.host)]:\(remote.port)"
    let same = known.filter { $0.base64 == key }
    if same.contains(where: \.isRevoked) {
        return GitFailure(
            .untrustedServer, "the host key of '\(place)' (\(type) \(fingerprint)) is marked as revoked",
            remedy: "do not connect; ask whoever runs the server")
    }
    if !same.isEmpty { return nil }
    let others = known.filter { !$0.isRevoked }
    if others.contains(where: { $0.type == type }) {
        return GitFailure(
            .untrustedServer,
            "the host key of '\(place)' has changed: it is now \(type) \(fingerprint); someone may be listening in",
            remedy: "if the server really has a new key, remove the old one with: ssh-keygen -R '\(place)'")
    }
    return GitFailure(
        .untrustedServer, "the host key of '\(place)' is not known: \(type) \(fingerprint)",
        remedy:
            "compare it with what the server's owner publishes, then connect once with ssh to store it in known_hosts")
}

/// The type a raw ssh key names in its first field.
func keyType(of key: [UInt8]) -> String {
    let length = key.prefix(4).reduce(0) { $0 << 8 | Int($1) }
    guard key.count >= 4, length > 0, length <= 64, key.count >= 4 + length else { return "unknown" }
    return String(decoding: key[4..<(4 + length)], as: UTF8.self)
}

func base64(_ bytes: [UInt8], pads: Bool) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
        for place in 0...3 {
            if place <= group.count {
                text.append(alphabet[bits >> (18 - 6 * place) & 63])
            } else if pads {
                text.append(0x3D)
            }
        }
    }
    return String(decoding: text, as: UTF8.self)
}
