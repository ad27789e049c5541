import Diagnostics
import Files
import Foundation
import Projects
import SystemPackage
import TestSupport
import Testing

@Suite struct `Project URIs` {
    let fixture: ProjectFixture
    init() throws {
        fixture = try ProjectFixture([
            "project/MLproject": "name: x\n", "project/sub.d/v1.0/train.py": "", "with space/x": "", "a.zip": "PK",
            "dir.zip/x": "", "file.txt": "",
            "bare.git/HEAD": "ref: refs/heads/main\n", "bare.git/objects/x": "", "bare.git/refs/x": "",
            "per%20cent/x": "",
        ])
    }

    private func uri(_ text: String) throws -> ProjectURI {
        try ProjectURI(text, currentDirectory: fixture.root)
    }

    private func refusal(_ text: String) throws -> String {
        let error = #expect(throws: InvalidInput.self) { try uri(text) }
        let diagnostics = try #require(error).diagnostics
        #expect(diagnostics.count == 1)
        return diagnostics.map(\.description).joined()
    }

    @Test(arguments: [
        ("project", "project"), ("./project/", "project"), ("'project'", "project"), ("\"'project'\"", "project"),
        ("with space", "with space"),
        ("project/../project", "project"), ("dir.zip", "dir.zip"), ("per%20cent", "per%20cent"), (".", ""),
    ]) func `existing folders are local, and made absolute`(text: String, folder: String) throws {
        let expected = folder.isEmpty ? fixture.root : fixture.root.appending(folder)
        #expect(try uri(text).location == .folder(expected))
        #expect(try uri(text).subdirectory.isRoot)
    }

    @Test func `file URLs of existing folders are local`() throws {
        let project = fixture.root.appending("project")
        #expect(try uri("file://\(project)").location == .folder(project))
        #expect(try uri("file://localhost\(project)").location == .folder(project))
        #expect(
            try uri("file://\(fixture.root)/with%20space").location == .folder(fixture.root.appending("with space")))
        #expect(try uri("file://\(fixture.root)/per%20cent").location == .folder(fixture.root.appending("per%20cent")))
        #expect(try uri("file://\(fixture.root)/a.zip").location == .zip(fixture.root.appending("a.zip")))
    }

    @Test func `the first '#' begins the folder, dots allowed`() throws {
        #expect(try uri("project#sub.d/v1.0").subdirectory.string == "sub.d/v1.0")
        #expect(try uri("project#sub.d/").subdirectory.string == "sub.d")
        #expect(try uri("https://h/r.git#a#b").subdirectory.string == "a#b")
        #expect(try uri("https://h/r.git#a#b").location == .git("https://h/r.git"))
    }

    @Test func `archives are told apart from git by their ending`() throws {
        #expect(try uri("a.zip").location == .zip(fixture.root.appending("a.zip")))
        #expect(try uri("https://h/p/a.zip#x").location == .remoteZip("https://h/p/a.zip"))
        #expect(try uri("https://h/p/a.ZIP").location == .git("https://h/p/a.ZIP"))
    }

    @Test(arguments: [
        "https://h/r.git", "http://h/r", "HTTPS://h/r", "ssh://git@h:22/r.git", "git://h/r", "git@h.org:o/r.git", "h:r",
        "git+ssh://h/r", "https://u:p@h/r",
    ]) func `URLs and the scp form are git, as typed`(text: String) throws {
        #expect(try uri(text).location == .git(text))
    }

    @Test func `a bare repository on this machine is git`() throws {
        #expect(try uri("bare.git").location == .git("bare.git"))
    }

    @Test(arguments: [
        "", "''", "#sub", "file.txt", "file.txt#x", "missing", "missing/", "./missing.zip", "file:///does/not/exist",
        "a\u{0}b", "https://h/\nx", "\u{1B}[31m",
    ])
    func `G-01 what is no project is one error with its text`(text: String) throws {
        let message = try refusal(text)
        #expect(!message.contains("\n") && !message.contains("\u{1B}"))
    }

    @Test(arguments: [
        "ext::sh -c touch% x", "fd::17", "-x", "--upload-pack=touch x", "s3://b/p", "hdfs://h/p", "dbfs://x",
        "javascript://x", "ftp://h/r",
    ])
    func `G-02 helpers, options and unknown schemes are refused`(text: String) throws {
        #expect(try refusal(text).contains(redactedURL(text).prefix(10)))
    }

    @Test(arguments: ["owner/name", "projekt", "../nowhere/x", "~/x", "github.com/owner/name", "C/x"])
    func `G-08 a mistyped folder is never taken for a repository`(text: String) throws {
        #expect(try refusal(text).contains("there is no file or folder '\(text)'"))
    }

    @Test(arguments: [
        "project#..", "project#../x", "project#a/../../x", "project#/etc", "project#a//b", "project#a\\b", "project#~x",
        "https://h/r#..",
    ])
    func `G-13 folders that would leave the project are refused`(text: String) throws {
        #expect(try refusal(text).contains("the folder after '#'"))
    }

    @Test func `G-23 credentials are not shown`() throws {
        #expect(try uri("https://user:secret@h/r.git#x").redactedText == "https://h/r.git#x")
        #expect(try !refusal("s3://user:secret@b/p").contains("secret"))
    }

    @Test func `source names are those of MLflow, without credentials`() throws {
        let root = FilePath("/w/repo/sub")
        func name(_ text: String, root: FilePath, worktree: FilePath?) throws -> String {
            try uri(text).sourceName(root: root, worktree: worktree)
        }
        #expect(try name("project", root: root, worktree: nil) == "/w/repo/sub")
        #expect(try name("project", root: root, worktree: "/w/repo") == "file:///w/repo#sub")
        #expect(try name("'project'", root: "/w/repo", worktree: "/w/repo") == "file:///w/repo")
        #expect(try name("project#sub.d", root: root, worktree: "/w/repo") == "project#sub.d")
        #expect(try name("file://\(fixture.root)/project", root: root, worktree: nil) == "/w/repo/sub")
        #expect(try name("https://u:p@h/r.git#x", root: root, worktree: nil) == "https://h/r.git#x")
        #expect(try name("a.zip", root: root, worktree: nil) == "a.zip")
    }
}

@Suite struct `Checkouts` {
    private let sources = CheckoutSources(
        git: { location, version in throw InvalidInput("git \(location) \(version ?? "-")") },
        download: { url, _ in throw InvalidInput("download \(url)") })

    private func checkout(_ text: String, version: String? = nil, in fixture: ProjectFixture) async throws -> Checkout {
        try await Checkout(of: ProjectURI(text, currentDirectory: fixture.root), version: version, sources: sources)
    }

    @Test func `folders stay where they are`() async throws {
        let fixture = try ProjectFixture(["p/sub/MLproject": ""])
        #expect(try await checkout("p", in: fixture).root == fixture.root.appending("p"))
        #expect(try await checkout("p#sub", in: fixture).root == fixture.root.appending("p/sub"))
    }

    @Test func `G-01 a version needs git`() async throws {
        let fixture = try ProjectFixture(["p/x": "", "a.zip": "PK"])
        for text in ["p", "a.zip", "https://h/a.zip"] {
            let error = await #expect(throws: InvalidInput.self) {
                try await checkout(text, version: "v1", in: fixture)
            }
            #expect(error?.description.contains("version 'v1' is given, but") == true)
            #expect(error?.description.contains(text) == true)
        }
    }

    @Test func `a version of a local repository is git's matter, and the folder is not touched`() async throws {
        let fixture = try ProjectFixture(["p/.git/HEAD": ""])
        let error = await #expect(throws: InvalidInput.self) { try await checkout("p", version: "v1", in: fixture) }
        #expect(error?.description == "error: git \(fixture.root)/p v1")
    }

    @Test func `git checkouts keep their commit`() async throws {
        let fixture = try ProjectFixture(["cache/sub/MLproject": ""])
        let folder = fixture.root.appending("cache")
        let sources = CheckoutSources(
            git: { _, _ in GitCheckout(folder: folder, commit: "c0ffee", branch: "main") }, download: { _, _ in })
        let uri = try ProjectURI("https://h/r#sub", currentDirectory: fixture.root)
        let checkout = try await Checkout(of: uri, version: "main", sources: sources)
        #expect(checkout.root == folder.appending("sub"))
        #expect(checkout.git?.commit == "c0ffee")
    }

    @Test func `G-13 a folder that is missing, a file, or a link out of the project is refused`() async throws {
        let fixture = try ProjectFixture(["p/file": "", "outside/MLproject": ""])
        try link(to: fixture.root.appending("outside"), at: fixture.root.appending("p/out"))
        try link(to: "..", at: fixture.root.appending("p/up"))
        for sub in ["missing", "file", "out", "up/outside"] {
            let error = await #expect(throws: InvalidInput.self) { try await checkout("p#\(sub)", in: fixture) }
            #expect(error?.description.contains("the folder '\(sub)'") == true)
        }
    }
}
