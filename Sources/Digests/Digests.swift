// Digests of files and folders: what tells whether content changed. A digest is asked for again and again, and files seldom change,
// so the ones that were computed are kept (`DigestCache`) with what the file system says about a file.
//
//   ContentDigest   SHA-256 of some content
//   DigestCache     (path, size, times, inode) → digest, in a file that may be lost at any time
//   FileTree        the files of a folder, found without following links
//   TreeDigest      one digest for many files, and what changed between two of them
//   PathPattern     `lib/**`
import Crypto

/// The digest of some content: SHA-256 in 64 hexadecimal digits.
package struct ContentDigest: Sendable, Hashable, CustomStringConvertible {
    package let hex: String

    /// Reads a digest that was written down; nil for any other text.
    package init?(hex: String) {
        guard hex.utf8.count == 64,
            hex.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { return nil }
        self.hex = hex
    }

    /// The digest of these bytes.
    package init(of bytes: [UInt8]) {
        var hash = SHA256()
        hash.update(data: bytes)
        self.init(hash)
    }

    init(_ hash: consuming SHA256) {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(64)
        for byte in hash.finalize() { text += [digits[Int(byte >> 4)], digits[Int(byte & 0xF)]] }
        hex = String(decoding: text, as: UTF8.self)
    }

    package var description: String { hex }
}
