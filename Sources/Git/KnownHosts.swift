import Crypto
import Files
import GitMessages
import SystemPackage

/// The host keys that ssh's `known_hosts` files have for one server.
///
/// Understood are plain, wildcard and hashed names, `[host]:port`, and `@revoked`; certificate authorities (`@cert-authority`) are not, since
/// the ssh library cannot check host certificates.
func knownHostKeys(host: String, port: Int, in files: [FilePath]) -> [GitSecureShell.HostKey] {
    files.flatMap { file -> [GitSecureShell.HostKey] in
        guard let bytes = try? readFile(file, limit: 16 << 20) else { return [] }
        return hostKeys(in: String(decoding: bytes, as: UTF8.self), host: host, port: port)
    }
}

func hostKeys(in text: String, host: String, port: Int) -> [GitSecureShell.HostKey] {
    let name = port == 22 ? host.lowercased() : "[\(host.lowercased())]:\(port)"
    return text.split(whereSeparator: \.isNewline).compactMap { line in
        var fields = line.split { $0 == " " || $0 == "\t" }[...]
        guard let first = fields.first, !first.hasPrefix("#") else { return nil }
        var isRevoked = false
        if first.hasPrefix("@") {
            guard first == "@revoked" else { return nil }
            isRevoked = true
            fields.removeFirst()
        }
        guard fields.count >= 3, let names = fields.popFirst(), let type = fields.popFirst(),
            let key = fields.popFirst(),
            matches(names, name)
        else { return nil }
        return GitSecureShell.HostKey(type: String(type), base64: String(key), isRevoked: isRevoked)
    }
}

/// Whether a line's first field means `name`: a hash of it, or a list of patterns in which `!` excludes.
private func matches(_ field: Substring, _ name: String) -> Bool {
    if field.hasPrefix("|1|") {
        let parts = field.split(separator: "|")
        guard parts.count == 3, let salt = base64Bytes(parts[1]), let hash = base64Bytes(parts[2]) else { return false }
        let expected = HMAC<Insecure.SHA1>.authenticationCode(for: Array(name.utf8), using: SymmetricKey(data: salt))
        return Array(expected) == hash
    }
    var isMatch = false
    for pattern in field.lowercased().split(separator: ",") {
        let isExclusion = pattern.hasPrefix("!")
        guard matches(pattern: Array(isExclusion ? pattern.dropFirst() : pattern), Array(name)) else { continue }
        if isExclusion { return false }
        isMatch = true
    }
    return isMatch
}

/// `*` stands for anything, `?` for one character; time is bounded by the product of the lengths.
private func matches(pattern: [Character], _ text: [Character]) -> Bool {
    var place = 0
    var patternPlace = 0
    var star: (pattern: Int, text: Int)?
    while place < text.count {
        if patternPlace < pattern.count, pattern[patternPlace] == "*" {
            star = (patternPlace, place)
            patternPlace += 1
        } else if patternPlace < pattern.count, pattern[patternPlace] == "?" || pattern[patternPlace] == text[place] {
            patternPlace += 1
            place += 1
        } else if let last = star {
            patternPlace = last.pattern + 1
            place = last.text + 1
            star = (last.pattern, place)
        } else {
            return false
        }
    }
    return pattern[patternPlace...].allSatisfy { $0 == "*" }
}

/// Standard base64; nil for anything else.
func base64Bytes(_ text: some StringProtocol) -> [UInt8]? {
    var bytes: [UInt8] = []
    var bits = 0
    var count = 0
    for byte in text.utf8 {
        if byte == 0x3D { break }
        let value: Int
        switch byte {
        case 0x41...0x5A: value = Int(byte) - 0x41
        case 0x61...0x7A: value = Int(byte) - 0x61 + 26
        case 0x30...0x39: value = Int(byte) - 0x30 + 52
        case 0x2B: value = 62
        case 0x2F: value = 63
        default: return nil
        }
        bits = (bits << 6 | value) & 0xFFFF
        count += 6
        if count >= 8 {
            count -= 8
            bytes.append(UInt8(bits >> count & 0xFF))
        }
    }
    return bytes
}
