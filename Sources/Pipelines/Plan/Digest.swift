import Crypto

/// The SHA-256 digest of bytes in hexadecimal digits.
func hexDigest(of bytes: [UInt8]) -> String {
    SHA256.hash(data: bytes).map { byte in
        let text = String(byte, radix: 16)
        return byte < 16 ? "0\(text)" : text
    }.joined()
}

/// Eight hexadecimal digits that tell long texts apart.
func shortDigest(of bytes: [UInt8]) -> String { String(hexDigest(of: bytes).prefix(8)) }
