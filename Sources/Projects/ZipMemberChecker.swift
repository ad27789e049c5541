import Diagnostics
import Files

/// Refuses archives whose members could write elsewhere, collide, or fill the disk.
struct ZipMemberChecker {
    private enum Kind {
        case file, folder, impliedFolder
    }

    let archive: String
    let archiveSize: Int64
    let base: Int64
    let limits: ZipLimits
    private var members: [ZipMember] = []
    /// By lower-cased path, since some file systems do not tell cases apart.
    private var taken: [String: (path: String, kind: Kind)] = [:]
    private var total: Int64 = 0

    init(archive: String, archiveSize: Int64, base: Int64, limits: ZipLimits) {
        self.archive = archive
        self.archiveSize = archiveSize
        self.base = base
        self.limits = limits
    }

    mutating func add(_ fields: LittleEndianFields, name: [UInt8], extra: ArraySlice<UInt8>) throws(InvalidInput) {
        guard let text = String(validating: name, as: UTF8.self) else {
            throw refusal(String(decoding: name, as: UTF8.self), "has a name that is not UTF-8")
        }
        let isFolder = text.hasSuffix("/")
        let path: RelativePath
        do throws(PathRefusal) { path = try RelativePath(text) } catch {
            throw refusal(text, "would leave the project: its name \(error.reason)")
        }
        guard path.components.count <= 256 else { throw refusal(text, "lies more than 256 folders deep") }
        let flags = fields.uint16(8)
        guard flags & 0x2041 == 0 else { throw refusal(text, "is encrypted") }
        let permissions = try checkedPermissions(fields, text, isFolder: isFolder)
        let method: ZipMember.Method
        switch fields.uint16(10) {
        case 0: method = .stored
        case 8: method = .deflated
        case let number:
            throw refusal(text, "is compressed by method \(number), and only 'stored' and 'deflated' are possible")
        }
        var sizes = [UInt64(fields.uint32(24)), UInt64(fields.uint32(20)), UInt64(fields.uint32(42))]
        widen(&sizes, extra)
        guard let size = Int64(exactly: sizes[0]), let packed = Int64(exactly: sizes[1]),
            let offset = Int64(exactly: sizes[2]), packed <= archiveSize, offset <= archiveSize,
            method == .deflated || packed == size
        else { throw refusal(text, "has impossible sizes") }
        try claim(path, isFolder: isFolder, text)
        try addToTotal(size, text)
        members.append(
            ZipMember(
                path: path, isFolder: isFolder, isExecutable: permissions & 0o111 != 0, method: method,
                checksum: fields.uint32(16), packedSize: packed, size: size, offset: base + offset, rawName: name))
    }

    /// All members, if no two share bytes of the archive.
    func finished() throws(InvalidInput) -> [ZipMember] {
        var end: Int64 = 0
        for member in members.sorted(by: { $0.offset < $1.offset }) {
            guard member.offset >= end else { throw refusal(member.path.string, "shares its data with another one") }
            // A local header has 30 bytes and the name again; all sizes are at most the archive's.
            end = member.offset + 30 + Int64(member.rawName.count) + member.packedSize
        }
        return members
    }

    /// The Unix permissions of a member, if the archive has any.
    private func checkedPermissions(
        _ fields: LittleEndianFields, _ name: String, isFolder: Bool
    ) throws(InvalidInput) -> UInt32 {
        guard [3, 19].contains(fields.uint16(4) >> 8) else { return 0 }
        let mode = fields.uint32(38) >> 16
        switch mode & 0o170000 {
        case 0: break
        case 0o100000 where !isFolder: break
        case 0o040000 where isFolder: break
        case 0o120000: throw refusal(name, "is a link")
        default: throw refusal(name, "is neither a file nor a folder")
        }
        guard mode & 0o7000 == 0 || (isFolder && mode & 0o6000 == 0) else {
            throw refusal(name, "asks for the set-user, set-group or sticky bit")
        }
        return mode & 0o777
    }

    /// Replaces 32-bit fields that say "too large" by the 64-bit ones, in the order size, packed size, offset.
    private func widen(_ sizes: inout [UInt64], _ extra: ArraySlice<UInt8>) {
        var rest = extra
        while rest.count >= 4 {
            let header = LittleEndianFields(rest.prefix(4))
            let length = Int(header.uint16(2))
            guard header.uint16(0) == 1 else {
                rest = rest.dropFirst(4 + length)
                continue
            }
            let values = LittleEndianFields(rest.dropFirst(4).prefix(length))
            var offset = 0
            for index in sizes.indices where sizes[index] == 0xFFFF_FFFF && offset + 8 <= values.bytes.count {
                sizes[index] = values.uint64(offset)
                offset += 8
            }
            return
        }
    }

    private mutating func claim(_ path: RelativePath, isFolder: Bool, _ name: String) throws(InvalidInput) {
        var parent = ""
        for component in path.components.dropLast() {
            parent += parent.isEmpty ? component : "/" + component
            try claim(parent, .impliedFolder, name)
        }
        try claim(path.string, isFolder ? .folder : .file, name)
    }

    private mutating func claim(_ path: String, _ kind: Kind, _ name: String) throws(InvalidInput) {
        let key = path.lowercased()
        guard let earlier = taken[key] else { return taken[key] = (path, kind) }
        // Compared as bytes: names that only look equal are as dangerous as equal ones.
        guard earlier.path.utf8.elementsEqual(path.utf8) else {
            throw refusal(name, "has the name of '\(earlier.path)' but for its case or accents")
        }
        switch (earlier.kind, kind) {
        case (.folder, .impliedFolder), (.impliedFolder, .impliedFolder): break
        case (.impliedFolder, .folder): taken[key] = (path, .folder)
        case (.file, .file), (.folder, .folder): throw refusal(name, "is there twice")
        case (.file, _), (_, .file): throw refusal(name, "is both a file and a folder")
        }
    }

    private mutating func addToTotal(_ size: Int64, _ name: String) throws(InvalidInput) {
        let (sum, overflow) = total.addingReportingOverflow(size)
        guard !overflow, sum <= limits.totalBytes else {
            throw InvalidInput(
                "the archive '\(archive)' would unpack to more than the limit of \(limits.totalBytes) bytes")
        }
        total = sum
        guard sum <= limits.freeBytes || sum / max(archiveSize, 1) < limits.ratio else {
            throw InvalidInput(
                "the archive '\(archive)' would unpack to more than \(limits.ratio) times its size",
                remedy: "unpack it yourself if you trust it, and run the folder")
        }
    }

    private func refusal(_ name: String, _ reason: String) -> InvalidInput {
        let shown = name.count > 200 ? "\(name.prefix(200))…" : name
        return InvalidInput("the archive '\(archive)' is refused: its member '\(shown)' \(reason)")
    }
}
