import Testing

@testable import Server

@Suite("hosts, origins and credentials")
struct ProtectionTests {
    @Test(arguments: [
        ("127.0.0.1:5000", true), ("127.0.0.1", true), ("localhost:5000", true), ("LOCALHOST", true),
        ("[::1]:5000", true),
        ("127.0.0.1:5001", false), ("evil.example", false), ("127.0.0.1.evil.example", false),
        ("evil-localhost", false),
        ("localhost.", false), ("127.0.0.1:5000@evil", false), ("", false), ("localhost:", false),
        ("localhost:5000:1", false),
        ("localhost:99999", false), ("local host", false), ("2130706433", false), ("0.0.0.0:5000", false),
        ("good.example", true), ("good.example:5000", true), ("good.example:1", false), ("a.lab.example", true),
        ("lab.example", false), ("a.lab.example.evil", false),
    ])
    func `A-20 only our own names are answered to`(host: String, isAllowed: Bool) {
        let rules = HostRules(
            allowedHosts: ["good.example", "*.lab.example"], listeningOn: "127.0.0.1", port: 5000)
        #expect(rules.allows(host: host) == isAllowed)
    }

    @Test(arguments: [
        ("http://127.0.0.1:5000", true), ("http://localhost:5000", true), ("https://books.example", true),
        ("null", false),
        ("http://localhost:3000", false), ("http://localhost", false), ("http://evil.example:5000", false),
        ("https://books.example.evil", false), ("http://localhost:5000.evil", false), ("", false), ("file://", false),
    ])
    func `A-21 only our own origin and the listed ones may change things`(origin: String, isAllowed: Bool) {
        let rules = HostRules(
            allowedOrigins: ["https://books.example"], listeningOn: "127.0.0.1", port: 5000)
        #expect(rules.allows(origin: origin) == isAllowed)
    }

    @Test func `stars in patterns stand for any run of characters`() {
        #expect(HostRules.matches("anything", "*"))
        #expect(HostRules.matches("a.b.c", "a.*.c"))
        #expect(!HostRules.matches("a.c", "a.*.c"))
        #expect(!HostRules.matches("ab", "ab*b"))
        #expect(HostRules.matches("192.168.0.7", "192.168.*"))
    }

    @Test func `a bearer token is taken in any case of the scheme, and nothing like it`() {
        let token = Credentials.makeToken()
        #expect(token.utf8.count == 64)
        #expect(token != Credentials.makeToken())
        let credentials = Credentials.token(token)
        #expect(credentials.accept("Bearer \(token)"))
        #expect(credentials.accept("bearer \(token)"))
        for wrong in [
            "", token, "Bearer", "Bearer ", "Bearer \(token)x", "Bearer \(token.dropLast())", "Basic \(token)",
        ] {
            #expect(!credentials.accept(wrong))
        }
    }

    @Test func `a user and password are taken as Basic`() {
        let credentials = Credentials.basic(username: "ada", password: "lace:1é")
        #expect(credentials.accept("Basic YWRhOmxhY2U6McOp"))
        #expect(!credentials.accept("Basic YWRhOmxhY2U6McOpeA=="))
        #expect(!credentials.accept("Bearer YWRhOmxhY2U6McOp"))
        #expect(!credentials.accept("Basic !!!"))
    }

    @Test(arguments: [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob")])
    func `base64 is decoded`(text: String, expected: String) {
        #expect(base64Decoded(text) == Array(expected.utf8))
    }

    @Test(arguments: ["Z", "Zg", "Zg=", "Zm8", "Zg==Zg==", "Z!==", "===="])
    func `what is no base64 is refused`(text: String) {
        #expect(base64Decoded(text) == nil)
    }
}
