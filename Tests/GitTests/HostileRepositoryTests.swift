import Diagnostics
import Files
import Foundation
import Git
import SystemPackage
import TestSupport
import Testing

/// Repositories that no git command would make, built object by object.
@Suite(.timeLimit(.minutes(10))) struct HostileRepositoryTests {
    /// A bare repository whose `main` is a commit of exactly these entries.
    private func makeHostile(
        _ fixture: CacheFixture, _ entries: (FilePath) async throws -> [(mode: String, name: [UInt8], id: String)]
    ) async throws -> FilePath {
        let repository = fixture.git.repository("evil.git")
        try await fixture.git.git(["init", "-q", "--bare", repository.string], in: fixture.git.folder)
        let commit = try await fixture.git.storeCommit(entries(repository), in: repository)
        try fixture.git.write("repositories/evil.git/refs/heads/main", "\(commit)\n")
        return repository
    }

    @Test(arguments: [
        ".git", ".GIT", ".gi\u{200C}t", ".g\u{200B}it", "git~1", "GIT~1", ".git ", ".git.", ".git::$INDEX_ALLOCATION",
        "..", ".",
        "a/b", "a\\.git", "../x", "",
    ])
    func `G-10 tree entries with names for git's own folder, or that leave their place`(name: String) async throws {
        let fixture = try CacheFixture()
        let repository = try await makeHostile(fixture) { repository in
            let hook = try await fixture.git.storeObject(
                "blob", Array("[core]\n\tfsmonitor = touch x\n".utf8), in: repository)
            let folder = try await fixture.git.storeTree([("100644", Array("config".utf8), hook)], in: repository)
            return [("40000", Array(name.utf8), folder), ("100644", Array("z".utf8), hook)]
        }
        let daemon = try await GitDaemon.start(fixture.git)
        for url in [repository.string, daemon.url("evil.git")] {
            do {
                let checkout = try await fixture.checkout(url, version: "main")
                // Written harmlessly: an ordinary name, and git's folder is the one we made.
                #expect(name == ".g\u{200B}it")
                #expect(try text(checkout.directory.appending(".git/HEAD")) == "\(checkout.commit)\n")
                #expect(try !text(checkout.directory.appending(".git/config")).contains("fsmonitor"))
            } catch let failure as GitFailure {
                // Git's own server may break off rather than send it.
                #expect(failure.kind == .damaged || (failure.kind == .network && url.hasPrefix("git:")), "\(failure)")
            }
        }
        #expect(fixture.leftovers() == [])
        #expect(fileStatus(fixture.git.folder.appending("x")) == nil)
        await daemon.stop()
    }

    @Test func `G-10 a link and a folder of one name`() async throws {
        let fixture = try CacheFixture()
        let outside = fixture.git.folder.appending("outside")
        try makeFolders(outside)
        let repository = try await makeHostile(fixture) { repository in
            let target = try await fixture.git.storeObject("blob", Array(outside.string.utf8), in: repository)
            let content = try await fixture.git.storeObject("blob", Array("x".utf8), in: repository)
            let folder = try await fixture.git.storeTree([("100644", Array("file".utf8), content)], in: repository)
            return [("120000", Array("a".utf8), target), ("40000", Array("a".utf8), folder)]
        }
        let failure = try await failure { _ = try await fixture.checkout(repository.string, version: "main") }
        #expect(failure.message.contains("'a' twice"))
        #expect(try names(in: outside) == [])
        #expect(fixture.leftovers() == [])
    }

    @Test(arguments: ["100666", "0", "777777", "160001", "1000000"])
    func `G-10 an entry of an unknown kind`(mode: String) async throws {
        let fixture = try CacheFixture()
        let repository = try await makeHostile(fixture) { repository in
            let content = try await fixture.git.storeObject("blob", Array("x".utf8), in: repository)
            return [(mode, Array("a".utf8), content)]
        }
        let failure = try await failure { _ = try await fixture.checkout(repository.string, version: "main") }
        #expect(failure.kind == .damaged)
    }

    @Test func `G-10 names with control bytes and invalid UTF-8 are written as they are`() async throws {
        let fixture = try CacheFixture()
        let repository = try await makeHostile(fixture) { repository in
            let content = try await fixture.git.storeObject("blob", Array("x".utf8), in: repository)
            return [("100644", [0x1B, 0x5B, 0x33, 0x31], content), ("100644", [0x61, 0xFF], content)]
        }
        let checkout = try await fixture.checkout(repository.string, version: "main")
        #expect(try await fixture.git.git(["status", "--porcelain"], in: checkout.directory) == "")
    }

    @Test func `G-14 a tree bomb stops at the file limit and leaves nothing`() async throws {
        let fixture = try CacheFixture()
        let repository = try await makeHostile(fixture) { repository in
            let content = try await fixture.git.storeObject("blob", Array("x".utf8), in: repository)
            var entries = (0..<10).map { ("100644", Array("f\($0)".utf8), content) }
            for _ in 0..<10 {
                let tree = try await fixture.git.storeTree(entries, in: repository)
                entries = (0..<10).map { ("40000", Array("d\($0)".utf8), tree) }
            }
            return entries
        }
        let daemon = try await GitDaemon.start(fixture.git)
        for url in [repository.string, daemon.url("evil.git")] {
            let start = ContinuousClock.now
            let failure = try await failure { _ = try await fixture.checkout(url, version: "main") }
            #expect(failure.kind == .sizeLimit)
            #expect(failure.message.contains("200000"))
            // The limit for all of it is an hour.
            #expect(ContinuousClock.now - start < .seconds(200))
        }
        #expect(fixture.leftovers() == [])
        await daemon.stop()
    }

    @Test func `G-14 limits of files, bytes, one file, depth and objects`() async throws {
        var fixture = try CacheFixture()
        let deep = (0..<12).map { "d\($0)" }.joined(separator: "/")
        try await fixture.git.makeRepository(
            "big.git",
            files: [
                "a": String(repeating: "a", count: 5000), "b": String(repeating: "b", count: 5000), "\(deep)/x": "",
            ])
        let daemon = try await GitDaemon.start(fixture.git)
        let changes: [(String, (inout GitLimits) -> Void)] = [
            ("files", { $0.files = 5 }), ("objectBytes", { $0.objectBytes = 4000 }),
            ("checkoutBytes", { $0.checkoutBytes = 9000 }), ("depth", { $0.depth = 10 }),
            ("objects", { $0.objects = 3 }),
            ("receivedBytes", { $0.receivedBytes = 100 }), ("references", { $0.references = 1 }),
        ]
        for (name, change) in changes {
            fixture.limits = GitLimits()
            change(&fixture.limits)
            let failure = try await failure { _ = try await fixture.checkout(daemon.url("big.git")) }
            #expect(failure.kind == .sizeLimit, "\(name): \(failure)")
            try? FileManager.default.removeItem(atPath: fixture.cache.root.string)
        }
        fixture.limits = GitLimits()
        _ = try await fixture.checkout(daemon.url("big.git"))
        await daemon.stop()
    }

    @Test func `G-15 a missing or corrupt object is named, and a repaired server is used again`() async throws {
        let fixture = try CacheFixture()
        let commit = try await fixture.git.makeRepository("demo.git", files: ["a": "content of a\n"])
        let bare = fixture.git.repository("demo.git")
        let blob = try await fixture.git.git(["rev-parse", "main:a"], in: bare)
        let packs = try names(in: bare.appending("objects/pack")).filter { $0.hasSuffix(".pack") }
        for pack in packs {
            let bytes = try readFile(bare.appending("objects/pack").appending(pack), limit: 1 << 20)
            try FileManager.default.removeItem(atPath: "\(bare)/objects/pack")
            try await fixture.git.run("git", ["unpack-objects", "-q"], in: bare, input: bytes)
        }
        let loose = "\(bare)/objects/\(blob.prefix(2))/\(blob.dropFirst(2))"
        let good = try #require(FileManager.default.contents(atPath: loose))
        for content in [nil, Data("garbage".utf8), good.prefix(10)] as [Data?] {
            try? FileManager.default.removeItem(atPath: loose)
            if let content { #expect(FileManager.default.createFile(atPath: loose, contents: content)) }
            let failure = try await failure { _ = try await fixture.checkout(bare.string, version: "main") }
            #expect([.damaged, .network].contains(failure.kind), "\(failure)")
            #expect(fixture.leftovers() == [])
        }
        try? FileManager.default.removeItem(atPath: loose)
        #expect(FileManager.default.createFile(atPath: loose, contents: good))
        #expect(try await fixture.checkout(bare.string, version: "main").commit == commit)
    }

    @Test func `G-15 a damaged mirror is fetched anew`() async throws {
        let fixture = try CacheFixture()
        let commit = try await fixture.git.makeRepository("demo.git")
        let daemon = try await GitDaemon.start(fixture.git)
        let url = daemon.url("demo.git")
        do { _ = try await fixture.checkout(url) }
        let mirror = fixture.cache.root.appending("mirrors").appending(
            GitCache.key(of: try GitLocation(url, relativeTo: "/")))
        let packs = mirror.appending("repository/objects/pack")
        for name in try names(in: packs) where name.hasSuffix(".pack") {
            try FileManager.default.removeItem(atPath: "\(packs)/\(name)")
            #expect(FileManager.default.createFile(atPath: "\(packs)/\(name)", contents: Data("PACKbroken".utf8)))
        }
        try FileManager.default.removeItem(atPath: "\(fixture.cache.root)/checkouts")
        #expect(try await fixture.checkout(url).commit == commit)
        await daemon.stop()
    }

    @Test func `G-17 filters, large-file pointers and a huge attributes file start no program`() async throws {
        let fixture = try CacheFixture()
        let mark = fixture.git.folder.appending("started")
        let pointer =
            "version https://git-lfs.github.com/spec/v1\noid sha256:\(String(repeating: "0", count: 64))\nsize 12\n"
        let attributes = "*.bin filter=lfs\n*.txt filter=evil ident eol=crlf\n"
        try await fixture.git.makeRepository(
            "demo.git",
            files: [
                ".gitattributes": attributes + String(repeating: "x* -text\n", count: 200_000), "model.bin": pointer,
                "a.txt": "a $Id$\n",
            ])
        // A configuration of the user that would run a program for each of these files.
        try fixture.git.write(
            "home/.gitconfig",
            "[user]\nname=Ada\nemail=a@b\n[filter \"evil\"]\nsmudge = touch \(mark)\nclean = cat\n[filter \"lfs\"]\nsmudge = touch \(mark)\nclean = cat\nprocess = \n[core]\nfsmonitor = touch \(mark)\nhooksPath = \(fixture.git.home)\n"
        )
        try fixture.git.write("home/post-checkout", "#!/bin/sh\ntouch \(mark)\n")
        let checkout = try await fixture.checkout(fixture.git.repository("demo.git").string)
        #expect(try text(checkout.directory.appending("model.bin")) == pointer)
        #expect(try text(checkout.directory.appending("a.txt")) == "a $Id$\n")
        #expect(checkout.warnings.map(\.description).joined().contains("Git LFS"))
        #expect(fileStatus(mark) == nil)
        // The warning is also there when the checkout is used again.
        let again = checkout.directory
        _ = consume checkout
        let second = try await fixture.checkout(fixture.git.repository("demo.git").string)
        #expect(second.directory != again || second.isReused)
        #expect(second.warnings.map(\.description).joined().contains("Git LFS"))
    }

    @Test func `G-12 a local repository whose objects lie behind a link or in another repository is refused`()
        async throws
    {
        let fixture = try CacheFixture()
        try await fixture.git.makeRepository("plain.git")
        let plain = fixture.git.repository("plain.git")
        let shared = fixture.git.folder.appending("shared")
        try await fixture.git.git(["clone", "-q", "--shared", plain.string, shared.string], in: fixture.git.folder)
        let linked = fixture.git.folder.appending("linked")
        try await fixture.git.git(["clone", "-q", "--no-local", plain.string, linked.string], in: fixture.git.folder)
        try FileManager.default.moveItem(atPath: "\(linked)/.git/objects", toPath: "\(linked)/elsewhere")
        try link(to: linked.appending("elsewhere"), at: linked.appending(".git/objects"))
        for (folder, word) in [(shared, "alternates"), (linked, "link")] {
            let failure = try await failure { _ = try await fixture.checkout(folder.string, version: "main") }
            #expect(failure.kind == .refused)
            #expect(failure.message.contains(word), "\(failure)")
        }
    }

    @Test func `G-12 a checkout from a local repository shares nothing with it`() async throws {
        let fixture = try CacheFixture()
        let commit = try await fixture.git.makeRepository("plain.git")
        let plain = fixture.git.repository("plain.git")
        let checkout = try await fixture.checkout(plain.string, version: "main")
        try FileManager.default.removeItem(atPath: plain.string)
        #expect(try await fixture.git.git(["log", "--format=%H"], in: checkout.directory) == commit)
        let alternates = try text(checkout.directory.appending(".git/objects/info/alternates"))
        #expect(alternates.hasPrefix(fixture.cache.root.string))
    }
}
