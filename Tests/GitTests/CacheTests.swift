import Diagnostics
import Files
import Foundation
import Git
import Processes
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct CacheTests {
    @Test func `G-24 sixteen fetches of one repository at once are all right and share nothing`() async throws {
        let fixture = try CacheFixture()
        let commit = try await fixture.git.makeRepository(
            "demo.git", files: ["a": String(repeating: "a", count: 100_000), "b/c": "c"])
        let daemon = try await GitDaemon.start(fixture.git)
        let url = daemon.url("demo.git")
        let checkouts = try await withThrowingTaskGroup(of: GitCheckout.self) { group in
            for _ in 0..<16 { group.addTask { try await fixture.checkout(url) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(checkouts.map(\.directory)).count == 16)
        for checkout in checkouts {
            #expect(checkout.commit == commit)
            #expect(try text(checkout.directory.appending("b/c")) == "c")
        }
        #expect(fixture.leftovers() == [])
        #expect(try await fixture.cache.entries().filter { $0.kind == .mirror }.count == 1)
        await daemon.stop()
    }

    @Test func `G-24 a fetch killed at any moment leaves nothing that is used`() async throws {
        let fixture = try CacheFixture()
        let files = Dictionary(uniqueKeysWithValues: (0..<300).map { ("d\($0 % 20)/f\($0)", "content \($0)\n") })
        let commit = try await fixture.git.makeRepository("demo.git", files: files)
        let daemon = try await GitDaemon.start(fixture.git)
        let url = daemon.url("demo.git")
        for phase in [GitProgress.Phase.connecting, .receiving, .indexing, .writing] {
            let killer = KillingStarter(base: fixture.git.starter)
            do {
                // A small repository may be through before the signal arrives.
                _ = try await fixture.cache.checkout(GitLocation(url, relativeTo: "/"), starter: killer) { progress in
                    if progress.phase == phase { killer.kill() }
                }
            } catch let failure as GitFailure {
                #expect(failure.kind == .worker, "\(failure)")
            }
            #expect(fixture.leftovers() == [])
            let checkout = try await fixture.checkout(url)
            #expect(checkout.commit == commit)
            #expect(try await fixture.git.git(["status", "--porcelain"], in: checkout.directory) == "")
            try FileManager.default.removeItem(atPath: fixture.cache.root.string)
        }
        await daemon.stop()
    }

    @Test func `G-24 what a killed process left in the mirror and in a checkout is cleared away`() async throws {
        let fixture = try CacheFixture()
        try await fixture.git.makeRepository("demo.git")
        let daemon = try await GitDaemon.start(fixture.git)
        let url = daemon.url("demo.git")
        let commit: String
        do { commit = try await fixture.checkout(url).commit }
        let key = GitCache.key(of: try GitLocation(url, relativeTo: "/"))
        let mirror = fixture.cache.root.appending("mirrors").appending(key)
        let slot = fixture.cache.root.appending("checkouts").appending(key).appending(commit)
        for path in ["\(mirror)/new-1/objects", "\(slot)/0.new-1/source", "\(slot)/0.old-1/source"] {
            try makeFolders(FilePath(path))
        }
        for path in ["\(mirror)/repository/objects/pack/pack_git2_abc", "\(mirror)/repository/objects/pack/pack-1.idx"]
        {
            #expect(FileManager.default.createFile(atPath: path, contents: Data([1])))
        }
        // A checkout without its manifest is not whole.
        try FileManager.default.removeItem(atPath: "\(slot)/0/manifest")
        let checkout = try await fixture.checkout(url)
        #expect(!checkout.isReused)
        #expect(
            try names(in: mirror.appending("repository/objects/pack")).allSatisfy {
                !$0.contains("git2") && !$0.contains("pack-1.")
            })
        #expect(fixture.leftovers() == [])
        await daemon.stop()
    }

    @Test func `the cache is private to its user`() async throws {
        let fixture = try CacheFixture()
        try await fixture.git.makeRepository("demo.git")
        _ = try await fixture.checkout(fixture.git.repository("demo.git").string)
        for path in ["", "mirrors", "checkouts"] {
            #expect(fileStatus(fixture.cache.root.appending(path))?.permissions == 0o700)
        }
        #expect(fileStatus(fixture.cache.root.appending("CACHEDIR.TAG")) != nil)
    }

    @Test func `entries show what is there, prune removes what nobody uses`() async throws {
        let fixture = try CacheFixture()
        #expect(try await fixture.cache.entries() == [])
        #expect(try await fixture.cache.prune() == [])
        try await fixture.git.makeRepository("one.git")
        try await fixture.git.makeRepository("two.git")
        let daemon = try await GitDaemon.start(fixture.git)
        let held = try await fixture.checkout(daemon.url("one.git"))
        do { _ = try await fixture.checkout(daemon.url("two.git")) }
        let entries = try await fixture.cache.entries()
        #expect(entries.count == 4)
        #expect(Set(entries.map(\.url)) == [daemon.url("one.git"), daemon.url("two.git")])
        #expect(entries.allSatisfy { $0.bytes > 0 })
        #expect(entries.filter(\.isInUse).map(\.kind) == [.checkout(commit: held.commit)])

        #expect(try await fixture.cache.prune(unusedFor: .seconds(3600)) == [])
        let removed = try await fixture.cache.prune()
        #expect(Set(removed.map(\.url)) == [daemon.url("two.git")])
        #expect(removed.count == 2)
        #expect(try text(held.directory.appending("README")) == "hello\n")
        #expect(try await fixture.git.git(["log", "--format=%H"], in: held.directory) == held.commit)

        _ = consume held
        let later = try await fixture.cache.prune(unusedFor: .seconds(60), now: currentTime() + 3600)
        #expect(later.count == 2)
        #expect(try await fixture.cache.entries() == [])
        await daemon.stop()
    }

    @Test func `a cache that cannot be written is named`() async throws {
        var fixture = try CacheFixture()
        try fixture.git.write("blocked", "a file")
        fixture.environment["SWIFTFLOW_CACHE"] = fixture.git.folder.appending("blocked").string
        let cache = try GitCache(environment: fixture.cache.environment)
        let error = await #expect(throws: FileError.self) {
            _ = try await cache.checkout(
                GitLocation("https://host/x", relativeTo: "/"), starter: fixture.git.starter)
        }
        #expect(error?.description.contains("blocked") == true)
    }

    @Test func `the cache's place follows the environment`() throws {
        #expect(try GitCache(environment: ["SWIFTFLOW_CACHE": "/a", "HOME": "/h"]).root == "/a/git")
        #expect(try GitCache(environment: ["XDG_CACHE_HOME": "/x", "HOME": "/h"]).root == "/x/swiftflow/git")
        #expect(try GitCache(environment: ["XDG_CACHE_HOME": "rel", "HOME": "/h"]).root == "/h/.cache/swiftflow/git")
        #expect(throws: GitFailure.self) { try GitCache(environment: [:]) }
        #expect(throws: GitFailure.self) { try GitCache(environment: ["SWIFTFLOW_CACHE": "relative"]) }
    }

    @Test func `a missing worker is named with where it was looked for`() async throws {
        var fixture = try CacheFixture()
        fixture.environment["SWIFTFLOW_GIT"] = "/nonexistent/swiftflow-git"
        let failure = try await failure { _ = try await fixture.checkout("https://host/x") }
        #expect(failure.kind == .worker)
        #expect(failure.message.contains("/nonexistent/swiftflow-git"))
    }
}

/// Starts real processes, and ends the last one without warning when told.
private final class KillingStarter: ProcessStarter, Sendable {
    private let base: any ProcessStarter
    private let started = Collected<Int32>()

    init(base: any ProcessStarter) {
        self.base = base
    }

    func start(_ specification: ProcessSpecification) async throws -> any RunningProcess {
        let process = try await base.start(specification)
        started.add(process.processID)
        return process
    }

    func kill() {
        if let last = started.all.last { _ = Foundation.kill(last, SIGKILL) }
    }
}
