import Diagnostics
import Files
import Foundation
import Projects
import SystemPackage
import TestSupport
import Testing

/// Writes zip archives byte by byte: the hostile ones no tool would make.
struct ZipWriter {
    struct Member {
        var name: [UInt8]
        var content: [UInt8]
        var mode: UInt32 = 0o100644
        var method: UInt16 = 0
        var flags: UInt16 = 0
        var checksum: UInt32?
        var size: UInt32?
        var packedSize: UInt32?
        var localName: [UInt8]?
        var offset: UInt32?

        init(_ name: String, _ content: String = "", mode: UInt32 = 0o100644) {
            self.name = Array(name.utf8)
            self.content = Array(content.utf8)
            self.mode = mode
        }

        func with(_ change: (inout Member) -> Void) -> Member {
            var copy = self
            change(&copy)
            return copy
        }
    }

    static func archive(_ members: [Member]) -> [UInt8] {
        var bytes: [UInt8] = []
        var table: [UInt8] = []
        for member in members {
            let offset = member.offset ?? UInt32(bytes.count)
            let checksum = member.checksum ?? crc32(member.content)
            let size = member.size ?? UInt32(member.content.count)
            let packed = member.packedSize ?? UInt32(member.content.count)
            let sizes = le(checksum) + le(packed) + le(size)
            let localName = member.localName ?? member.name
            bytes +=
                le(UInt32(0x0403_4B50)) + le(UInt16(20)) + le(member.flags) + le(member.method) + le(UInt32(0)) + sizes
            bytes += le(UInt16(localName.count)) + le(UInt16(0)) + localName + member.content
            table +=
                le(UInt32(0x0201_4B50)) + le(UInt16(3 << 8 | 20)) + le(UInt16(20)) + le(member.flags)
                + le(member.method)
            table +=
                le(UInt32(0)) + sizes + le(UInt16(member.name.count)) + le(UInt16(0)) + le(UInt16(0)) + le(UInt16(0))
                + le(UInt16(0))
            table += le(member.mode << 16) + le(offset) + member.name
        }
        let start = UInt32(bytes.count)
        bytes += table
        bytes += le(UInt32(0x0605_4B50)) + le(UInt32(0)) + le(UInt16(truncatingIfNeeded: members.count))
        bytes += le(UInt16(truncatingIfNeeded: members.count)) + le(UInt32(table.count)) + le(start) + le(UInt16(0))
        return bytes
    }

    private static func le(_ number: some FixedWidthInteger) -> [UInt8] {
        (0..<(number.bitWidth / 8)).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }

    private static func crc32(_ bytes: [UInt8]) -> UInt32 {
        var crc = ~UInt32(0)
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 {
                let isOdd = crc & 1 == 1
                crc >>= 1
                if isOdd { crc ^= 0xEDB8_8320 }
            }
        }
        return ~crc
    }
}

@Suite(.timeLimit(.minutes(10))) struct `Zip archives` {
    private func checkout(_ archive: FilePath, _ fragment: String = "", limits: ZipLimits = .standard) async throws
        -> Checkout
    {
        let sources = CheckoutSources(
            git: { _, _ in throw InvalidInput("no git") },
            download: { _, file in try FileManager.default.copyItem(atPath: archive.string, toPath: file.string) })
        let text = fragment.hasPrefix("http") ? fragment : archive.string + fragment
        return try await Checkout(of: ProjectURI(text, currentDirectory: "/"), sources: sources, limits: limits)
    }

    private func python(_ code: String, in folder: FilePath) async throws {
        try await runProgram("/usr/bin/env", ["python3", "-c", "import zipfile, os, io\n" + code], in: folder)
    }

    @Test func `archives of the usual tools are unpacked, with executable bits, and removed at the end`() async throws {
        let fixture = try ProjectFixture()
        try await python(
            """
            with zipfile.ZipFile('a.zip', 'w', zipfile.ZIP_DEFLATED) as z:
                z.writestr('MLproject', 'name: x')
                i = zipfile.ZipInfo('bin/run.sh'); i.external_attr = 0o100755 << 16; i.compress_type = zipfile.ZIP_DEFLATED
                z.writestr(i, '#!/bin/sh\\n' * 100000)
                z.writestr('empty', ''); z.mkdir('folder') if hasattr(z, 'mkdir') else z.writestr('folder/', '')
                z.writestr(zipfile.ZipInfo('stored é.bin'), os.urandom(1 << 20))
                with z.open('big', 'w', force_zip64=True) as f: f.write(b'x' * 1000)
            """, in: fixture.root)
        var checkout: Checkout? = try await checkout(fixture.root.appending("a.zip"))
        let root = try #require(checkout?.root)
        #expect(try readFile(root.appending("bin/run.sh"), limit: 1 << 21).count == 1_000_000)
        #expect(fileStatus(root.appending("bin/run.sh"))?.permissions == 0o755)
        #expect(fileStatus(root.appending("MLproject"))?.permissions == 0o644)
        #expect(fileStatus(root.appending("stored é.bin"))?.size == 1 << 20)
        #expect(fileStatus(root.appending("folder"))?.kind == .directory)
        #expect(fileStatus(root.removingLastComponent())?.permissions == 0o700)
        checkout = nil
        #expect(fileStatus(root) == nil)
    }

    @Test func `a single top folder is unwrapped, unless it is asked for by name`() async throws {
        let fixture = try ProjectFixture()
        try write(
            ZipWriter.archive([.init("repo-main/MLproject", "x"), .init("repo-main/sub/MLproject", "y")]),
            "\(fixture.root)/a.zip")
        let archive = fixture.root.appending("a.zip")
        #expect(try await checkout(archive).root.lastComponent == "repo-main")
        #expect(try await checkout(archive, "#sub").root.string.hasSuffix("repo-main/sub"))
        #expect(try await checkout(archive, "#repo-main/sub").root.string.hasSuffix("project/repo-main/sub"))
        #expect(try await checkout(archive, "https://h/x.zip#sub").root.string.hasSuffix("repo-main/sub"))
        await #expect(throws: InvalidInput.self) { try await checkout(archive, "#nothing") }
    }

    @Test func `zip64 and data in front of the archive are read`() async throws {
        let fixture = try ProjectFixture()
        try await python(
            """
            zipfile.ZIP_FILECOUNT_LIMIT = 1
            with zipfile.ZipFile('b.zip', 'w') as z:
                for i in range(3): z.writestr(f'f{i}', str(i))
            open('a.zip', 'wb').write(b'#!/bin/sh\\n' + open('b.zip', 'rb').read())
            """, in: fixture.root)
        let checkout = try await checkout(fixture.root.appending("a.zip"))
        #expect(try readFile(checkout.root.appending("f2"), limit: 10) == [0x32])
    }

    static let refused: [(String, [ZipWriter.Member], String)] = [
        ("a step up", [.init("ok"), .init("../x")], "'..'"), ("a hidden step up", [.init("a/../../x")], "'..'"),
        ("an absolute name", [.init("/etc/x")], "absolute"),
        ("a backslash", [.init("a\\b")], "backslash"), ("an empty component", [.init("a//b")], "empty"),
        ("a dot", [.init("./x")], "'.'"), ("an empty name", [.init("")], "empty"),
        ("a control character", [.init("a\nb")], "control"),
        ("a name that is not UTF-8", [ZipWriter.Member("x").with { $0.name = [0xFF] }], "UTF-8"),
        ("a NUL in a name", [.init("a\0b")], "control"),
        ("a link", [.init("l", "/etc/passwd", mode: 0o120777)], "is a link"),
        ("a device", [.init("d", mode: 0o020666)], "neither"),
        ("a pipe", [.init("p", mode: 0o010666)], "neither"), ("setuid", [.init("s", mode: 0o104755)], "set-user"),
        ("setgid", [.init("s", mode: 0o102755)], "set-user"),
        ("a name twice", [.init("a", "1"), .init("a", "2")], "twice"),
        ("names equal but for case", [.init("A/x"), .init("a/y")], "case"),
        ("accents written in two ways", [.init("\u{E9}"), .init("e\u{301}")], "case or accents"),
        ("a file and folder of one name", [.init("a"), .init("a/b")], "both"),
        ("a folder and file of one name", [.init("a/b"), .init("a")], "both"),
        ("encryption", [ZipWriter.Member("a").with { $0.flags = 1 }], "encrypted"),
        ("an unknown method", [ZipWriter.Member("a").with { $0.method = 12 }], "method 12"),
        ("a wrong checksum", [ZipWriter.Member("a", "x").with { $0.checksum = 1 }], "checksum"),
        ("two names for one member", [ZipWriter.Member("a", "x").with { $0.localName = [0x62] }], "table of contents"),
        ("a size that is too large", [ZipWriter.Member("a", "x").with { $0.size = 5 }], "impossible"),
        ("broken deflate data", [ZipWriter.Member("a", "\u{7}xyz").with { $0.method = 8 }], "damaged"),
        (
            "overlapping members", [.init("a", "xxxxxxxxxxxx"), ZipWriter.Member("b", "yy").with { $0.offset = 0 }],
            "shares"
        ),
        (
            "data beyond the end",
            [
                ZipWriter.Member("a", "x").with {
                    $0.packedSize = 0x7FFF_FFFF; $0.size = 0x7FFF_FFFF
                }
            ], "impossible"
        ),
        (
            "a bomb by ratio",
            [
                ZipWriter.Member("a", "x").with {
                    $0.method = 8; $0.size = 0x7FFF_FFFF
                }
            ], "times its size"
        ), ("257 folders", [.init(String(repeating: "a/", count: 257) + "x")], "deep"),
        ("a reserved size", [ZipWriter.Member("a", "x").with { $0.offset = 0xFFFF_FFFF }], "impossible"),
    ]

    @Test(arguments: refused.indices) func `D-08 hostile members are refused, and nothing is left`(index: Int)
        async throws
    {
        let (what, members, reason) = Self.refused[index]
        let fixture = try ProjectFixture()
        try write(ZipWriter.archive(members), "\(fixture.root)/a.zip")
        let error = await #expect(throws: InvalidInput.self, "\(what)") {
            try await checkout(fixture.root.appending("a.zip"))
        }
        #expect(error?.description.contains(reason) == true, "\(what): \(error?.description ?? "")")
    }

    @Test func `D-08 the table is checked before the first file is written`() async throws {
        let fixture = try ProjectFixture()
        try write(ZipWriter.archive([.init("canary", "x"), .init("../evil", "y")]), "\(fixture.root)/a.zip")
        await #expect(throws: InvalidInput.self) { try await checkout(fixture.root.appending("a.zip")) }
        #expect(try Directory(opening: fixture.root).list().map(\.name) == ["a.zip"])
        #expect(fileStatus(fixture.root.removingLastComponent().appending("evil")) == nil)
    }

    @Test func `D-08 bombs stop at the limits`() async throws {
        let fixture = try ProjectFixture()
        try await python(
            """
            with zipfile.ZipFile('ratio.zip', 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('zeros', b'\\0' * (100 << 20))
            b = bytearray(open('ratio.zip', 'rb').read()); i = b.rindex(b'PK\\x01\\x02'); b[i+24:i+28] = (1000).to_bytes(4, 'little')
            open('lying.zip', 'wb').write(b)
            with zipfile.ZipFile('many.zip', 'w') as z:
                for i in range(101000): z.writestr(f'{i}', '')
            """, in: fixture.root)
        for (name, reason) in [("ratio", "200 times"), ("lying", "longer than it says"), ("many", "members")] {
            let error = await #expect(throws: InvalidInput.self) {
                try await checkout(fixture.root.appending("\(name).zip"))
            }
            #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
        }
        var limits = ZipLimits.standard
        limits.totalBytes = 1000
        try write(
            ZipWriter.archive([
                .init("a", String(repeating: "x", count: 600)), .init("b", String(repeating: "x", count: 600)),
            ]), "\(fixture.root)/t.zip")
        let error = await #expect(throws: InvalidInput.self) {
            try await checkout(fixture.root.appending("t.zip"), limits: limits)
        }
        #expect(error?.description.contains("more than the limit") == true)
    }

    @Test func `D-08 an archive cut anywhere is refused`() async throws {
        let fixture = try ProjectFixture()
        let whole = ZipWriter.archive([.init("a/b", "hello"), .init("c", "x")])
        for count in stride(from: 0, to: whole.count, by: 3) {
            try write(Array(whole.prefix(count)), "\(fixture.root)/a.zip")
            await #expect(throws: InvalidInput.self) { try await checkout(fixture.root.appending("a.zip")) }
        }
    }

    @Test func `D-08 random damage never traps and never leaves the folder`() async throws {
        let fixture = try ProjectFixture()
        var generator = SeededGenerator(seed: 3)
        let whole = ZipWriter.archive([.init("a/b", "hello"), .init("c", "x"), .init("d/")])
        for _ in 0..<600 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            try write(bytes, "\(fixture.root)/a.zip")
            _ = try? await checkout(fixture.root.appending("a.zip"))
        }
        #expect(try Directory(opening: fixture.root).list().map(\.name) == ["a.zip"])
    }
}
