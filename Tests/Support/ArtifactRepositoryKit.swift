package import Artifacts
import Files
import NIOCore
package import SystemPackage
import Testing

/// What every `ArtifactRepository` must do, whoever wrote it.
///
/// The repository must be empty and may be left with content.
package struct ArtifactRepositoryKit: Sendable {
    private let repository: any ArtifactRepository
    private let scratch: FilePath
    /// Size of the largest file; more than the place's own threshold for parts makes those work.
    private let largeSize: Int
    /// Names with blanks, signs, other scripts.
    private let names: [String]

    /// - Parameter scratch: an empty folder for local copies.
    package init(
        _ repository: any ArtifactRepository, scratch: FilePath, largeSize: Int = 3 << 20,
        names: [String] = ArtifactRepositoryKit.ordinaryNames
    ) {
        self.repository = repository
        self.scratch = scratch
        self.largeSize = largeSize
        self.names = names
    }

    /// Odd, and legal everywhere.
    package static let ordinaryNames = [
        "with blank.txt", "100%.txt", "a%20b", "plus+and&", "größe-データ-🚂.bin", ".hidden", "inner..dots", "quote'\"s",
        "semi;colon,comma=equals@at", "hash#mark", "question?mark", "(round)[square]{curly}", "-dash", "$dollar!",
        "a:b",
    ]

    /// Runs all checks.
    package func run() async throws {
        try await emptiness()
        try await singleFiles()
        try await oddNames()
        try await folders()
        try await trees()
        try await largeFiles()
        try await wrongLengths()
        try await deletion()
    }

    private func emptiness() async throws {
        #expect(try await repository.list(.root).isEmpty)
        #expect(try await repository.list(RelativePath("nothing/here")).isEmpty)
        #expect(try await repository.entry(RelativePath("nothing")) == nil)
        let error = await #expect(throws: ArtifactError.self) { try await repository.read(RelativePath("nothing.txt")) }
        #expect(error?.reason == .notFound)
        let target = try Directory(creating: scratch.appending("emptiness"))
        let missing = await #expect(throws: ArtifactError.self) {
            try await repository.download(RelativePath("nothing.txt"), into: target, Transfer())
        }
        #expect(missing?.reason == .notFound)
        #expect(try target.list().isEmpty)
        // Nothing there is no error.
        try await repository.delete(RelativePath("nothing.txt"))
    }

    private func singleFiles() async throws {
        let path = try RelativePath("one.txt")
        try await repository.write(path, ByteStream(ByteBuffer(string: "first")), length: 5)
        #expect(try await content(path) == "first")
        #expect(try await repository.entry(path) == ArtifactEntry(path: path, isDirectory: false, size: 5))
        #expect(try await repository.list(.root) == [ArtifactEntry(path: path, isDirectory: false, size: 5)])
        #expect(try await repository.list(path).isEmpty)

        try await repository.write(path, ByteStream(ByteBuffer(string: "second, longer")), length: nil)
        #expect(try await content(path) == "second, longer")
        #expect(try await content(path, range: 8..<14) == "longer")
        #expect(try await content(path, range: 8..<1_000) == "longer")
        #expect(try await content(path, range: 3..<3) == "")

        let empty = try RelativePath("empty")
        try await repository.write(empty, ByteStream(ByteBuffer()), length: 0)
        #expect(try await content(empty) == "")
        #expect(try await repository.entry(empty)?.size == 0)
        try await repository.delete(path)
        try await repository.delete(empty)
        #expect(try await repository.entry(path) == nil)
    }

    private func oddNames() async throws {
        let folder = try RelativePath("odd names")
        for name in names {
            try await repository.write(folder.appending(name), ByteStream(ByteBuffer(string: name)), length: nil)
        }
        let listed = try await repository.list(folder)
        #expect(listed.map(\.path.lastComponent) == names.sorted().map(Optional.some))
        for name in names {
            #expect(try await content(folder.appending(name)) == name)
            #expect(try await repository.entry(folder.appending(name))?.isDirectory == false)
        }
        try await repository.delete(folder)
        #expect(try await repository.list(folder).isEmpty)
    }

    private func folders() async throws {
        for path in ["m/deep/er/file", "m/a", "m/z", "mm/not me"] {
            try await repository.write(RelativePath(path), ByteStream(ByteBuffer(string: path)), length: nil)
        }
        let folder = try RelativePath("m")
        #expect(
            try await repository.list(folder) == [
                ArtifactEntry(path: RelativePath("m/a"), isDirectory: false, size: 3),
                ArtifactEntry(path: RelativePath("m/deep"), isDirectory: true),
                ArtifactEntry(path: RelativePath("m/z"), isDirectory: false, size: 3),
            ])
        #expect(try await repository.entry(folder)?.isDirectory == true)
        #expect(try await repository.entry(RelativePath("m/deep/er"))?.isDirectory == true)
        await #expect(throws: ArtifactError.self) { try await repository.read(folder) }
        // A prefix of a name is no folder.
        #expect(try await repository.entry(RelativePath("m/dee")) == nil)
        try await repository.delete(folder)
        #expect(try await repository.list(folder).isEmpty)
        #expect(try await content(RelativePath("mm/not me")) == "mm/not me")
        try await repository.delete(RelativePath("mm"))
    }

    private func trees() async throws {
        let source = try Directory(creating: scratch.appending("tree"))
        let files = ["a.txt": "A", "b/c.txt": "C", "b/d/e.txt": "E", "b/d/empty": "", "ü/ö ä": "umlauts"]
        for (path, text) in files {
            try source.makeDirectory(RelativePath(path).parent)
            try source.writeFile(RelativePath(path), Array(text.utf8))
        }
        let place = try RelativePath("trees/one")
        try await repository.upload(source.path, to: place, Transfer())

        let target = try Directory(creating: scratch.appending("copies"))
        let transfer = Transfer()
        let copy = try await repository.download(place, into: target, transfer)
        #expect(copy == target.path.appending("one"))
        #expect(try tree(target.directory(RelativePath("one"))) == files)

        let file = try await repository.download(RelativePath("trees/one/b/c.txt"), into: target, Transfer())
        #expect(file == target.path.appending("c.txt"))
        #expect(try target.readFile(RelativePath("c.txt"), limit: 10) == Array("C".utf8))

        let whole = try Directory(creating: scratch.appending("whole"))
        #expect(try await repository.download(.root, into: whole, Transfer()) == whole.path)
        #expect(try tree(whole.directory(RelativePath("trees/one"))) == files)
        try await repository.delete(RelativePath("trees"))
    }

    private func largeFiles() async throws {
        let source = try Directory(creating: scratch.appending("large"))
        // A pattern without a period that a part's size could hide.
        var bytes = [UInt8](repeating: 0, count: largeSize)
        var state: UInt32 = 7
        for index in bytes.indices {
            state = state &* 1_664_525 &+ 1_013_904_223
            bytes[index] = UInt8(truncatingIfNeeded: state >> 24)
        }
        try source.writeFile(RelativePath("large.bin"), bytes)
        let path = try RelativePath("large/large.bin")
        try await repository.upload(source.path.appending("large.bin"), to: path, Transfer())
        #expect(try await repository.entry(path)?.size == Int64(largeSize))
        let target = try Directory(creating: scratch.appending("large copy"))
        _ = try await repository.download(path, into: target, Transfer())
        #expect(try target.readFile(RelativePath("large.bin"), limit: largeSize) == bytes)

        let streamed = try RelativePath("large/streamed.bin")
        let content = bytes
        try await repository.write(
            streamed,
            ByteStream {
                var offset = 0
                return {
                    guard offset < content.count else { return nil }
                    let end = min(offset + 300_001, content.count)
                    defer { offset = end }
                    return ByteBuffer(bytes: content[offset..<end])
                }
            }, length: nil)
        _ = try await repository.download(streamed, into: target, Transfer())
        #expect(try target.readFile(RelativePath("streamed.bin"), limit: largeSize) == bytes)
        try await repository.delete(RelativePath("large"))
    }

    private func wrongLengths() async throws {
        let path = try RelativePath("kept.txt")
        try await repository.write(path, ByteStream(ByteBuffer(string: "kept")), length: 4)
        for length in [Int64(2), 100] {
            await #expect(throws: (any Error).self) {
                try await repository.write(path, ByteStream(ByteBuffer(string: "too bad")), length: length)
            }
        }
        struct Broken: Error {}
        await #expect(throws: (any Error).self) {
            try await repository.write(
                path,
                ByteStream {
                    var isFirst = true
                    return {
                        guard isFirst else { throw Broken() }
                        isFirst = false
                        return ByteBuffer(string: "half")
                    }
                }, length: nil)
        }
        #expect(try await content(path) == "kept")
        try await repository.delete(path)
    }

    private func deletion() async throws {
        let path = try RelativePath("d/x")
        try await repository.write(path, ByteStream(ByteBuffer(string: "x")), length: 1)
        let repository = repository
        async let first: Void = repository.delete(path)
        async let second: Void = repository.delete(path)
        _ = try await (first, second)
        #expect(try await repository.entry(path) == nil)
        await #expect(throws: ArtifactError.self) { try await repository.delete(.root) }
        await #expect(throws: ArtifactError.self) {
            try await repository.write(.root, ByteStream(ByteBuffer(string: "x")), length: 1)
        }
        try await repository.delete(RelativePath("d"))
    }

    private func content(_ path: RelativePath, range: Range<Int64>? = nil) async throws -> String {
        var bytes: [UInt8] = []
        for try await buffer in try await repository.read(path, range: range).body {
            bytes.append(contentsOf: buffer.readableBytesView)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The files below a folder, by path.
    private func tree(_ folder: Directory, _ path: RelativePath = .root) throws -> [String: String] {
        var files: [String: String] = [:]
        for entry in try folder.list(path) {
            let child = try path.appending(entry.name)
            if entry.status.kind == .directory {
                files.merge(try tree(folder, child)) { $1 }
            } else {
                files[child.string] = String(decoding: try folder.readFile(child, limit: 1 << 20), as: UTF8.self)
            }
        }
        return files
    }
}
