import Diagnostics
import Files
import NIOCore
import SystemPackage
import TestSupport
import Testing

@testable import Artifacts

@Suite(.timeLimit(.minutes(10))) struct `artifacts in a local folder` {
    let scratch: TemporaryDirectory
    let repository: LocalArtifactRepository

    init() throws {
        scratch = try TemporaryDirectory(prefix: "artifacts-test")
        repository = LocalArtifactRepository(root: scratch.path.appending("root"))
    }

    @Test func `the conformance kit passes`() async throws {
        try await ArtifactRepositoryKit(repository, scratch: scratch.path.appending("scratch")).run()
    }

    /// A root with one file, and links to a canary outside of it.
    private func plantLinks() throws -> Directory {
        let root = try Directory(creating: repository.root)
        try scratch.directory.makeDirectory(RelativePath("outside"))
        try scratch.directory.writeFile(RelativePath("outside/canary"), Array("canary".utf8))
        try root.writeFile(RelativePath("file"), Array("x".utf8))
        let outside = scratch.path.appending("outside")
        try link(to: outside.appending("canary"), at: repository.root.appending("filelink"))
        try link(to: outside, at: repository.root.appending("folderlink"))
        try link(to: "file", at: repository.root.appending("innerlink"))
        return root
    }

    @Test func `A-05 links are neither listed nor read`() async throws {
        _ = try plantLinks()
        #expect(try await repository.list(.root).map(\.path.string) == ["file"])
        for path in ["filelink", "folderlink/canary", "innerlink", "folderlink"] {
            let path = try RelativePath(path)
            let error = await #expect(throws: ArtifactError.self) { try await repository.read(path) }
            #expect(error?.description.contains("link") == true)
            #expect(try await repository.list(path).isEmpty)
        }
        let target = try scratch.directory.directory(RelativePath("outside"))
        let copied = try await repository.download(.root, into: target, Transfer())
        #expect(try target.list().map(\.name) == ["canary", "file"])
        #expect(copied == target.path)
    }

    @Test func `A-06 writes and deletes do not follow links`() async throws {
        let root = try plantLinks()
        for path in ["folderlink/new", "folderlink/canary", "file/below"] {
            await #expect(throws: ArtifactError.self) {
                try await repository.write(RelativePath(path), ByteStream(ByteBuffer(string: "bad")), length: 3)
            }
        }
        // A link in the way is replaced, not followed.
        try await repository.write(RelativePath("filelink"), ByteStream(ByteBuffer(string: "new")), length: 3)
        #expect(try root.status(RelativePath("filelink"))?.kind == .file)
        try await repository.delete(RelativePath("folderlink"))
        #expect(try root.status(RelativePath("folderlink")) == nil)
        _ = try? await repository.delete(RelativePath("innerlink/x"))
        let canary = try scratch.directory.readFile(RelativePath("outside/canary"), limit: 99)
        #expect(canary == Array("canary".utf8))
        #expect(try scratch.directory.list(RelativePath("outside")).count == 1)
    }

    @Test(arguments: [
        "..", "../x", "x/../../y", "/etc/passwd", "a//b", "", ".", "a/./b", "a\\..\\b", "a\u{0}b", "~/x",
        "file:///etc/passwd",
        "\(String(repeating: "n", count: 256))",
    ])
    func `A-01 A-03 A-04 a path that leaves its place cannot be made`(text: String) {
        #expect(throws: PathRefusal.self) { try RelativePath(text) }
    }

    @Test func `A-04 a file below a file, a folder as a file`() async throws {
        let x = ByteBuffer(string: "x")
        try await repository.write(RelativePath("d/f"), ByteStream(x), length: 1)
        for path in ["d/f/g", "d"] {
            let error = await #expect(throws: ArtifactError.self) {
                try await repository.write(RelativePath(path), ByteStream(x), length: 1)
            }
            #expect(error?.reason == .wrongKind)
        }
        await #expect(throws: ArtifactError.self) { try await repository.read(RelativePath("d")) }
        await #expect(throws: ArtifactError.self) { try await repository.read(RelativePath("d/f/g")) }
    }

    @Test func `a transfer stops at each of its limits`() async throws {
        for path in ["t/a", "t/b", "t/c/d/e"] {
            try await repository.write(RelativePath(path), ByteStream(ByteBuffer(string: "12345")), length: 5)
        }
        func fails(_ change: (inout TransferLimits) -> Void) async throws -> ArtifactError? {
            var limits = TransferLimits()
            change(&limits)
            let target = try Directory(creating: scratch.path.appending(randomName()))
            let error = await #expect(throws: ArtifactError.self) {
                try await repository.download(RelativePath("t"), into: target, Transfer(limits: limits))
            }
            return error
        }
        #expect(try await fails { $0.count = 4 }?.reason == .limit)
        #expect(try await fails { $0.depth = 2 }?.reason == .limit)
        #expect(try await fails { $0.fileSize = 4 }?.reason == .limit)
        #expect(try await fails { $0.totalSize = 14 }?.reason == .limit)
        #expect(try await fails { $0.reservedSpace = .max / 2 }?.reason == .noSpace)
        var enough = TransferLimits()
        (enough.count, enough.depth, enough.fileSize, enough.totalSize) = (5, 3, 5, 15)
        let target = try Directory(creating: scratch.path.appending("enough"))
        let transfer = Transfer(limits: enough)
        _ = try await repository.download(RelativePath("t"), into: target, transfer)
        #expect(transfer.meter.progress == TransferProgress(bytes: 15, files: 3))
    }

    @Test func `links and pipes are not uploaded`() async throws {
        let source = try Directory(creating: scratch.path.appending("source"))
        try link(to: "/etc/passwd", at: source.path.appending("passwords"))
        let error = await #expect(throws: ArtifactError.self) {
            try await repository.upload(source.path, to: .root, Transfer())
        }
        #expect(error?.reason == .wrongKind)
        #expect(makePipe(source.path.appending("pipe")))
        await #expect(throws: (any Error).self) {
            try await repository.upload(source.path.appending("pipe"), to: RelativePath("p"), Transfer())
        }
    }

    @Test func `a write that is cancelled leaves the old content`() async throws {
        let path = try RelativePath("file")
        try await repository.write(path, ByteStream(ByteBuffer(string: "old")), length: 3)
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        let repository = repository
        let task = Task {
            try await repository.write(
                path,
                ByteStream {
                    {
                        start.finish()
                        try await Task.sleep(for: .seconds(100))
                        return nil
                    }
                }, length: nil)
        }
        for await _ in started {}
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        let root = try Directory(opening: repository.root)
        #expect(try root.readFile(path, limit: 9) == Array("old".utf8))
        #expect(try root.list().count == 1)
    }
}
