import Diagnostics
import Files
import Foundation
import Git
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct CodeTests {
    private func code(
        _ fixture: CacheFixture, _ folder: FilePath, ignoring names: Set<String> = [], excluding paths: Set<String> = []
    ) async throws -> GitFolderCode? {
        try await gitCode(
            of: folder, ignoredNames: names, excludedPaths: paths, starter: fixture.git.starter,
            environment: fixture.cache.environment)
    }

    @Test func `a clean folder has the tree git itself names, also when another folder changed`() async throws {
        let fixture = try CacheFixture()
        let work = try await fixture.git.makeWorkTree(
            "repo", files: ["a/train.py": "1", "a/lib/x.py": "2", "b/other.py": "3", ".gitignore": "*.log\n"])
        let tree = try await fixture.git.git(["rev-parse", "HEAD:a"], in: work)
        let found = try #require(try await code(fixture, work.appending("a")))
        #expect(found.tree == tree)
        #expect(found.files.keys.sorted() == ["lib/x.py", "train.py"])
        let blob = try await fixture.git.git(["rev-parse", "HEAD:a/train.py"], in: work)
        #expect(found.files["train.py"] == "100644 \(blob)")

        // What git ignores is no change, nor is anything outside the folder.
        try fixture.git.write("repo/a/run.log", "ignored")
        try fixture.git.write("repo/b/other.py", "4")
        #expect(try await code(fixture, work.appending("a"))?.tree == tree)
        #expect(try await code(fixture, work)?.tree == nil)
        try await fixture.git.git(["commit", "-q", "-a", "-m", "elsewhere"], in: work)
        #expect(try await code(fixture, work.appending("a"))?.tree == tree)
        #expect(try await code(fixture, work)?.tree == fixture.git.git(["rev-parse", "HEAD^{tree}"], in: work))
    }

    @Test func `changed, staged, new and removed files make it differ`() async throws {
        let fixture = try CacheFixture()
        let work = try await fixture.git.makeWorkTree("repo", files: ["train.py": "1", "lib/x.py": "2"])
        #expect(try await code(fixture, work)?.tree != nil)
        try fixture.git.write("repo/train.py", "changed")
        var found = try #require(try await code(fixture, work))
        #expect(found.tree == nil)
        #expect(found.files["train.py"] == .some(nil))
        try await fixture.git.git(["add", "train.py"], in: work)
        #expect(try await code(fixture, work)?.tree == nil)
        try await fixture.git.git(["reset", "-q", "--hard"], in: work)
        #expect(try await code(fixture, work)?.tree != nil)

        try fixture.git.write("repo/new/deep/y.py", "new")
        found = try #require(try await code(fixture, work))
        #expect(found.tree == nil)
        #expect(found.files.keys.sorted() == ["lib/x.py", "new/deep/y.py", "train.py"])
        #expect(try await code(fixture, work, excluding: ["new"])?.tree != nil)
        #expect(try await code(fixture, work, ignoring: ["deep"])?.tree != nil)
        #expect(try await code(fixture, work, excluding: ["ne"])?.tree == nil)
        try FileManager.default.removeItem(atPath: work.appending("new").string)
        try FileManager.default.removeItem(atPath: work.appending("lib/x.py").string)
        #expect(try await code(fixture, work)?.tree == nil)
        try await fixture.git.git(["checkout", "-q", "."], in: work)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o755], ofItemAtPath: work.appending("train.py").string)
        #expect(try await code(fixture, work)?.tree == nil)
    }

    @Test func `what a run leaves in the folder does not count`() async throws {
        let fixture = try CacheFixture()
        let work = try await fixture.git.makeWorkTree("repo", files: ["train.py": "1"])
        try fixture.git.write("repo/mlruns/0/meta.yaml", "x")
        try fixture.git.write("repo/lib/__pycache__/a.pyc", "x")
        let found = try #require(try await code(fixture, work, ignoring: ["mlruns", "__pycache__"]))
        #expect(found.tree != nil)
        #expect(found.files.keys.sorted() == ["train.py"])
    }

    @Test func `thousands of files arrive whole`() async throws {
        let fixture = try CacheFixture()
        var files: [String: String] = [:]
        for number in 0..<1100 { files["d\(number % 7)/f\(number).py"] = "\(number)" }
        let work = try await fixture.git.makeWorkTree("repo", files: files)
        let found = try #require(try await code(fixture, work))
        #expect(Set(found.files.keys) == Set(files.keys))
        #expect(found.tree != nil)
    }

    @Test func `a folder without repository, without commit, or ignored, has no tree`() async throws {
        let fixture = try CacheFixture()
        #expect(try await code(fixture, fixture.git.folder) == nil)
        let empty = fixture.git.folder.appending("empty")
        try await fixture.git.git(["init", "-q", empty.string], in: fixture.git.folder)
        try fixture.git.write("empty/x", "1")
        let found = try #require(try await code(fixture, empty))
        #expect(found.tree == nil)
        #expect(found.files.keys.sorted() == ["x"])
        try fixture.git.write("empty/.gitignore", "out/\n")
        try fixture.git.write("empty/out/y", "1")
        #expect(try await code(fixture, empty.appending("out")) == nil)
    }
}
