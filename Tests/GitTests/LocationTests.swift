import Diagnostics
import Git
import SystemPackage
import Testing

@Suite struct LocationTests {
    static let folder: FilePath = "/home/ada"

    @Test(arguments: [
        ("https://github.com/owner/name.git", "https://github.com/owner/name.git", "https", "github.com", 443),
        ("HTTPS://GitHub.com:443/Owner/name", "https://github.com/Owner/name", "https", "github.com", 443),
        ("http://127.0.0.1:8080/git/a%20b", "http://127.0.0.1:8080/git/a%20b", "http", "127.0.0.1", 8080),
        ("https://[::1]:8443/x.git", "https://[::1]:8443/x.git", "https", "::1", 8443),
        ("ssh://git@host/owner/name.git", "ssh://git@host/owner/name.git", "ssh", "host", 22),
        ("ssh://host:2222/~/name", "ssh://host:2222/~/name", "ssh", "host", 2222),
        ("git@github.com:owner/name.git", "git@github.com:owner/name.git", "ssh", "github.com", 22),
        ("host:name", "host:name", "ssh", "host", 22),
        ("git://host/name", "git://host/name", "git", "host", 9418),
        ("file:///srv/a%20b.git", "/srv/a b.git", "local", "", 0),
        ("file://localhost/srv/x", "/srv/x", "local", "", 0),
        ("/srv/x/../y", "/srv/y", "local", "", 0),
        ("project", "/home/ada/project", "local", "", 0),
        ("./a:b", "/home/ada/a:b", "local", "", 0),
        ("../other", "/home/other", "local", "", 0),
    ])
    func `every form of a location is read`(
        text: String, url: String, transport: String, host: String, port: Int
    ) throws {
        let location = try GitLocation(text, relativeTo: Self.folder)
        #expect(location.url == url)
        #expect(location.transport.rawValue == transport)
        #expect(location.host == host)
        #expect(location.port == port)
    }

    @Test(arguments: [
        "", "ext::sh -c touch% /tmp/x", "fd::17", "testing::x", "EXT::https://h/x", "--upload-pack=touch x", "-x",
        "-oProxyCommand=x:y", "s3://bucket/x", "gs://b/x", "ftp://host/x", "ftps://host/x", "javascript://h/x",
        "http+unix://x/y", "git+ssh://host/x", "://host/x", "https://", "https:///x", "https://host", "https://host/",
        "file://other/srv/x", "file://", "local:///x", "https://host:0/x", "https://host:65536/x", "https://host:1x/x",
        "https://-host/x", "https://.host/x", "https://ho st/x", "https://h\u{F6}st/x", "https://[::1/x",
        "https://[x]/y",
        "https://[::1]x/y", "git://user@host/x", "https://host/x?y=1", "https://host/a b", "https://host/a#b",
    ])
    func `G-02 helpers, options and unknown schemes are refused before any library sees them`(text: String) throws {
        let failure = try #require(throws: GitFailure.self) { try GitLocation(text, relativeTo: Self.folder) }
        #expect(failure.kind == .refused)
        #expect(failure.remedy != nil)
    }

    @Test(arguments: [
        "https://host/a\nb", "https://host/a\u{0}b", "https://host/%0a", "https://host/x%0D%0aHost:y",
        "https://host/%00",
        "https://host/%C2%85x", "https://host/%zz", "https://host/%ff", "ssh://host/a%0ab", "git@host:a\tb",
        "host\u{1}:a",
        "ssh://-oProxyCommand=x/y", "ssh://-oProxyCommand=x@host/y", "-oProxyCommand=x@host:y", "ssh://host/-x",
        "host:-x",
        "ssh://host/a'b", "ssh://host/a\"b", "ssh://host/a`b", "ssh://host/a!b", "ssh://host/a;b", "ssh://host/a$b",
        "ssh://host/a|b", "ssh://host/a&b", "ssh://host/a%27b", "ssh://host/%2dx", "ssh://ho;st/a", "ssh://ho'st/a",
        "ssh://us!er@host/a", "ssh://us%0aer@host/a", "ssh://%2dx@host/a", "git@host:a;b", "git@host:a b",
        "git@ho!st:a",
        "https://us%0der:x@host/a", "https://user:p%0aw@host/a", "/srv/a\nb",
    ])
    func `G-03 control bytes, and text that ssh or a shell could misread, are refused`(text: String) throws {
        let failure = try #require(throws: GitFailure.self) { try GitLocation(text, relativeTo: Self.folder) }
        #expect(failure.kind == .refused)
        #expect(!failure.description.contains("\n"))
    }

    @Test(arguments: [
        "-x", "--upload-pack=touch x", "refs/heads/a:refs/heads/b", "+main", ":/fix", "main^{}", "main^", "HEAD~1",
        "@{-1}",
        "@{u}", "@", "a..b", "a...b", "a b", "a\nb", "a\u{0}b", "*", "a?b", "[x]", "a\\b", "main.lock", "a/", "/a",
        "a//b", "",
        "a.", "f\u{FC}r", String(repeating: "a", count: 10_240),
    ])
    func `G-05 what is not a plain name is no branch, tag or commit`(text: String) throws {
        if text == "+main" {
            // An ordinary, if unusual, branch name: never read as a refspec.
            #expect(try GitVersion(text).text == text)
            return
        }
        let failure = try #require(throws: GitFailure.self) { try GitVersion(text) }
        #expect(failure.kind == .refused)
        #expect(failure.message.contains("is not a branch, tag or commit"))
        #expect(failure.message.utf8.count < 300)
    }

    @Test(arguments: ["main", "feature/x-1", "v1.2+build", "user@topic", "issue#12", "0123abcd", "a.b"])
    func `plain names are versions`(text: String) throws {
        #expect(try GitVersion(text).text == text)
    }

    @Test(arguments: [
        ("https://ada:s3cr%40t@host/x.git", "ada", "s3cr@t"), ("https://t0ken@host/x.git", "t0ken", ""),
        ("https://:pw@host/x.git", "", "pw"), ("ssh://ada:s3cr%40t@host/x", "ada", "s3cr@t"),
    ])
    func `G-23 a password is kept apart from everything that is shown`(text: String, user: String, password: String)
        throws
    {
        let location = try GitLocation(text, relativeTo: Self.folder)
        #expect(location.login == GitLogin(user: user, password: password))
        #expect(!location.url.contains("s3cr"))
        #expect(!location.url.contains("t0ken"))
        var dumped = ""
        dump(location, to: &dumped)
        for shown in [dumped, "\(location)", String(reflecting: location)] {
            #expect(!shown.contains("s3cr") && !shown.contains("t0ken") && !shown.contains("\"pw\""))
        }
    }

    @Test(arguments: [
        "https://ada:s3cret@/x", "https://ada:s3cret@host/a b", "ftp://ada:s3cret@host/x", "ada:s3cret@host:x;y",
    ])
    func `G-23 a refusal does not repeat the password`(text: String) throws {
        let failure = try #require(throws: GitFailure.self) { try GitLocation(text, relativeTo: Self.folder) }
        #expect(!failure.description.contains("s3cret"))
    }

    @Test func `spellings of one place share a mirror, other users and ports do not`() throws {
        func key(_ text: String) throws -> String { GitCache.key(of: try GitLocation(text, relativeTo: Self.folder)) }
        #expect(try key("https://host/a/b") == key("https://ada:x@HOST:443/a/b/"))
        #expect(try key("https://host/a/b") != key("http://host/a/b"))
        #expect(try key("https://host/a/b") != key("https://host:8443/a/b"))
        #expect(try key("ssh://ada@host/a") != key("ssh://eve@host/a"))
        #expect(try key("https://host/a/b") != key("https://host/a/B"))
        #expect(try !key("https://host/..").contains("/"))
        #expect(try key("https://host/\(String(repeating: "x", count: 3000))").utf8.count < 120)
    }
}
