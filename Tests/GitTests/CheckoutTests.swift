import Files
import Foundation
import Git
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct CheckoutTests {
    @Test(.enabled(if: hasEngines("git", "nginx", "fcgiwrap")))
    func `a repository over http is checked out at its default branch, a branch, a tag and commits`() async throws {
        let fixture = try CacheFixture()
        let first = try await fixture.git.makeRepository(
            "demo.git", files: ["MLproject": "name: demo\n", "a/b.txt": "b"])
        let work = fixture.git.folder.appending("work-demo.git")
        try await fixture.git.git(["tag", "-a", "v1", "-m", "one"], in: work)
        try await fixture.git.git(["push", "-q", fixture.git.repository("demo.git").string, "v1"], in: work)
        let second = try await fixture.git.commit(["MLproject": "name: next\n"], to: "demo.git")
        let side = try await fixture.git.commit(["side": "1"], to: "demo.git", branch: "feature/x")
        let server = try await GitHTTPServer.start(fixture.git)
        let url = server.url("demo.git")

        let head = try await fixture.checkout(url)
        #expect(head.commit == second)
        #expect(head.branch == nil)
        #expect(head.url == url)
        #expect(try text(head.directory.appending("MLproject")) == "name: next\n")
        #expect(try text(head.directory.appending("a/b.txt")) == "b")

        let branch = try await fixture.checkout(url, version: "feature/x")
        #expect(branch.commit == side)
        #expect(branch.branch == "feature/x")

        let tag = try await fixture.checkout(url, version: "v1")
        #expect(tag.commit == first)
        #expect(tag.branch == nil)
        #expect(try text(tag.directory.appending("MLproject")) == "name: demo\n")

        #expect(try await fixture.checkout(url, version: String(side.prefix(7))).commit == side)
        #expect(try await fixture.checkout(url, version: String(first)).commit == first)
        #expect(fixture.leftovers() == [])
        await server.stop()
    }

    @Test func `git sees a clean work tree at the commit, and MLflow's client its origin`() async throws {
        let fixture = try CacheFixture()
        let commit = try await fixture.git.makeRepository(
            "demo.git", files: ["train.py": "print(1)\n", "run.sh": "#!/bin/sh\n", "d/e/f": ""])
        let daemon = try await GitDaemon.start(fixture.git)
        let checkout = try await fixture.checkout(daemon.url("demo.git"))
        let git = fixture.git
        #expect(try await git.git(["rev-parse", "HEAD"], in: checkout.directory) == commit)
        #expect(try await git.git(["status", "--porcelain"], in: checkout.directory) == "")
        #expect(try await git.git(["remote", "get-url", "origin"], in: checkout.directory) == daemon.url("demo.git"))
        #expect(try await git.git(["log", "--format=%s"], in: checkout.directory) == "first")
        await daemon.stop()
    }

    @Test func `modes and links are kept, and nothing is filtered`() async throws {
        let fixture = try CacheFixture()
        let work = try await fixture.git.makeWorkTree(
            "modes",
            files: ["run.sh": "#!/bin/sh\n", "crlf.txt": "a\r\nb\n", ".gitattributes": "*.txt text eol=crlf\n"])
        try link(to: "run.sh", at: work.appending("link"))
        try await fixture.git.git(["update-index", "--chmod=+x", "run.sh"], in: work)
        try await fixture.git.git(["add", "link"], in: work)
        try await fixture.git.git(["commit", "-q", "-m", "modes"], in: work)
        let checkout = try await fixture.checkout(work.string)
        #expect(try Directory(opening: checkout.directory).status(RelativePath("run.sh"))?.permissions == 0o755)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(checkout.directory)/link") == "run.sh")
        // Stored with a single line end, and written as it is stored.
        #expect(try text(checkout.directory.appending("crlf.txt")) == "a\nb\n")
        #expect(try await fixture.git.git(["status", "--porcelain"], in: checkout.directory) == "")
    }

    @Test(.enabled(if: hasEngines("nginx", "fcgiwrap")))
    func `a commit that is in the cache needs no network and no worker`() async throws {
        var fixture = try CacheFixture()
        let commit = try await fixture.git.makeRepository("demo.git")
        let server = try await GitHTTPServer.start(fixture.git)
        let url = server.url("demo.git")
        do { _ = try await fixture.checkout(url) }
        await server.stop()
        fixture.environment["SWIFTFLOW_GIT"] = "/nonexistent"
        let again = try await fixture.checkout(url, version: commit)
        #expect(again.commit == commit)
        #expect(again.isReused)
        // Another full checkout of the same commit, still without the server.
        fixture.environment["SWIFTFLOW_GIT"] = nil
        let beside = try await fixture.checkout(url, version: commit)
        #expect(beside.directory != again.directory)
        #expect(!beside.isReused)
    }

    @Test func `a branch is asked for again each time`() async throws {
        let fixture = try CacheFixture()
        try await fixture.git.makeRepository("demo.git")
        let daemon = try await GitDaemon.start(fixture.git)
        _ = try await fixture.checkout(daemon.url("demo.git"), version: "main")
        let second = try await fixture.git.commit(["new": "1"], to: "demo.git")
        let checkout = try await fixture.checkout(daemon.url("demo.git"), version: "main")
        #expect(checkout.commit == second)
        #expect(try names(in: checkout.directory) == ["README", "new"])
        await daemon.stop()
    }

    @Test func `a checkout that was changed is replaced, compiled Python files are no change`() async throws {
        let fixture = try CacheFixture()
        try await fixture.git.makeRepository("demo.git", files: ["train.py": "print(1)\n"])
        let url = fixture.git.repository("demo.git").string
        let folder: FilePath
        do {
            let first = try await fixture.checkout(url)
            folder = first.directory
            try makeFolders(folder.appending("__pycache__"))
            try Directory(opening: folder.appending("__pycache__")).writeFile(RelativePath("train.pyc"), [1])
        }
        do {
            let second = try await fixture.checkout(url)
            #expect(second.isReused)
            #expect(second.directory == folder)
            try Directory(opening: folder).writeFile(RelativePath("model.pkl"), [1])
        }
        do {
            let third = try await fixture.checkout(url)
            #expect(!third.isReused)
            #expect(third.directory == folder)
            #expect(try names(in: folder) == ["train.py"])
            try Directory(opening: folder).writeFile(RelativePath("train.py"), Array("print(2)\n".utf8))
        }
        let fourth = try await fixture.checkout(url)
        #expect(!fourth.isReused)
        #expect(try text(fourth.directory.appending("train.py")) == "print(1)\n")
        #expect(fixture.leftovers() == [])
    }

    @Test func `an empty repository is named`() async throws {
        let fixture = try CacheFixture()
        try await fixture.git.git(
            ["init", "-q", "--bare", fixture.git.repository("empty.git").string], in: fixture.git.folder)
        let daemon = try await GitDaemon.start(fixture.git)
        for url in [daemon.url("empty.git"), fixture.git.repository("empty.git").string] {
            for version in [nil, "main", "abcd1234"] {
                let failure = try await failure { _ = try await fixture.checkout(url, version: version) }
                #expect(failure.kind == .emptyRepository, "\(failure)")
                #expect(failure.message.contains("has no commits yet"))
            }
        }
        await daemon.stop()
    }

    @Test func `progress tells phases, counts and bytes`() async throws {
        let fixture = try CacheFixture()
        try await fixture.git.makeRepository("demo.git", files: ["big": String(repeating: "x", count: 300_000)])
        let daemon = try await GitDaemon.start(fixture.git)
        let seen = Collected<GitProgress>()
        _ = try await fixture.checkout(daemon.url("demo.git")) { seen.add($0) }
        let phases = Set(seen.all.map(\.phase))
        #expect(phases.isSuperset(of: [.connecting, .writing]))
        #expect(seen.all.last == GitProgress(.writing, done: 1, total: 1, bytes: 300_000))
        await daemon.stop()
    }
}
