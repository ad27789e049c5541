import Crypto

/// Eight hexadecimal digits that tell long texts apart.
func shortDigest(of bytes: [UInt8]) -> String {
    SHA256.hash(data: bytes).prefix(4).map { byte in
        let text = String(byte, radix: 16)
        return byte < 16 ? "0\(text)" : text
    }.joined()
}
