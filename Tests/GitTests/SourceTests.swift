import Diagnostics
import Files
import Foundation
import Git
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct SourceTests {
    @Test func `a folder inside a repository tells commit, branch, first remote and changes`() async throws {
        let fixture = try CacheFixture()
        let work = try await fixture.git.makeWorkTree("repo", files: ["sub/deep/x": "1", ".gitignore": "ignored/\n"])
        let commit = try await fixture.git.git(["rev-parse", "HEAD"], in: work)
        try await fixture.git.git(["remote", "add", "upstream", "https://ada:s3cr3t@host/owner/x.git"], in: work)
        try await fixture.git.git(["remote", "add", "alpha", "https://other/y.git"], in: work)
        let (source, warnings) = await fixture.source(of: work.appending("sub/deep"))
        #expect(warnings == [])
        #expect(source?.workTree == work)
        #expect(source?.commit == commit)
        #expect(source?.branch == "main")
        #expect(source?.isIgnored == false)
        #expect(source?.remoteURL == "https://host/owner/x.git")
        #expect(source?.isDirty == false)

        try fixture.git.write("repo/untracked", "new files are no change of what is tracked")
        try fixture.git.write("repo/ignored/x", "")
        #expect(await fixture.source(of: work).source?.isDirty == false)
        #expect(await fixture.source(of: work.appending("ignored")).source?.isIgnored == true)
        try fixture.git.write("repo/sub/deep/x", "2")
        #expect(await fixture.source(of: work).source?.isDirty == true)
        try await fixture.git.git(["checkout", "-q", "--force", "--detach"], in: work)
        #expect(await fixture.source(of: work).source?.branch == nil)
    }

    @Test func `without a repository nothing is started`() async throws {
        var fixture = try CacheFixture()
        fixture.environment["SWIFTFLOW_GIT"] = "/nonexistent"
        let found = await fixture.source(of: fixture.git.folder)
        #expect(found.source == nil)
        #expect(found.warnings == [])
    }

    @Test func `a repository without commits, a linked work tree and a submodule are read`() async throws {
        let fixture = try CacheFixture()
        let empty = fixture.git.folder.appending("empty")
        try await fixture.git.git(["init", "-q", empty.string], in: fixture.git.folder)
        let none = await fixture.source(of: empty)
        #expect(none.source?.workTree == empty)
        #expect(none.source?.commit == nil)
        #expect(none.warnings == [])

        let work = try await fixture.git.makeWorkTree("repo")
        let commit = try await fixture.git.git(["rev-parse", "HEAD"], in: work)
        let linked = fixture.git.folder.appending("linked")
        try await fixture.git.git(["worktree", "add", "-q", "-b", "side", linked.string], in: work)
        let found = await fixture.source(of: linked)
        #expect(found.warnings == [])
        #expect(found.source?.commit == commit)
        #expect(found.source?.branch == "side")

        try await fixture.git.git(
            ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", work.string, "lib"], in: work)
        let submodule = await fixture.source(of: work.appending("lib"))
        #expect(submodule.warnings == [])
        #expect(submodule.source?.commit == commit)
    }

    @Test func `G-20 reading a repository starts none of the programs its configuration names`() async throws {
        let fixture = try CacheFixture()
        let work = try await fixture.git.makeWorkTree(
            "repo", files: ["a.txt": "a\n", ".gitattributes": "* filter=evil diff=evil\n"])
        let mark = fixture.git.folder.appending("started")
        let program = fixture.git.folder.appending("program")
        try fixture.git.write("program", "#!/bin/sh\ntouch \(mark)\n")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.string)
        try makeFolders(fixture.git.folder.appending("hooks"))
        for hook in ["post-checkout", "post-index-change", "reference-transaction"] {
            try FileManager.default.copyItem(atPath: program.string, toPath: "\(fixture.git.folder)/hooks/\(hook)")
        }
        let configuration = try text(work.appending(".git/config"))
        try fixture.git.write(
            "repo/.git/config",
            """
            \(configuration)
            [core]
            \tfsmonitor = \(program)
            \thooksPath = \(fixture.git.folder)/hooks
            \tpager = \(program)
            \teditor = \(program)
            \tsshCommand = \(program)
            \tgitProxy = \(program)
            [filter "evil"]
            \tclean = \(program)
            \tsmudge = \(program)
            \tprocess = \(program)
            \trequired = true
            [diff "evil"]
            \tcommand = \(program)
            \ttextconv = \(program)
            [credential]
            \thelper = !\(program)
            [include]
            \tpath = /dev/zero-does-not-exist
            """)
        try fixture.git.write("repo/a.txt", "changed\n")
        let found = await fixture.source(of: work)
        #expect(found.source?.commit != nil)
        #expect(found.source?.isDirty == true)
        let checkout = try await fixture.checkout(work.string, version: "main")
        #expect(try text(checkout.directory.appending("a.txt")) == "a\n")
        #expect(fileStatus(mark) == nil)
    }

    @Test(.enabled(if: isRoot()))
    func `G-21 a repository of another user gives a warning and no commit`() async throws {
        let fixture = try CacheFixture()
        let work = try await fixture.git.makeWorkTree("repo")
        try await fixture.git.run("chown", ["-R", "12345", work.string], in: fixture.git.folder)
        let found = await fixture.source(of: work)
        #expect(found.source == nil)
        #expect(found.warnings.count == 1)
        #expect(found.warnings.first?.contains("another user (12345)") == true, "\(found.warnings)")
        let failure = try await failure { _ = try await fixture.checkout(work.string, version: "main") }
        #expect(failure.message.contains("another user"))
    }

    @Test func `G-21 a truncated index, damaged references and a broken HEAD never fail`() async throws {
        let fixture = try CacheFixture()
        let work = try await fixture.git.makeWorkTree("repo")
        let index = try readFile(work.appending(".git/index"), limit: 1 << 20)
        #expect(FileManager.default.createFile(atPath: "\(work)/.git/index", contents: Data(index.prefix(20))))
        let truncated = await fixture.source(of: work)
        #expect(truncated.source?.commit != nil)
        #expect(truncated.source?.isDirty == nil)

        try fixture.git.write("repo/.git/refs/heads/main", "garbage\n")
        let broken = await fixture.source(of: work)
        #expect(broken.source?.commit == nil)
        #expect(broken.warnings.count == 1)
        try fixture.git.write("repo/.git/HEAD", "\u{1}\u{2}")
        let headless = await fixture.source(of: work)
        #expect(headless.source?.commit == nil)
        #expect(headless.warnings.count == 1)
    }

    @Test func `G-21 a git file that points elsewhere is not followed`() async throws {
        let fixture = try CacheFixture()
        let secret = try await fixture.git.makeWorkTree("secret")
        try fixture.git.write("project/.git", "gitdir: \(secret)/.git\n")
        let found = await fixture.source(of: fixture.git.folder.appending("project"))
        #expect(found.source == nil)
        #expect(found.warnings.count == 1)
        #expect(found.warnings.first?.contains("knows nothing of this folder") == true, "\(found.warnings)")
        try fixture.git.write("broken/.git", "gitdir: /nonexistent/x\n")
        let broken = await fixture.source(of: fixture.git.folder.appending("broken"))
        #expect(broken.source == nil)
    }
}
