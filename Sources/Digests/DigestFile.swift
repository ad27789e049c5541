import Files
import SystemPackage

/// The form of the file that keeps digests: one line for each, and a digest over all of them at the end, so that no damage is believed.
enum DigestFile {
    static let nanosecondsOfDay: Int64 = 86_400_000_000_000
    private static let header = "swiftflow-digests-1"
    private static let sizeLimit = 256 << 20
    /// More files than any project has; what was not asked for longest goes first.
    static let entryLimit = 200_000

    /// What the file knows; nothing when it is missing, damaged or of another version.
    static func read(_ file: FilePath) -> [String: DigestCache.Entry] {
        guard let bytes = try? readFile(file, limit: sizeLimit) else { return [:] }
        return entries(in: bytes) ?? [:]
    }

    static func entries(in bytes: [UInt8]) -> [String: DigestCache.Entry]? {
        // The last line is the digest of everything before it.
        guard bytes.count > 65, bytes.last == 0x0A else { return nil }
        let body = bytes.dropLast(65)
        guard ContentDigest(of: Array(body)).hex.utf8.elementsEqual(bytes.suffix(65).dropLast()) else { return nil }
        var lines = body.split(separator: 0x0A)
        guard lines.first?.elementsEqual(header.utf8) == true else { return nil }
        lines.removeFirst()
        var entries: [String: DigestCache.Entry] = [:]
        entries.reserveCapacity(lines.count)
        for line in lines {
            guard let (path, entry) = entry(in: line) else { return nil }
            entries[path] = entry
        }
        return entries
    }

    private static func entry(in line: ArraySlice<UInt8>) -> (String, DigestCache.Entry)? {
        let fields = line.split(separator: 0x20, maxSplits: 7, omittingEmptySubsequences: false)
        guard fields.count == 8 else { return nil }
        let words = fields.map { String(decoding: $0, as: UTF8.self) }
        guard let digest = ContentDigest(hex: words[0]), let size = Int64(words[1]), let modified = Int64(words[2]),
            let changed = Int64(words[3]), let inode = UInt64(words[4]), let device = UInt64(words[5]),
            let day = Int64(words[6])
        else { return nil }
        let state = FileState(size: size, modified: modified, changed: changed, inode: inode, device: device)
        return (words[7], DigestCache.Entry(state: state, digest: digest, day: day))
    }

    /// - Returns: false when another program is writing, or the file cannot be written.
    static func write(_ added: [String: DigestCache.Entry], into file: FilePath) -> Bool {
        guard let name = file.lastComponent?.string, let path = try? RelativePath(name),
            let folder = try? Directory(creating: file.removingLastComponent()),
            let lock = try? FileLock.attempt(FilePath(file.string + ".lock"))
        else { return false }
        var entries = read(file)
        entries.merge(added) { _, newer in newer }
        let written = (try? folder.writeFile(path, text(of: entries))) != nil
        withExtendedLifetime(lock) {}
        return written
    }

    static func text(of entries: [String: DigestCache.Entry]) -> [UInt8] {
        var kept = entries.filter { !$0.key.utf8.contains(0x0A) }.map { (path: $0.key, entry: $0.value) }
        kept.sort { ($1.entry.day, $0.path) < ($0.entry.day, $1.path) }
        var bytes = Array("\(header)\n".utf8)
        for (path, entry) in kept.prefix(entryLimit) {
            let state = entry.state
            bytes += "\(entry.digest) \(state.size) \(state.modified) \(state.changed) ".utf8
            bytes += "\(state.inode) \(state.device) \(entry.day) \(path)\n".utf8
        }
        let digest = ContentDigest(of: bytes)
        return bytes + Array("\(digest)\n".utf8)
    }
}
