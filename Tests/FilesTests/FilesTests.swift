import Diagnostics
import Files
import Glibc
import SystemPackage
import TestSupport
import Testing

@Suite struct RelativePathTests {
    @Test(arguments: ["a", "a/b", "models/best model", "a..b/c", ".hidden", "100%", "grüße/ü", "a/b/", "c:d"])
    func `ordinary names are accepted`(text: String) throws {
        let path = try RelativePath(text)
        #expect(path.string == (text.hasSuffix("/") ? String(text.dropLast()) : text))
    }

    @Test(arguments: [
        "", "/", "/etc", "..", "../x", "x/../..", "a//b", "./a", "a/.", "~", "~/x", "a\\b", "a\0b", "a\nb", "a\u{7F}b",
        "http://x", "s3://b/k",
        "\u{85}", String(repeating: "n", count: 256), String(repeating: "a/", count: 2100),
    ])
    func `A-01 paths that could leave their root are refused`(text: String) {
        #expect(throws: PathRefusal.self) { try RelativePath(text) }
    }

    @Test(arguments: ["%2e%2e/x", "%2fetc", "a%00b", "%zz", "%e4", "a%2f..%2fb", "%"])
    func `A-01 escapes are decoded once, then judged`(text: String) {
        #expect(throws: PathRefusal.self) { try RelativePath(percentEncoded: text) }
    }

    @Test func `a double escape stays an ordinary name`() throws {
        #expect(try RelativePath(percentEncoded: "%252e%252e").string == "%2e%2e")
    }
}

@Suite struct DirectoryTests {
    private let folder: TemporaryDirectory
    private var root: Directory { folder.directory }

    init() throws {
        folder = try TemporaryDirectory()
    }

    @Test func `a written file is read back and leaves no temporary file`() throws {
        try root.makeDirectory(RelativePath("a/b"))
        let path = try RelativePath("a/b/c.txt")
        try root.writeFile(path, Array("one".utf8))
        try root.writeFile(path, Array("two".utf8))
        #expect(try root.readFile(path, limit: 100) == Array("two".utf8))
        #expect(try root.list(RelativePath("a/b")).map(\.name) == ["c.txt"])
    }

    @Test func `D-03 an abandoned file leaves nothing behind`() throws {
        do {
            let file = try AtomicFile(at: RelativePath("x"), in: root)
            try file.write([1, 2, 3])
        }
        #expect(try root.list().isEmpty)
    }

    @Test func `A-05 links are not followed, wherever they stand`() throws {
        let outside = try TemporaryDirectory()
        try outside.directory.writeFile(RelativePath("canary"), Array("secret".utf8))
        try link(to: outside.path, at: folder.path.appending("door"))
        try link(to: outside.path.appending("canary"), at: folder.path.appending("file"))
        #expect(throws: FileError.self) { try root.readFile(RelativePath("door/canary"), limit: 100) }
        #expect(throws: FileError.self) { try root.readFile(RelativePath("file"), limit: 100) }
        #expect(throws: FileError.self) { try root.list(RelativePath("door")) }
        #expect(try root.status(RelativePath("file"))?.kind == .link)
    }

    @Test func `A-06 removing a link or a folder with links leaves the target alone`() throws {
        let outside = try TemporaryDirectory()
        try outside.directory.writeFile(RelativePath("canary"), Array("secret".utf8))
        try root.makeDirectory(RelativePath("inner"))
        try link(to: outside.path, at: folder.path.appending("inner").appending("door"))
        try link(to: outside.path, at: folder.path.appending("door"))
        try root.remove(RelativePath("door"))
        try root.remove(RelativePath("inner"))
        #expect(try root.list().isEmpty)
        #expect(try outside.directory.readFile(RelativePath("canary"), limit: 100) == Array("secret".utf8))
    }

    @Test func `files and folders whose names are no text are removed with the folder they are in`() throws {
        try root.makeDirectory(RelativePath("tree"))
        // Latin-1, as old archives and repositories have it.
        var path =
            Array(folder.path.appending("tree").string.utf8CString.dropLast()) + Array("/caf".utf8CString.dropLast())
        path.append(CChar(bitPattern: 0xE9))
        #expect(unsafe mkdir(path + [0], 0o755) == 0)
        let file = unsafe open(path + path.suffix(5) + [0], O_CREAT | O_WRONLY, 0o644)
        try #require(file >= 0)
        close(file)
        try root.remove(RelativePath("tree"))
        #expect(try root.list().isEmpty)
    }

    @Test func `A-06 the root itself is never removed`() {
        #expect(throws: FileError.self) { try root.remove(.root) }
    }

    @Test func `A-07 removing what is not there is no error`() throws {
        try root.remove(RelativePath("nothing/here"))
    }

    @Test func `Y-08 a pipe is refused without blocking`() throws {
        try #require(makePipe(folder.path.appending("fifo")))
        #expect(throws: FileError.self) { try root.readFile(RelativePath("fifo"), limit: 100) }
    }

    @Test func `a file over its limit is refused`() throws {
        try root.writeFile(RelativePath("big"), [UInt8](repeating: 0, count: 101))
        let error = #expect(throws: FileError.self) { try root.readFile(RelativePath("big"), limit: 100) }
        #expect(error?.errno == .fileTooLarge)
    }

    @Test func `X-20 temporary folders and files are private, whatever the umask`() throws {
        try root.writeFile(RelativePath("secret"), [])
        #expect(try root.status(RelativePath("secret"))?.permissions == 0o600)
        #expect(fileStatus(folder.path)?.permissions == 0o700)
    }

    @Test func `a temporary folder is gone after its last use`() throws {
        var temporary: TemporaryDirectory? = try TemporaryDirectory()
        let path = try #require(temporary?.path)
        try temporary?.directory.makeDirectory(RelativePath("deep/er"))
        temporary = nil
        #expect(fileStatus(path) == nil)
    }
}

@Suite struct FileLockTests {
    @Test func `a lock is held by one at a time and names its owner`() async throws {
        let folder = try TemporaryDirectory()
        let path = folder.path.appending("lock")
        var lock = try FileLock.attempt(path)
        #expect(lock != nil)
        #expect(try FileLock.attempt(path) == nil)
        #expect(FileLock.owner(of: path) != nil)
        lock = nil
        _ = try await FileLock.acquire(path)
    }
}
