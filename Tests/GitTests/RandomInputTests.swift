import SystemPackage
import TestSupport
import Testing

@testable import Git
@testable import GitRepository

/// Every reader of text from outside, fed with damaged forms of good input: it may refuse, it may not trap or hang.
@Suite(.timeLimit(.minutes(10))) struct RandomInputTests {
    private func damaged(_ samples: [String], count: Int, _ body: ([UInt8]) -> Void) {
        var generator = SeededGenerator(seed: 0x5EED)
        let interesting = Array("\u{0}\n\r\t \"'\\/@:#%[]|!-.~;=\u{7F}".utf8) + [0x80, 0xFF]
        for _ in 0..<count {
            guard let sample = samples.randomElement(using: &generator) else { return }
            var bytes = Array(sample.utf8)
            for _ in 0..<Int.random(in: 0...6, using: &generator) {
                let place = Int.random(in: 0...bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0 where place < bytes.count: bytes.remove(at: place)
                case 1: bytes.insert(interesting.randomElement(using: &generator) ?? 0, at: place)
                case 2 where place < bytes.count: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                default: bytes.removeLast(min(bytes.count, place / 4))
                }
            }
            body(bytes)
        }
    }

    @Test func `locations and versions`() {
        let samples = [
            "https://ada:x@host:8443/owner/na%20me.git", "git@host:owner/name", "ssh://[::1]:22/~/x", "file:///srv/x",
            "../a/b",
        ]
        damaged(samples, count: 4_000) { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            _ = try? GitVersion(text)
            guard let location = try? GitLocation(text, relativeTo: "/home") else { return }
            // What was accepted is accepted again in its shown form, and means the same place.
            let again = try? GitLocation(location.url, relativeTo: "/home")
            #expect(again?.cacheKey == location.cacheKey, "\(text)")
            _ = GitCache.key(of: location)
        }
    }

    @Test func `gitmodules, known_hosts and manifests`() throws {
        let parent = try GitLocation("https://host/a/b", relativeTo: "/")
        let modules = "[submodule \"a \\\"b\"]\n\tpath = lib/x\n\turl = ../c # d\n\tupdate = \"none\"\n[other]\nx\n"
        let hosts = "[host]:22,h*st,!x ssh-rsa AAAA c\n|1|c2FsdA==|aGFzaA== ssh-rsa AAAA\n@revoked host ssh-rsa AAAA\n"
        let manifest = "swiftflow checkout 1\nurl\ncommit\nab.cd\n12\nwarning\n"
        damaged([modules, hosts, manifest], count: 4_000) { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            _ = try? submodules(text: text, found: [.init(path: "lib/x", commit: "c")], parent: parent)
            _ = hostKeys(in: text, host: "host", port: 22)
            _ = CheckoutManifest(text: text)
            _ = base64Bytes(text)
        }
    }

    @Test func `trees, headers and keys`() {
        let id = String(repeating: "\u{1}", count: 20)
        let header = "tree \(String(repeating: "a", count: 40))\nauthor A <> 0 +0000\n\nmessage"
        damaged(["100644 a\u{0}\(id)40000 b\u{0}\(id)", header, "\u{0}\u{0}\u{0}\u{7}ssh-rsa"], count: 4_000) { bytes in
            for entry in (try? treeEntries(bytes)) ?? [] { _ = objection(toName: entry.name) }
            _ = try? headerID("tree", of: bytes)
            _ = keyType(of: bytes)
            #expect(base64Bytes(base64(bytes, pads: true)) == bytes)
        }
    }
}
