import HTTPTypes

/// What a client must show to be let in.
package enum Credentials: Sendable {
    /// `Authorization: Bearer TOKEN`, as clients send for `MLFLOW_TRACKING_TOKEN`, or the token as the password of a Basic login: Python's
    /// client prefers that form whenever it finds a name and a password.
    case token(String)
    /// `Authorization: Basic …`, as clients send for `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`.
    case basic(username: String, password: String)
    /// One of these; the names and passwords of several people, or a token beside them.
    case anyOf([Credentials])

    /// 256 random bits as text, for a token nobody can guess.
    package static func makeToken() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<4).map { _ in
            let digits = String(generator.next() as UInt64, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    /// Whether the value of an `Authorization` field shows them.
    func accept(_ authorization: String) -> Bool {
        switch self {
        case .token(let token):
            if let given = Self.value(of: authorization, scheme: "bearer") {
                return Self.isEqualInConstantTime(given.utf8, token.utf8)
            }
            guard let given = Self.value(of: authorization, scheme: "basic"), let decoded = base64Decoded(given) else {
                return false
            }
            return Self.isEqualInConstantTime(decoded.drop { $0 != UInt8(ascii: ":") }.dropFirst(), token.utf8)
        case .basic(let username, let password):
            guard let given = Self.value(of: authorization, scheme: "basic"), let decoded = base64Decoded(given) else {
                return false
            }
            return Self.isEqualInConstantTime(decoded, "\(username):\(password)".utf8)
        case .anyOf(let choices):
            // All are tried, so that the time tells nothing of which one was right.
            return choices.count { $0.accept(authorization) } > 0
        }
    }

    /// What the answer to a request without them says.
    var challenge: String {
        switch self {
        case .token: "Bearer realm=\"mlflow\""
        case .basic: "Basic realm=\"mlflow\""
        case .anyOf(let choices): Set(choices.map(\.challenge)).sorted().joined(separator: ", ")
        }
    }

    private static func value(of authorization: String, scheme: String) -> Substring? {
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, let first = parts.first, first.lowercased() == scheme else { return nil }
        return parts.last
    }

    /// Takes as long for a wrong guess as for a right one of the same length, so that guessing byte by byte tells nothing.
    static func isEqualInConstantTime(_ given: some Collection<UInt8>, _ expected: some Collection<UInt8>) -> Bool {
        var difference = UInt8(given.count == expected.count ? 0 : 1)
        var expectedBytes = expected.makeIterator()
        for byte in given {
            difference |= byte ^ (expectedBytes.next() ?? 0xFF)
        }
        return difference == 0
    }
}

/// The bytes behind standard base64 with padding; nil for anything else.
func base64Decoded(_ text: some StringProtocol) -> [UInt8]? {
    var bytes: [UInt8] = []
    var bits: UInt32 = 0
    var count = 0
    var padding = 0
    for byte in text.utf8 {
        let value: UInt32
        switch byte {
        case 0x41...0x5A: value = UInt32(byte) - 0x41
        case 0x61...0x7A: value = UInt32(byte) - 0x61 + 26
        case 0x30...0x39: value = UInt32(byte) - 0x30 + 52
        case UInt8(ascii: "+"): value = 62
        case UInt8(ascii: "/"): value = 63
        case UInt8(ascii: "="):
            padding += 1
            continue
        default: return nil
        }
        guard padding == 0 else { return nil }
        bits = bits << 6 | value
        count += 1
        if count % 4 == 0 {
            bytes += [
                UInt8(truncatingIfNeeded: bits >> 16), UInt8(truncatingIfNeeded: bits >> 8),
                UInt8(truncatingIfNeeded: bits),
            ]
            bits = 0
        }
    }
    switch (count % 4, padding) {
    case (0, 0): break
    case (2, 2): bytes.append(UInt8(truncatingIfNeeded: bits >> 4))
    case (3, 1): bytes += [UInt8(truncatingIfNeeded: bits >> 10), UInt8(truncatingIfNeeded: bits >> 2)]
    default: return nil
    }
    return bytes
}
