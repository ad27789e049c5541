import Testing

@testable import Git
@testable import GitRepository

@Suite struct KnownHostsTests {
    private static let key = "AAAAC3NzaC1lZDI1NTE5AAAAIGZha2VmYWtlZmFrZWZha2VmYWtlZmFrZWZha2VmYWtlZmE="

    @Test(arguments: [
        ("host", 22, "host ssh-ed25519 KEY", 1), ("HOST", 22, "host ssh-ed25519 KEY", 1),
        ("host", 2222, "host ssh-ed25519 KEY", 0), ("host", 2222, "[host]:2222 ssh-ed25519 KEY", 1),
        ("host", 22, "a,host,b ssh-rsa KEY comment", 1), ("host", 22, "*.x,h?st ssh-rsa KEY", 1),
        ("a.x", 22, "*.x,!a.x ssh-rsa KEY", 0), ("host", 22, "# host ssh-rsa KEY", 0), ("host", 22, "host ssh-rsa", 0),
        ("host", 22, "@cert-authority host ssh-rsa KEY", 0), ("host", 22, "@revoked host ssh-rsa KEY", 1),
        // Hashed by: ssh-keygen -H
        ("127.0.0.1", 22, "|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ssh-rsa KEY", 0),
    ])
    func `G-07 known_hosts is read as ssh reads it`(host: String, port: Int, line: String, count: Int) {
        #expect(hostKeys(in: "\n\(line)\n", host: host, port: port).count == count)
    }

    @Test func `G-07 hashed names are recognised`() {
        // Salt and HMAC-SHA1 of "[localhost]:2022", computed independently with openssl.
        let line = "|1|c2FsdHNhbHRzYWx0c2FsdHNhbHQ=|HASH ssh-ed25519 \(Self.key)"
        let hash = "465gLPSLYP6xPn/q0k1icKXxG7U="
        #expect(hostKeys(in: line.replacing("HASH", with: hash), host: "localhost", port: 2022).count == 1)
        #expect(hostKeys(in: line.replacing("HASH", with: hash), host: "localhost", port: 22).isEmpty)
    }

    @Test func `G-07 unknown, changed and revoked keys are told apart`() {
        func judge(_ known: [GitSecureShell.HostKey]) -> String? {
            var remote = GitRemote(url: "ssh://host/x", scheme: "ssh", host: "host", port: 22)
            remote.ssh = GitSecureShell(user: "git", hostKeys: known, usesAgent: false, keyFiles: [], unusable: [])
            return hostKeyObjection(key: Self.key, type: "ssh-ed25519", fingerprint: "SHA256:x", remote: remote)?
                .message
        }
        let good = GitSecureShell.HostKey(type: "ssh-ed25519", base64: Self.key, isRevoked: false)
        let other = GitSecureShell.HostKey(type: "ssh-ed25519", base64: "AAAA", isRevoked: false)
        let rsa = GitSecureShell.HostKey(type: "ssh-rsa", base64: "AAAA", isRevoked: false)
        let revoked = GitSecureShell.HostKey(type: "ssh-ed25519", base64: Self.key, isRevoked: true)
        #expect(judge([good]) == nil)
        #expect(judge([other, good]) == nil)
        #expect(judge([])?.contains("is not known") == true)
        #expect(judge([rsa])?.contains("is not known") == true)
        #expect(judge([other])?.contains("has changed") == true)
        #expect(judge([good, revoked])?.contains("revoked") == true)
    }

    @Test(arguments: [[], [0], [255, 1], [1, 2, 3], Array(0...255)] as [[UInt8]])
    func `base64 goes both ways`(bytes: [UInt8]) {
        #expect(base64Bytes(base64(bytes, pads: true)) == bytes)
        #expect(base64Bytes(base64(bytes, pads: false)) == bytes)
    }
}
