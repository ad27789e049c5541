import Diagnostics
import Files
import Foundation
import Git
import Processes
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)), .enabled(if: hasEngines("git", "nginx", "fcgiwrap", "sshd"))) struct CommitTests {
    @Test func `a commit no branch leads to is fetched where the server allows it, and refused clearly where not`()
        async throws
    {
        let fixture = try CacheFixture()
        try await fixture.git.makeRepository("demo.git")
        let lost = try await fixture.git.commit(["x": "lost"], to: "demo.git")
        let work = fixture.git.folder.appending("work-demo.git")
        try await fixture.git.git(["reset", "-q", "--hard", "HEAD~1"], in: work)
        try await fixture.git.commit(["x": "kept"], to: "demo.git")
        let server = try await GitHTTPServer.start(fixture.git)
        let refused = try await failure { _ = try await fixture.checkout(server.url("demo.git"), version: lost) }
        #expect(refused.kind == .noSuchVersion, "\(refused)")
        try await fixture.git.git(
            ["config", "uploadpack.allowAnySHA1InWant", "true"], in: fixture.git.repository("demo.git"))
        let found = try await fixture.checkout(server.url("demo.git"), version: lost)
        #expect(try text(found.directory.appending("x")) == "lost")
        await server.stop()
    }

    @Test func `an abbreviation of two commits is refused with both`() async throws {
        let fixture = try CacheFixture()
        try await fixture.git.makeRepository("demo.git")
        var seen: [Substring: String] = [:]
        var pair: (String, String)?
        let bare = fixture.git.repository("demo.git")
        // Of this many commits two begin with the same four digits, and since nothing in them varies, always the same two.
        let stream = (0..<900).map { "commit refs/heads/many\ncommitter A <> \($0) +0000\ndata 0\n" }.joined()
        try await fixture.git.run("git", ["fast-import", "--quiet"], in: bare, input: Array(stream.utf8))
        for id in try await fixture.git.git(["rev-list", "many"], in: bare).split(separator: "\n") {
            if let other = seen[id.prefix(4)] { pair = (other, String(id)) }
            seen[id.prefix(4)] = String(id)
        }
        let (one, two) = try #require(pair)
        let failure = try await failure { _ = try await fixture.checkout(bare.string, version: String(one.prefix(4))) }
        #expect(failure.kind == .noSuchVersion)
        #expect(failure.message.contains(one) && failure.message.contains(two))
        #expect(failure.remedy == "give more digits")
        #expect(try await fixture.checkout(bare.string, version: String(one.prefix(12))).commit == one)
    }

    @Test func `a branch comes before a tag of the same name, and a name before a commit`() async throws {
        let fixture = try CacheFixture()
        let first = try await fixture.git.makeRepository("demo.git")
        let second = try await fixture.git.commit(["x": "2"], to: "demo.git")
        let bare = fixture.git.repository("demo.git")
        try await fixture.git.git(["tag", "same", first], in: bare)
        try await fixture.git.git(["branch", "same", second], in: bare)
        try await fixture.git.git(["branch", String(first.prefix(8)), second], in: bare)
        let daemon = try await GitDaemon.start(fixture.git)
        for url in [bare.string, daemon.url("demo.git")] {
            let named = try await fixture.checkout(url, version: "same")
            #expect(named.commit == second)
            #expect(named.branch == "same")
            #expect(try await fixture.checkout(url, version: String(first.prefix(8))).commit == second)
        }
        await daemon.stop()
    }

    @Test func `a work tree of this machine gives its versions and stays as it is`() async throws {
        let fixture = try CacheFixture()
        let work = try await fixture.git.makeWorkTree("repo", files: ["x": "1"])
        let first = try await fixture.git.git(["rev-parse", "HEAD"], in: work)
        try fixture.git.write("repo/x", "2")
        try await fixture.git.git(["commit", "-q", "-a", "-m", "second"], in: work)
        try fixture.git.write("repo/x", "uncommitted")
        let before = try await fixture.git.run("find", [".", "-type", "f", "-printf", "%p %T@ %s\n"], in: work)
        let checkout = try await fixture.checkout("repo", version: String(first.prefix(10)))
        #expect(try text(checkout.directory.appending("x")) == "1")
        #expect(try await fixture.git.run("find", [".", "-type", "f", "-printf", "%p %T@ %s\n"], in: work) == before)
        #expect(try await fixture.git.git(["log", "--format=%H"], in: checkout.directory) == first)

        // A shallow clone, as build servers make them, and a branch known only from the remote.
        let shallow = fixture.git.folder.appending("shallow")
        try await fixture.git.git(
            ["clone", "-q", "--depth", "1", "file://\(work)", shallow.string], in: fixture.git.folder)
        #expect(try text(await fixture.checkout("shallow", version: "main").directory.appending("x")) == "2")
        try await fixture.git.git(["update-ref", "refs/remotes/origin/topic", "HEAD"], in: shallow)
        let topic = try await fixture.checkout("file://\(shallow)", version: "topic")
        #expect(topic.branch == "topic")
    }

    @Test func `a repository in git's newer format is refused by name`() async throws {
        let fixture = try CacheFixture()
        let folder = fixture.git.folder.appending("new")
        try await fixture.git.git(["init", "-q", "--object-format=sha256", folder.string], in: fixture.git.folder)
        let failure = try await failure { _ = try await fixture.checkout("new", version: "main") }
        #expect(failure.kind == .refused)
        #expect(failure.message.contains("not supported"), "\(failure)")
    }

    /// The library tunnels https through a proxy; plain http it fetches directly.
    @Test func `a proxy of the environment is used for https`() async throws {
        var fixture = try CacheFixture()
        let asked = Collected<String>()
        let proxy = try RawServer { connection in
            asked.add(connection.receiveRequest())
            connection.send(Array("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n".utf8))
        }
        fixture.environment["https_proxy"] = "http://127.0.0.1:\(proxy.port)"
        let failure = try await failure { _ = try await fixture.checkout("https://host.invalid/x") }
        #expect(failure.message.contains("proxy"), "\(failure)")
        #expect(asked.all.first?.hasPrefix("CONNECT host.invalid:443") == true)
        proxy.stop()
    }

    @Test(.enabled(if: hasEngines("ssh-agent", "ssh-add"))) func `the ssh agent's keys are used`() async throws {
        var fixture = try CacheFixture()
        let commit = try await fixture.git.makeRepository("demo.git")
        let server = try await SSHServer.start(fixture.git)
        try fixture.git.write("home/.ssh/known_hosts", text(server.knownHosts))
        let socket = fixture.git.folder.appending("agent")
        let program = try #require(findEngine("ssh-agent"))
        let agent = try await fixture.git.starter.start(
            ProcessSpecification(
                executable: program, arguments: ["-D", "-a", socket.string], environment: fixture.git.environment,
                workingDirectory: fixture.git.folder, output: .discarded))
        // ssh-add has no way to wait for the agent; nothing tells that the socket is there.
        #expect(await eventually { canConnect(to: socket) })
        try await fixture.git.run(
            "env", ["SSH_AUTH_SOCK=\(socket)", "ssh-add", "-q", server.key.string], in: fixture.git.folder)
        fixture.environment["SSH_AUTH_SOCK"] = socket.string
        #expect(try await fixture.checkout(server.url(fixture.git.repository("demo.git"))).commit == commit)
        await agent.stop(grace: .milliseconds(100))
        await server.stop()
    }
}
