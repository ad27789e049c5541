import Diagnostics
import Files
import Foundation
import Git
import SystemPackage
import TestSupport
import Testing

/// Who is let in, who is trusted, and who is told which secret.
@Suite(.timeLimit(.minutes(10)), .enabled(if: hasEngines("git", "nginx", "fcgiwrap", "sshd", "openssl")))
struct ServerTests {
    @Test func `G-23 a password in the URL works and is found nowhere afterwards`() async throws {
        let fixture = try CacheFixture()
        try await fixture.git.makeRepository("demo.git")
        let server = try await GitHTTPServer.start(fixture.git, users: ["ada": "s3cr3t-pa55"])
        let url = "http://ada:s3cr3t-pa55@127.0.0.1:\(server.port)/private/demo.git"
        let checkout = try await fixture.checkout(url)
        #expect(checkout.url == server.url("private", "demo.git"))
        #expect(server.requests.contains { $0.contains("user=ada") })
        #expect(try !fixture.cacheText().contains("s3cr3t-pa55"))
        #expect(try text(checkout.directory.appending(".git/config")).contains(server.url("private", "demo.git")))
        let wrong = try await failure {
            _ = try await fixture.checkout(url.replacing("s3cr3t-pa55", with: "wr0ng-pa55"))
        }
        #expect(wrong.kind == .authentication)
        #expect(!wrong.description.contains("wr0ng-pa55"))
        await server.stop()
    }

    @Test(arguments: [
        ["SWIFTFLOW_GIT_USERNAME": "ada", "SWIFTFLOW_GIT_PASSWORD": "s3cr3t"],
        ["SWIFTFLOW_GIT_USERNAME": "ada", "SWIFTFLOW_GIT_TOKEN": "s3cr3t"],
    ])
    func `a password of the environment works`(variables: [String: String]) async throws {
        var fixture = try CacheFixture()
        try await fixture.git.makeRepository("demo.git")
        let server = try await GitHTTPServer.start(fixture.git, users: ["ada": "s3cr3t"])
        fixture.environment = variables
        _ = try await fixture.checkout(server.url("private", "demo.git"))
        await server.stop()
    }

    @Test func `a credential helper of the user is asked when the server wants a password`() async throws {
        let fixture = try CacheFixture()
        try await fixture.git.makeRepository("demo.git")
        let server = try await GitHTTPServer.start(fixture.git, users: ["ada": "s3cr3t"])
        try fixture.git.write("home/store", "http://ada:s3cr3t@127.0.0.1%3a\(server.port)\n")
        try fixture.git.write(
            "home/.gitconfig", "[credential]\n\thelper = store --file \(fixture.git.home)/store\n")
        _ = try await fixture.checkout(server.url("private", "demo.git"))
        #expect(try !fixture.cacheText().contains("s3cr3t"))
        await server.stop()
    }

    @Test func `G-18 without a password the answer comes at once, with what to do, and nobody is prompted`()
        async throws
    {
        let fixture = try CacheFixture()
        try await fixture.git.makeRepository("demo.git")
        let server = try await GitHTTPServer.start(fixture.git, users: ["ada": "s3cr3t"])
        let failure = try await failure { _ = try await fixture.checkout(server.url("private", "demo.git")) }
        #expect(failure.kind == .authentication)
        #expect(failure.remedy?.contains("SWIFTFLOW_GIT_TOKEN") == true)
        #expect(server.requests.count < 6)
        await server.stop()
    }

    @Test func `G-06 a redirect stays on its server, the password is not shown elsewhere`() async throws {
        let fixture = try CacheFixture()
        try await fixture.git.makeRepository("demo.git")
        let server = try await GitHTTPServer.start(fixture.git, users: ["ada": "s3cr3t"])
        _ = try await fixture.checkout(server.url("moved", "demo.git"))
        let elsewhere = "http://ada:s3cr3t@127.0.0.1:\(server.port)/elsewhere/demo.git"
        let failure = try await failure { _ = try await fixture.checkout(elsewhere) }
        #expect(failure.kind == .redirect)
        #expect(failure.message.contains("127.0.0.1") && failure.message.contains("localhost"))
        #expect(!server.requests.contains { $0.contains("/private/") })
        await server.stop()
    }

    @Test func `G-06 another port of the same host is another server`() async throws {
        let fixture = try CacheFixture()
        let asked = Collected<String>()
        let thief = try RawServer { connection in
            asked.add(connection.receiveRequest())
            connection.send(
                Array("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n".utf8))
        }
        let port = thief.port
        let honest = try RawServer { connection in
            while true {
                let request = connection.receiveRequest()
                if request.isEmpty { return }
                let answer =
                    request.contains("Authorization:")
                    ? "302 Found\r\nLocation: http://127.0.0.1:\(port)/x/info/refs?service=git-upload-pack"
                    : "401 No\r\nWWW-Authenticate: Basic realm=x"
                connection.send(Array("HTTP/1.1 \(answer)\r\nContent-Length: 0\r\n\r\n".utf8))
            }
        }
        let failure = try await failure {
            _ = try await fixture.checkout("http://ada:s3cr3t@127.0.0.1:\(honest.port)/x")
        }
        #expect(failure.kind == .redirect, "\(failure)")
        #expect(failure.message.contains(":\(thief.port)") && failure.message.contains(":\(honest.port)"))
        #expect(asked.all.isEmpty)
        thief.stop()
        honest.stop()
    }

    @Test func `G-07 a certificate nobody signed is refused, also for an address, a known one is accepted`()
        async throws
    {
        var fixture = try CacheFixture()
        try await fixture.git.makeRepository("demo.git")
        let file = fixture.git.folder.appending("cert.pem")
        let key = fixture.git.folder.appending("key.pem")
        try await fixture.git.run(
            "openssl",
            [
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2", "-keyout",
                key.string, "-out", file.string, "-addext", "subjectAltName=DNS:localhost",
            ], in: fixture.git.folder)
        let server = try await GitHTTPServer.start(fixture.git, certificate: (file, key))
        let named = "https://localhost:\(server.port)/git/demo.git"
        for url in [server.url("demo.git"), named] {
            let failure = try await failure { _ = try await fixture.checkout(url) }
            #expect(failure.kind == .untrustedServer, "\(failure)")
        }
        #expect(server.requests.isEmpty)
        fixture.environment["SSL_CERT_FILE"] = file.string
        _ = try await fixture.checkout(named)
        // Signed by a trusted authority, but for another name.
        let wrong = try await failure { _ = try await fixture.checkout(server.url("demo.git")) }
        #expect(wrong.kind == .untrustedServer)
        await server.stop()
    }

    @Test(arguments: ["ed25519", "ecdsa"])
    func `G-07 an ssh server is trusted only with the key of known_hosts`(type: String) async throws {
        var fixture = try CacheFixture()
        let commit = try await fixture.git.makeRepository("demo.git")
        let server = try await SSHServer.start(fixture.git, hostKeyType: type)
        let url = server.url(fixture.git.repository("demo.git"))
        fixture.environment["SWIFTFLOW_SSH_KEY"] = server.key.string
        let known = fixture.git.home.appending(".ssh/known_hosts")

        let unknown = try await failure { _ = try await fixture.checkout(url) }
        #expect(unknown.kind == .untrustedServer, "\(unknown)")
        #expect(unknown.message.contains("is not known") && unknown.message.contains("SHA256:"))
        let printed = try await fixture.git.run(
            "ssh-keygen", ["-l", "-f", server.knownHosts.string], in: fixture.git.folder)
        let fingerprint = try #require(printed.split(separator: " ").dropFirst().first)
        #expect(unknown.message.contains(fingerprint))

        let lines = try text(server.knownHosts)
        try fixture.git.write("home/.ssh/known_hosts", lines)
        #expect(try await fixture.checkout(url).commit == commit)

        // The same, with a hashed name.
        try await fixture.git.run("ssh-keygen", ["-q", "-H", "-f", known.string], in: fixture.git.folder)
        #expect(try !text(known).contains("127.0.0.1"))
        #expect(try await fixture.checkout(url, version: "main").commit == commit)

        // Another key of the same kind: the server is not the one we know.
        let other = try await SSHServer.start(fixture.git, hostKeyType: type)
        try fixture.git.write("home/.ssh/known_hosts", "[127.0.0.1]:\(server.port) \(other.hostKey)\n")
        let changed = try await failure { _ = try await fixture.checkout(url, version: "main") }
        #expect(changed.kind == .untrustedServer)
        #expect(changed.message.contains("has changed"))

        try fixture.git.write("home/.ssh/known_hosts", lines + "@revoked * \(server.hostKey)\n")
        let revoked = try await failure { _ = try await fixture.checkout(url, version: "main") }
        #expect(revoked.message.contains("revoked"))
        await server.stop()
        await other.stop()
    }

    @Test func `ssh keys are found in the home folder, and a refusal says which were tried`() async throws {
        let fixture = try CacheFixture()
        try await fixture.git.makeRepository("demo.git")
        let server = try await SSHServer.start(fixture.git)
        let url = server.url(fixture.git.repository("demo.git"))
        try fixture.git.write("home/.ssh/known_hosts", text(server.knownHosts))
        let none = try await failure { _ = try await fixture.checkout(url) }
        #expect(none.kind == .authentication)
        #expect(none.message.contains("no key was found"))

        let folder = fixture.git.home.appending(".ssh")
        try await fixture.git.run(
            "ssh-keygen", ["-q", "-t", "ecdsa", "-N", "", "-f", "\(folder)/id_ecdsa"], in: fixture.git.folder)
        try await fixture.git.run(
            "ssh-keygen", ["-q", "-t", "rsa", "-N", "secret", "-f", "\(folder)/id_rsa"], in: fixture.git.folder)
        let wrong = try await failure { _ = try await fixture.checkout(url) }
        #expect(wrong.message.contains("id_ecdsa"))
        #expect(wrong.message.contains("id_rsa") && wrong.message.contains("passphrase"))

        try FileManager.default.copyItem(atPath: server.key.string, toPath: "\(folder)/id_ed25519")
        _ = try await fixture.checkout(url)
        await server.stop()
    }

    @Test func `a missing repository is not found, and a web page is no git server`() async throws {
        let fixture = try CacheFixture()
        let server = try await GitHTTPServer.start(fixture.git)
        let daemon = try await GitDaemon.start(fixture.git)
        for url in [server.url("gone.git"), daemon.url("gone.git"), "/nonexistent/gone"] {
            let failure = try await failure { _ = try await fixture.checkout(url) }
            #expect(failure.kind == .notFound, "\(failure)")
            #expect(failure.message.contains("gone"))
        }
        let page = try await failure { _ = try await fixture.checkout(server.url("page", "x")) }
        #expect(page.message.contains("not as a git server"))
        #expect(fixture.leftovers() == [])
        await server.stop()
        await daemon.stop()
    }

    @Test func `G-08 a mistyped folder that looks like owner and name is never fetched from a guessed host`()
        async throws
    {
        let fixture = try CacheFixture()
        for text in ["owner/name", "./owner/name", "name"] {
            let failure = try await failure { _ = try await fixture.checkout(text) }
            #expect(failure.kind == .notFound)
            #expect(failure.message.contains("there is no folder"))
            #expect(failure.remedy?.contains("https://github.com/owner/name") == true)
        }
    }

    @Test func `G-01 a file and a folder without git have no versions`() async throws {
        let fixture = try CacheFixture()
        try fixture.git.write("plain/file", "x")
        for (path, word) in [("plain/file", "is not a folder"), ("plain", "is not a git repository")] {
            let failure = try await failure { _ = try await fixture.checkout(path, version: "v1") }
            #expect(failure.message.contains(word) && failure.message.contains(path), "\(failure)")
        }
        let work = try await fixture.git.makeWorkTree("repo", files: ["sub/x": ""])
        let inside = try await failure { _ = try await fixture.checkout("repo/sub", version: "main") }
        #expect(inside.remedy?.contains(work.string) == true)
    }

    @Test func `G-05 an unknown version names what there is`() async throws {
        let fixture = try CacheFixture()
        try await fixture.git.makeRepository("demo.git")
        try await fixture.git.commit(["x": ""], to: "demo.git", branch: "develop")
        let daemon = try await GitDaemon.start(fixture.git)
        for url in [daemon.url("demo.git"), fixture.git.repository("demo.git").string] {
            for version in ["v9", "abcdef12", String(repeating: "0", count: 40), "refs/heads/main", "HEAD"] {
                let failure = try await failure { _ = try await fixture.checkout(url, version: version) }
                #expect(failure.kind == .noSuchVersion, "\(version): \(failure)")
                #expect(failure.message.contains("'\(version)' is not a branch, tag or commit"))
                #expect(failure.remedy?.contains("'develop'") == true)
            }
        }
        await daemon.stop()
    }
}
