import Digests
import Testing

@Suite struct `Digests` {
    @Test(arguments: ["", "abc", String(repeating: "g", count: 64), String(repeating: "A", count: 64)])
    func `only 64 lower-case hexadecimal digits are a digest`(text: String) {
        #expect(ContentDigest(hex: text) == nil)
    }
}
