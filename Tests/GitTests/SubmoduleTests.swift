import Files
import Foundation
import Git
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)), .enabled(if: hasEngines("git", "nginx", "fcgiwrap"))) struct SubmoduleTests {
    /// Commits `.gitmodules` and the submodules' commits to a repository.
    private func addSubmodules(
        _ entries: [(path: String, url: String, commit: String)], to name: String, _ fixture: CacheFixture,
        extra: String = ""
    ) async throws {
        let work = fixture.git.folder.appending("work-\(name)")
        var modules = ""
        for entry in entries {
            modules += "[submodule \"\(entry.path)\"]\n\tpath = \(entry.path)\n\turl = \(entry.url)\n\(extra)"
            try await fixture.git.git(
                ["update-index", "--add", "--cacheinfo", "160000,\(entry.commit),\(entry.path)"], in: work)
        }
        try fixture.git.write("work-\(name)/.gitmodules", modules)
        try await fixture.git.git(["add", ".gitmodules"], in: work)
        try await fixture.git.git(["commit", "-q", "-m", "submodules"], in: work)
        try await fixture.git.git(["push", "-q", fixture.git.repository(name).string, "main"], in: work)
    }

    @Test func `submodules are checked out level by level, by their recorded commit`() async throws {
        let fixture = try CacheFixture()
        let leaf = try await fixture.git.makeRepository("leaf.git", files: ["leaf": "1"])
        try await fixture.git.commit(["leaf": "2"], to: "leaf.git")
        try await fixture.git.makeRepository("middle.git", files: ["middle": "m"])
        try await addSubmodules([("deep/leaf", "../leaf.git", leaf)], to: "middle.git", fixture)
        let middle = try await fixture.git.git(["rev-parse", "main"], in: fixture.git.repository("middle.git"))
        try await fixture.git.makeRepository("top.git", files: ["top": "t"])
        let server = try await GitHTTPServer.start(fixture.git)
        try await addSubmodules([("lib/middle", server.url("middle.git"), middle)], to: "top.git", fixture)

        let checkout = try await fixture.checkout(server.url("top.git"))
        #expect(try text(checkout.directory.appending("lib/middle/middle")) == "m")
        #expect(try text(checkout.directory.appending("lib/middle/deep/leaf/leaf")) == "1")
        let nested = checkout.directory.appending("lib/middle/deep/leaf")
        #expect(try await fixture.git.git(["rev-parse", "HEAD"], in: nested) == leaf)
        #expect(try await fixture.git.git(["status", "--porcelain"], in: checkout.directory) == "")
        #expect(checkout.warnings.isEmpty)
        // Everything is there: the same commit once more needs nobody.
        await server.stop()
        let commit = checkout.commit
        _ = consume checkout
        #expect(try await fixture.checkout(server.url("top.git"), version: commit).commit == commit)
    }

    @Test(arguments: [
        "ext::sh -c \"touch x\"", "file:///etc", "/etc", "-uevil", "ssh://-oProxyCommand=x/y", "../../../../etc",
    ])
    func `G-11 a checkout with a hostile submodule fails as a whole`(url: String) async throws {
        let fixture = try CacheFixture()
        let commit = try await fixture.git.makeRepository("top.git")
        try await addSubmodules([("evil", url, commit)], to: "top.git", fixture)
        let server = try await GitHTTPServer.start(fixture.git)
        let failure = try await failure { _ = try await fixture.checkout(server.url("top.git")) }
        #expect(failure.kind == .submodule)
        #expect(failure.message.contains("'evil'"))
        #expect(fixture.leftovers() == [])
        await server.stop()
    }

    @Test func `G-11 a submodule below a link is refused`() async throws {
        let fixture = try CacheFixture()
        let outside = fixture.git.folder.appending("outside")
        try makeFolders(outside)
        let commit = try await fixture.git.makeRepository("top.git")
        let bare = fixture.git.repository("top.git")
        let server = try await GitHTTPServer.start(fixture.git)
        let modules = "[submodule \"x\"]\npath = a/b\nurl = \(server.url("top.git"))\n"
        let text = try await fixture.git.storeObject("blob", Array(modules.utf8), in: bare)
        let target = try await fixture.git.storeObject("blob", Array(outside.string.utf8), in: bare)
        let folder = try await fixture.git.storeTree([("160000", Array("b".utf8), commit)], in: bare)
        let hostile = try await fixture.git.storeCommit(
            [
                ("100644", Array(".gitmodules".utf8), text), ("120000", Array("a".utf8), target),
                ("40000", Array("a".utf8), folder),
            ], in: bare)
        try fixture.git.write("repositories/top.git/refs/heads/evil", "\(hostile)\n")
        _ = try await failure { _ = try await fixture.checkout(server.url("top.git"), version: "evil") }
        #expect(try names(in: outside) == [])
        await server.stop()
    }

    @Test func `G-11 submodules within submodules and their number are limited`() async throws {
        var fixture = try CacheFixture()
        try await fixture.git.makeRepository("leaf.git")
        let server = try await GitHTTPServer.start(fixture.git)
        var commit = try await fixture.git.git(["rev-parse", "main"], in: fixture.git.repository("leaf.git"))
        var below = "leaf.git"
        for level in 0..<3 {
            let name = "level\(level).git"
            try await fixture.git.makeRepository(name, files: ["level": "\(level)"])
            try await addSubmodules([("sub", server.url(below), commit)], to: name, fixture)
            commit = try await fixture.git.git(["rev-parse", "main"], in: fixture.git.repository(name))
            below = name
        }
        fixture.limits.submoduleDepth = 2
        let deep = try await failure { _ = try await fixture.checkout(server.url("level2.git")) }
        #expect(deep.kind == .sizeLimit)
        fixture.limits = GitLimits()
        fixture.limits.submodules = 2
        let many = try await failure { _ = try await fixture.checkout(server.url("level2.git")) }
        #expect(many.kind == .sizeLimit)
        fixture.limits = GitLimits()
        _ = try await fixture.checkout(server.url("level2.git"))
        await server.stop()
    }

    @Test func `a missing submodule is named`() async throws {
        let fixture = try CacheFixture()
        let commit = try await fixture.git.makeRepository("top.git")
        let server = try await GitHTTPServer.start(fixture.git)
        try await addSubmodules([("gone", server.url("gone.git"), commit)], to: "top.git", fixture)
        let failure = try await failure { _ = try await fixture.checkout(server.url("top.git")) }
        #expect(failure.message.hasPrefix("the submodule 'gone': "))
        #expect(failure.kind == .notFound)
        await server.stop()
    }
}
