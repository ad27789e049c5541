import Diagnostics
import Testing

@testable import Artifacts

@Suite struct `web addresses` {
    @Test(arguments: [
        ("http://Example.COM", "http://example.com/"), ("HTTPS://h:443/a", "https://h/a"),
        ("http://h:8080/a?b=c#d", "http://h:8080/a?b=c"), ("http://u:p%40@h/a", "http://h/a"),
        ("http://h/a b/ü?q=ä c", "http://h/a%20b/%C3%BC?q=%C3%A4%20c"), ("http://[::1]:9/x", "http://[::1]:9/x"),
        ("http://h//a///b/../c", "http://h//a///b/../c"), ("http://h?x", "http://h/?x"),
        ("http://h/a%2Fb", "http://h/a%2Fb"), ("http://h:/a", "http://h/a"),
    ])
    func `an address is read and written`(text: String, expected: String) throws {
        #expect(try HTTPURL(text).text == expected)
    }

    @Test func `a name and password are kept apart and never shown`() throws {
        let url = try HTTPURL("https://user:s%2Fecret@host/path?X-Amz-Signature=abc")
        #expect(url.userinfo == .basic(user: "user", password: "s/ecret"))
        #expect(!"\(url)".contains("ecret") && !"\(url)".contains("abc"))
    }

    @Test(arguments: [
        "", "h/a", "file:///etc/passwd", "ftp://h/", "http:///a", "http://", "http://h h/", "http://h\u{0}/",
        "http://h/\u{1}",
        "http://h/a\nb", "http://h/a\\b", "http://h/%zz", "http://h/%4", "http://h:0/", "http://h:65536/",
        "http://h:80a/",
        "http://h:-1/", "http://-oProxy/", "http://[::1/", "http://[]/", "http://h'/", "http://häuser/",
        "javascript:alert(1)",
        "http://h/\(String(repeating: "a", count: 17_000))",
    ])
    func `anything else is refused`(text: String) {
        let error = #expect(throws: ArtifactError.self) { try HTTPURL(text) }
        #expect(error?.reason == .invalidAddress)
    }

    @Test(arguments: [
        ("x", "http://h/a/x"), ("/x", "http://h/x"), ("//other/x", "http://other/x"), ("https://o/x", "https://o/x"),
        ("?q", "http://h/a/b?q"), ("../x", "http://h/x"), ("../../../x", "http://h/x"), ("./x/./y/..", "http://h/a/x/"),
        ("", "http://h/a/b"), ("x%2f..", "http://h/a/x%2f.."), ("/x?y=../z", "http://h/x?y=../z"),
        ("#f", "http://h/a/b"),
    ])
    func `a reference is resolved as browsers do`(reference: String, expected: String) throws {
        #expect(try HTTPURL("http://h/a/b").resolving(reference).text == expected)
    }

    @Test(arguments: ["f", "fo", "foo", "foob", "fooba", "foobar", ""])
    func `base64 has the vectors of RFC 4648`(text: String) {
        let expected = [
            "": "", "f": "Zg==", "fo": "Zm8=", "foo": "Zm9v", "foob": "Zm9vYg==", "fooba": "Zm9vYmE=",
            "foobar": "Zm9vYmFy",
        ]
        #expect(base64Encoded(Array(text.utf8)) == expected[text])
    }
}

@Suite struct `proxies` {
    private func proxy(_ url: String, _ environment: [String: String]) throws -> String? {
        try ProxyRules(environment: environment).proxy(for: HTTPURL(url)).map { "\($0.host):\($0.port)" }
    }

    @Test func `the scheme decides and exceptions are honoured`() throws {
        let environment = [
            "http_proxy": "http://web:3128", "HTTPS_PROXY": "user:pass@secure:8443",
            "no_proxy": "inner, .corp.example,exact:8080,10.0.0.1",
        ]
        #expect(try proxy("http://example.com/", environment) == "web:3128")
        #expect(try proxy("https://example.com/", environment) == "secure:8443")
        for excepted in [
            "http://inner/", "http://a.inner/", "https://x.corp.example/", "https://corp.example", "http://exact:8080/",
            "http://10.0.0.1/", "http://localhost:5000/", "http://127.0.0.1/", "http://[::1]/",
        ] {
            #expect(try proxy(excepted, environment) == nil, "\(excepted)")
        }
        #expect(try proxy("http://exact/", environment) == "web:3128")
        #expect(try proxy("http://xinner/", environment) == "web:3128")
        #expect(try proxy("https://a/", environment.merging(["no_proxy": "*"]) { $1 }) == nil)
    }

    @Test func `a request's own header cannot become a proxy, and bad ones are named`() throws {
        #expect(try proxy("http://example.com/", ["HTTP_PROXY": "http://evil:1"]) == nil)
        #expect(try proxy("http://example.com/", ["all_proxy": "socks5://s"]) == "s:1080")
        #expect(try proxy("http://example.com/", ["http_proxy": "p:80"]) == "p:80")
        for bad in ["https://x:1", "http://", "http://h h"] {
            let error = #expect(throws: ArtifactError.self) { try ProxyRules(environment: ["https_proxy": bad]) }
            #expect(error?.description.contains("https_proxy") == true)
        }
    }
}
