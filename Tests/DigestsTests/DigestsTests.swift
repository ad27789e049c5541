import Digests
import Files
import Glibc
import SystemPackage
import TestSupport
import Testing

/// A folder with files, whose times lie well in the past unless a test says otherwise.
struct DigestFixture {
    let temporary: TemporaryDirectory
    var folder: FilePath { temporary.path.appending("project") }
    var cacheFile: FilePath { temporary.path.appending("data/digests.db") }

    init(_ files: [String: String] = [:]) throws {
        temporary = try TemporaryDirectory(prefix: "swiftflow-digests")
        try temporary.directory.makeDirectory(RelativePath("project"))
        for (path, text) in files { try write(path, text) }
    }

    func write(_ path: String, _ text: String, mode: UInt32 = 0o644) throws {
        let relative = try RelativePath("project/\(path)")
        try temporary.directory.makeDirectory(relative.parent)
        // Written in place, so that the inode stays.
        let file = try temporary.directory.open(relative, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
        try file.closeAfter { _ = try file.writeAll(text.utf8) }
    }

    func remove(_ path: String) throws { try temporary.directory.remove(RelativePath("project/\(path)")) }

    /// A cache over the fixture's file, for which a minute has passed since the files were written.
    func cache() -> DigestCache {
        DigestCache(at: cacheFile) { currentNanoseconds() + 60_000_000_000 }
    }

    func digest(_ cache: DigestCache? = nil) throws -> ContentDigest {
        try TreeDigest(of: folder, cache: cache ?? DigestCache(at: nil)).digest
    }

    func setTime(_ path: String, seconds: Int) {
        var times = [timespec(tv_sec: seconds, tv_nsec: 0), timespec(tv_sec: seconds, tv_nsec: 0)]
        _ = unsafe utimensat(AT_FDCWD, folder.appending(path).string, &times, 0)
    }
}

@Suite struct `Digests` {
    @Test(arguments: ["", "abc", String(repeating: "g", count: 64), String(repeating: "A", count: 64)])
    func `only 64 lower-case hexadecimal digits are a digest`(text: String) {
        #expect(ContentDigest(hex: text) == nil)
    }

    @Test func `the digest of a file is SHA-256 of its content`() throws {
        let fixture = try DigestFixture(["a": "abc"])
        let digest = try DigestCache(at: nil).digest(ofFile: fixture.folder.appending("a"))
        #expect(digest.hex == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        try fixture.write("large", String(repeating: "x", count: 3_000_000))
        #expect(
            try DigestCache(at: nil).digest(ofFile: fixture.folder.appending("large"))
                == ContentDigest(of: [UInt8](repeating: 0x78, count: 3_000_000)))
    }
}

@Suite struct `Digests of folders` {
    static let files = ["a.txt": "1", "b/c.txt": "2", "b/d/e.txt": "3", "run.sh": "#!"]

    @Test
    func `the same content has the same digest, whatever its times, its owner's umask and the order it was made in`()
        throws
    {
        let first = try DigestFixture(Self.files)
        let second = try DigestFixture()
        for (path, text) in Self.files.sorted(by: { $0.key > $1.key }) { try second.write(path, text, mode: 0o600) }
        second.setTime("a.txt", seconds: 1_000_000)
        try second.temporary.directory.makeDirectory(RelativePath("project/empty/folder"))
        #expect(try first.digest() == second.digest())
        // The layout of what is digested does not change between versions of the program.
        #expect(try DigestFixture(["a": "abc"]).digest().hex == Self.reference)
    }

    // Reckoned with Python: sha256(b"swiftflow-tree-1\0" + b"f" + (1).to_bytes(8, "big") + b"a" + sha256(b"abc").hexdigest()).
    static let reference = "a9624802baeb827b9a67f4dde11aa4b13f27a348e59b2f9f901f0f84f6a6f1e9"

    @Test func `content, names, places, links and the executable bit count`() throws {
        var digests: Set<ContentDigest> = []
        let changes: [(DigestFixture) throws -> Void] = [
            { _ in }, { try $0.write("a.txt", "2") }, { try $0.write("new", "") },
            { try $0.remove("a.txt") },
            {
                try $0.remove("a.txt"); try $0.write("A.txt", "1")
            },
            {
                try $0.remove("b/c.txt"); try $0.write("c.txt", "2")
            },
            { _ = unsafe chmod($0.folder.appending("run.sh").string, 0o755) },
            { try link(to: "a.txt", at: $0.folder.appending("link")) },
            { try link(to: "b/c.txt", at: $0.folder.appending("link")) },
            { try $0.write("link", "a.txt") },
        ]
        for change in changes {
            let fixture = try DigestFixture(Self.files)
            try change(fixture)
            digests.insert(try fixture.digest())
        }
        #expect(digests.count == changes.count)
    }

    @Test func `links are not followed, not even to folders, and a loop is no trouble`() throws {
        let fixture = try DigestFixture(Self.files)
        try link(to: "/", at: fixture.folder.appending("root"))
        try link(to: ".", at: fixture.folder.appending("b/loop"))
        let outside = fixture.temporary.path.appending("outside")
        try link(to: outside, at: fixture.folder.appending("out"))
        let before = try fixture.digest()
        try fixture.temporary.directory.writeFile(RelativePath("outside"), [1, 2, 3])
        #expect(try fixture.digest() == before)
        #expect(throws: FileError.self) { try DigestCache(at: nil).digest(ofFile: fixture.folder.appending("out")) }
    }

    @Test(.timeLimit(.minutes(10))) func `a pipe is refused at once, and names that are no text are told apart`() throws
    {
        let fixture = try DigestFixture(Self.files)
        let plain = try fixture.digest()
        var seen: Set<ContentDigest> = [plain]
        for byte: UInt8 in [0xFF, 0xFE] {
            let name = [UInt8](fixture.folder.string.utf8) + [0x2F, byte, 0]
            let file = unsafe name.withUnsafeBytes { bytes -> Int32 in
                guard let start = unsafe bytes.bindMemory(to: CChar.self).baseAddress else { return -1 }
                return unsafe Glibc.open(start, O_CREAT | O_WRONLY, 0o600)
            }
            #expect(file >= 0)
            close(file)
            seen.insert(try fixture.digest())
        }
        #expect(seen.count == 3)
        #expect(makePipe(fixture.folder.appending("pipe")))
        #expect(throws: FileError.self) { try fixture.digest() }
    }

    @Test func `deep folders are no trouble`() throws {
        let fixture = try DigestFixture()
        let path = Array(repeating: "d", count: 300).joined(separator: "/")
        try fixture.write("\(path)/x", "1")
        #expect(try TreeDigest(of: fixture.folder, cache: DigestCache(at: nil)).entries.map(\.path) == ["\(path)/x"])
    }
}

@Suite struct `Kept digests` {
    @Test func `W-14 what has not changed is not read again, also by the next program`() throws {
        let fixture = try DigestFixture(["a": "1", "b": "2"])
        let first = fixture.cache()
        let digest = try fixture.digest(first)
        #expect(first.readCount == 2)
        #expect(try fixture.digest(first) == digest)
        #expect(first.readCount == 2)
        first.save()
        let second = fixture.cache()
        #expect(try fixture.digest(second) == digest)
        #expect(second.readCount == 0)
    }

    @Test func `W-14 times that changed while the content did not make no difference to the digest`() throws {
        let fixture = try DigestFixture(["a": "1", "b": "2"])
        let cache = fixture.cache()
        let digest = try fixture.digest(cache)
        fixture.setTime("a", seconds: 1_700_000_000)
        #expect(try fixture.digest(cache) == digest)
        #expect(cache.readCount == 3)
        // A year back, and a year ahead.
        for seconds in [-31_536_000, 31_536_000] {
            fixture.setTime("a", seconds: Int(currentNanoseconds() / 1_000_000_000) + seconds)
            #expect(try fixture.digest(cache) == digest)
        }
        try fixture.write("b", "2")
        #expect(try fixture.digest(cache) == digest)
    }

    @Test func `W-14 content that changed is seen although size and time were put back`() throws {
        let fixture = try DigestFixture(["a": "1"])
        fixture.setTime("a", seconds: 1_600_000_000)
        let cache = fixture.cache()
        let digest = try fixture.digest(cache)
        try fixture.write("a", "2")
        fixture.setTime("a", seconds: 1_600_000_000)
        #expect(try fixture.digest(cache) != digest)
    }

    @Test func `W-14 a clock that went back a year hides nothing and repeats only work`() throws {
        let fixture = try DigestFixture(["a": "1"])
        let past = DigestCache(at: fixture.cacheFile) { currentNanoseconds() - 31_536_000_000_000_000 }
        let digest = try fixture.digest(past)
        past.save()
        // Files from the future could change again within the same tick, so they are not kept.
        let again = DigestCache(at: fixture.cacheFile) { currentNanoseconds() - 31_536_000_000_000_000 }
        #expect(try fixture.digest(again) == digest)
        #expect(again.readCount == 1)
        try fixture.write("a", "2")
        #expect(try fixture.digest(again) != digest)
    }

    @Test func `a file that was written just now is not trusted to stay`() throws {
        let fixture = try DigestFixture(["a": "1"])
        let cache = DigestCache(at: fixture.cacheFile)
        _ = try fixture.digest(cache)
        _ = try fixture.digest(cache)
        #expect(cache.readCount == 2)
    }

    @Test func `another file under the same name is read`() throws {
        let fixture = try DigestFixture(["a": "1", "b": "2"])
        let cache = fixture.cache()
        let digest = try fixture.digest(cache)
        let moved = unsafe rename(fixture.folder.appending("b").string, fixture.folder.appending("a").string)
        #expect(moved == 0)
        try fixture.write("b", "2")
        #expect(try fixture.digest(cache) != digest)
    }

    @Test func `a damaged file is not believed and costs only time`() throws {
        let fixture = try DigestFixture(["a": "1", "b": "2"])
        let cache = fixture.cache()
        let digest = try fixture.digest(cache)
        cache.save()
        let name = try RelativePath("data/digests.db")
        let whole = try fixture.temporary.directory.readFile(name, limit: 1 << 20)
        var random = SystemRandomNumberGenerator()
        var damages: [[UInt8]] = [
            [], Array(whole.dropLast()), Array(whole.dropLast(70)), whole + whole, [UInt8](repeating: 0, count: 100),
        ]
        for _ in 0..<200 {
            var damaged = whole
            let place = Int.random(in: damaged.indices, using: &random)
            damaged[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            damages.append(damaged)
        }
        for damaged in damages {
            try fixture.temporary.directory.writeFile(name, damaged)
            let next = fixture.cache()
            #expect(try fixture.digest(next) == digest)
            #expect(next.readCount == 2)
        }
        // And it is whole again after the next save.
        let next = fixture.cache()
        _ = try fixture.digest(next)
        next.save()
        let last = fixture.cache()
        _ = try fixture.digest(last)
        #expect(last.readCount == 0)
    }

    @Test(.timeLimit(.minutes(10))) func `many programs at once leave a whole file`() async throws {
        let fixture = try DigestFixture()
        for number in 0..<200 { try fixture.write("f\(number)", "\(number)") }
        await withTaskGroup(of: Void.self) { group in
            for start in 0..<16 {
                group.addTask {
                    let cache = fixture.cache()
                    for number in stride(from: start, to: 200, by: 16) {
                        _ = try? cache.digest(ofFile: fixture.folder.appending("f\(number)"))
                        cache.save()
                    }
                }
            }
        }
        let after = fixture.cache()
        for number in 0..<200 {
            #expect(
                try after.digest(ofFile: fixture.folder.appending("f\(number)"))
                    == ContentDigest(of: Array("\(number)".utf8)))
        }
        // Whoever found the file locked left its digests out, but never so that nothing remained.
        #expect(after.readCount < 200)
    }

    @Test func `a folder that cannot be written is no error`() throws {
        let fixture = try DigestFixture(["a": "1"])
        let cache = DigestCache(at: "/proc/none/digests.db") { currentNanoseconds() + 60_000_000_000 }
        _ = try fixture.digest(cache)
        cache.save()
        #expect(try fixture.digest(cache) == fixture.digest())
    }
}

@Suite struct `Code of a project` {
    @Test(arguments: [
        ("train.py", "train.py", true), ("train.py", "lib/train.py", false), ("*.py", "train.py", true),
        ("*.py", "lib/x.py", false), ("**/*.py", "lib/a/x.py", true), ("**/*.py", "x.py", true),
        ("lib/**", "lib/a/b.py", true), ("lib/**", "lib", true), ("lib/**", "library/x", false),
        ("lib", "lib/a/b.py", true), ("lib/", "lib/x", true), ("lib/*/x", "lib/a/x", true),
        ("lib/*/x", "lib/a/b/x", false),
        ("a/**/z", "a/z", true), ("a/**/z", "a/b/c/z", true), ("a/**/z", "a/b/c/zz", false), ("**", "any/thing", true),
        ("?.py", "a.py", true), ("?.py", "ab.py", false), ("?.py", "é.py", true), ("[ab].py", "b.py", true),
        ("[!ab].py", "b.py", false), ("[a-c]x", "cx", true), ("[ab", "[ab", true),
        ("a*b*c", "aXbYc", true), ("a*b*c", "aXbY", false), ("./train.py", "train.py", true),
        ("**/a/**/b", "x/a/y/a/z/b", true),
        (String(repeating: "a*", count: 40) + "b", String(repeating: "a", count: 200), false),
    ]) func `a pattern matches what it means`(pattern: String, path: String, isMatch: Bool) throws {
        #expect(try #require(PathPattern(pattern)).matches(path) == isMatch)
    }

    @Test(arguments: ["", "/", "/etc/passwd", "../x", "a/../../b", ".", "\0"])
    func `a pattern that leads out of the folder is none`(pattern: String) {
        #expect(PathPattern(pattern) == nil)
    }

    @Test func `what a run leaves behind and what is excluded is no code`() throws {
        let fixture = try DigestFixture(["train.py": "1", "lib/x.py": "2", "out.csv": "3"])
        let cache = DigestCache(at: nil)
        let before = try CodeSelection.all.digest(of: fixture.folder, excluding: ["out.csv"], cache: cache)
        #expect(before.entries.map(\.path) == ["lib/x.py", "train.py"])
        for path in ["mlruns/0/meta.yaml", "mlflow.db", "lib/__pycache__/x.pyc", ".git/HEAD", ".venv/bin/python"] {
            try fixture.write(path, "x")
        }
        try fixture.write("out.csv", "4")
        #expect(makePipe(fixture.folder.appending("pipe")))
        #expect(try CodeSelection.all.digest(of: fixture.folder, excluding: ["out.csv"], cache: cache) == before)
        #expect(try CodeSelection.all.digest(of: fixture.folder, cache: cache) != before)
    }

    @Test func `patterns and lists select, and a pattern that selects nothing is told`() throws {
        let fixture = try DigestFixture(["train.py": "1", "lib/x.py": "2", "notes.md": "3"])
        let patterns = try ["train.py", "lib/**", "nothing/*"].map { try #require(PathPattern($0)) }
        let cache = DigestCache(at: nil)
        let matched = try CodeSelection.matching(patterns).digest(of: fixture.folder, cache: cache)
        #expect(matched.entries.map(\.path) == ["lib/x.py", "train.py"])
        #expect(
            try CodeSelection.listed(["train.py", "lib/x.py", "gone.py"]).digest(of: fixture.folder, cache: cache)
                == matched)
        #expect(try CodeSelection.unmatched(patterns, in: fixture.folder).map(\.description) == ["nothing/*"])
        #expect(throws: FileError.self) {
            try CodeSelection.listed(["/etc/passwd"]).digest(of: fixture.folder, cache: cache)
        }
        #expect(throws: FileError.self) {
            try CodeSelection.listed(["../secret"]).digest(of: fixture.folder.appending("lib"), cache: cache)
        }
    }
}

@Suite struct `Versions of programs` {
    @Test func `a program that has not changed is asked once, a script always`() async throws {
        let fixture = try DigestFixture(["python": "\u{7F}ELF one", "shim": "#!/bin/bash"])
        fixture.setTime("python", seconds: 1_000_000)
        var asked = 0
        func ask(_ name: String, says answer: String?) async -> String? {
            await fixture.cache().version(of: fixture.folder.appending(name)) {
                asked += 1
                return answer
            }
        }
        #expect(await ask("python", says: "Python 3.11.7\n") == "Python 3.11.7\n")
        #expect(await ask("python", says: "Python 3.12.0\n") == "Python 3.11.7\n")
        #expect(asked == 1)
        try fixture.write("python", "\u{7F}ELF two")
        #expect(await ask("python", says: "Python 3.12.0\n") == "Python 3.12.0\n")
        #expect(asked == 2)
        #expect(await ask("shim", says: "Python 3.11.7\n") == "Python 3.11.7\n")
        #expect(await ask("shim", says: "Python 3.12.0\n") == "Python 3.12.0\n")
        #expect(asked == 4)
    }

    @Test func `an answer that is no line is not kept, and a damaged file costs a question`() async throws {
        let fixture = try DigestFixture(["python": "\u{7F}ELF one"])
        func ask(says answer: String?) async -> String? {
            await fixture.cache().version(of: fixture.folder.appending("python")) { answer }
        }
        for answer in [nil, "", "two\nlines\n", "no end"] { #expect(await ask(says: answer) == answer) }
        #expect(await ask(says: "Python 3\n") == "Python 3\n")
        #expect(await ask(says: nil) == "Python 3\n")
        let file = try FileDescriptor.open(
            FilePath(fixture.cacheFile.string + ".versions"), .writeOnly, options: .truncate)
        try file.closeAfter { _ = try file.writeAll("\0 garbage".utf8) }
        #expect(await ask(says: "Python 4\n") == "Python 4\n")
    }
}
