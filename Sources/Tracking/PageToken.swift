/// How far a paged search has come, in the form MLflow uses: base64 of `{"offset": N}`.
package struct PageToken: Sendable, Hashable {
    package var offset: Int
    /// Marks the search that the token belongs to, where that matters.
    package var fingerprint: UInt64?

    package init(offset: Int, fingerprint: UInt64? = nil) {
        self.offset = offset
        self.fingerprint = fingerprint
    }

    /// Reads a token that a client sent back; no token is the beginning.
    package init(_ text: String?) throws(TrackingError) {
        guard let text, !text.isEmpty else {
            offset = 0
            return
        }
        guard text.utf8.count <= 200, let bytes = decodedBase64(text) else {
            throw .invalidParameter("Invalid page token, could not base64-decode")
        }
        let json = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
        let prefix = #"{"offset":"#
        let parts = json.dropFirst(prefix.count).dropLast().split(separator: #","search":"#)
        guard json.hasPrefix(prefix), json.hasSuffix("}"), (1...2).contains(parts.count),
            let number = parts.first.flatMap({ Int($0) }), (0...Int(Int32.max)).contains(number)
        else {
            throw .invalidParameter("Invalid page token, parsed value=\(json)")
        }
        offset = number
        fingerprint = parts.count == 2 ? parts.last.flatMap { UInt64($0) } : nil
    }

    package var text: String {
        let search = fingerprint.map { ", \"search\": \($0)" } ?? ""
        return encodedBase64(Array("{\"offset\": \(offset)\(search)}".utf8))
    }
}

private let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

private func encodedBase64(_ bytes: [UInt8]) -> String {
    var encoded: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
        for position in 0..<4 {
            let isPadding = position > group.count
            encoded.append(isPadding ? UInt8(ascii: "=") : alphabet[bits >> (18 - 6 * position) & 63])
        }
    }
    return String(decoding: encoded, as: UTF8.self)
}

private func decodedBase64(_ text: String) -> [UInt8]? {
    let digits = text.utf8.prefix { $0 != UInt8(ascii: "=") }
    guard text.utf8.count.isMultiple(of: 4), text.utf8.count - digits.count <= 2,
        text.utf8.dropFirst(digits.count).allSatisfy({ $0 == UInt8(ascii: "=") })
    else { return nil }
    var bytes: [UInt8] = []
    var bits = 0
    var count = 0
    for digit in digits {
        // URL-safe digits are what some clients turn a token into.
        let plain =
            digit == UInt8(ascii: "-") ? UInt8(ascii: "+") : digit == UInt8(ascii: "_") ? UInt8(ascii: "/") : digit
        guard let value = alphabet.firstIndex(of: plain) else { return nil }
        bits = bits << 6 | value
        count += 6
        if count >= 8 {
            count -= 8
            bytes.append(UInt8(bits >> count & 0xFF))
            bits &= 0xFF
        }
    }
    return bytes
}
