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

    package var description: String { hex }
}
