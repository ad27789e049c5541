import Diagnostics
import Files

/// How much of a zip archive is unpacked before it is refused.
package struct ZipLimits: Sendable, Hashable {
    package var members: Int
    package var totalBytes: Int64
    /// Unpacked size divided by the archive's, checked once more than `freeBytes` would be unpacked.
    package var ratio: Int64
    package var freeBytes: Int64

    package init(members: Int, totalBytes: Int64, ratio: Int64, freeBytes: Int64) {
        self.members = members
        self.totalBytes = totalBytes
        self.ratio = ratio
        self.freeBytes = freeBytes
    }

    package static let standard = ZipLimits(members: 100_000, totalBytes: 10 << 30, ratio: 200, freeBytes: 64 << 20)
}

/// A member of a zip archive that is fit to be unpacked.
struct ZipMember {
    enum Method {
        case stored, deflated
    }

    var path: RelativePath
    var isFolder: Bool
    var isExecutable: Bool
    var method: Method
    var checksum: UInt32
    var packedSize: Int64
    var size: Int64
    /// Where its local header begins.
    var offset: Int64
    var rawName: [UInt8]
}

/// The table of contents of a zip archive.
struct ZipDirectory {
    let members: [ZipMember]

    /// Reads and checks the whole table, before anything is unpacked.
    init(of file: ArchiveFile, named shown: String, limits: ZipLimits) throws(InvalidInput) {
        let end = try EndRecord(of: file, named: shown)
        guard end.members <= limits.members else {
            throw InvalidInput(
                "the archive '\(shown)' has \(end.members) members, more than the limit of \(limits.members)")
        }
        // A record needs 46 bytes and a name of at most 64 KiB; far larger tables are padding.
        guard end.size <= 256 << 20 else { throw file.truncated }
        let table = try file.bytes(at: end.offset, count: Int(end.size))
        var checker = ZipMemberChecker(archive: shown, archiveSize: file.count, base: end.base, limits: limits)
        var rest = table[...]
        for _ in 0..<end.members {
            let fields = LittleEndianFields(rest.prefix(46))
            guard rest.count >= 46, fields.uint32(0) == 0x0201_4B50 else { throw file.truncated }
            let lengths = [28, 30, 32].map { Int(fields.uint16($0)) }
            guard rest.count >= 46 + lengths.reduce(0, +) else { throw file.truncated }
            let name = rest.dropFirst(46).prefix(lengths[0])
            let extra = rest.dropFirst(46 + lengths[0]).prefix(lengths[1])
            try checker.add(fields, name: Array(name), extra: extra)
            rest = rest.dropFirst(46 + lengths.reduce(0, +))
        }
        members = try checker.finished()
    }
}

/// The record at the end of an archive that says where its table is.
private struct EndRecord {
    var members: Int
    var offset: Int64
    var size: Int64
    /// How far all offsets are shifted, because something stands in front of the archive.
    var base: Int64

    init(of file: ArchiveFile, named shown: String) throws(InvalidInput) {
        let tailCount = Int(min(file.count, 65_557))
        let tail = try file.bytes(at: file.count - Int64(tailCount), count: tailCount)
        guard tailCount >= 22,
            let position = (0...(tailCount - 22)).last(where: { position in
                let fields = LittleEndianFields(tail[position...].prefix(22))
                return fields.uint32(0) == 0x0605_4B50 && position + 22 + Int(fields.uint16(20)) <= tailCount
            })
        else {
            throw InvalidInput("'\(shown)' is no zip archive, or it is cut off", remedy: "fetch or make it again")
        }
        let fields = LittleEndianFields(tail[position...].prefix(22))
        var recordStart = file.count - Int64(tailCount - position)
        guard fields.uint16(4) == fields.uint16(6) || fields.uint16(4) == 0xFFFF else {
            throw InvalidInput("the archive '\(shown)' is one part of several", remedy: "join the parts")
        }
        var counted = UInt64(fields.uint16(10))
        var length = UInt64(fields.uint32(12))
        var start = UInt64(fields.uint32(16))
        // Python's zipfile writes the 64-bit record also beside fields that need none, so it is looked for in any case.
        if recordStart >= 20 {
            let locator = LittleEndianFields(try file.bytes(at: recordStart - 20, count: 20))
            if locator.uint32(0) == 0x0706_4B50 {
                // The locator's offset is wrong if something stands in front of the archive; the record then ends at
                // the locator.
                var offset = Int64(clamping: locator.uint64(8))
                var large = LittleEndianFields(try file.bytes(at: offset, count: 56))
                if large.uint32(0) != 0x0606_4B50 {
                    offset = recordStart - 76
                    large = LittleEndianFields(try file.bytes(at: offset, count: 56))
                }
                guard large.uint32(0) == 0x0606_4B50 else { throw file.truncated }
                counted = large.uint64(32)
                length = large.uint64(40)
                start = large.uint64(48)
                recordStart = offset
            }
        }
        guard let members = Int(exactly: counted), let size = Int64(exactly: length),
            let offset = Int64(exactly: start),
            size <= recordStart, offset <= recordStart - size
        else { throw file.truncated }
        self.members = members
        self.size = size
        self.offset = recordStart - size
        base = self.offset - offset
    }
}
