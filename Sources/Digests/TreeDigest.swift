import CLinux
import Crypto
package import Files
import Glibc
package import SystemPackage

/// One digest for many files: their paths, what they contain, and whether they may be executed.
///
/// Times and owners do not count, links count by where they point, and folders only by what is in them, as in git.
package struct TreeDigest: Sendable, Hashable {
    package struct Entry: Sendable, Hashable {
        package enum Kind: UInt8, Sendable, Hashable {
            case file = 0x66
            case executable = 0x78
            case link = 0x6C
        }

        package var path: String
        package var kind: Kind
        package var digest: ContentDigest
    }

    package let digest: ContentDigest
    /// In the order of their paths.
    package let entries: [Entry]

    /// The digest of all files below a folder.
    ///
    /// - Throws: for what cannot be read, and for sockets, pipes and devices, which have no content.
    package init(
        of folder: FilePath, cache: DigestCache,
        skipping isSkipped: (_ path: String, _ isFolder: Bool) -> Bool = { _, _ in false }
    ) throws(FileError) {
        let files = try FileTree.entries(below: folder, skipping: isSkipped)
        if let other = files.first(where: { $0.kind == .other }) {
            throw FileError("read", folder.pushing(other.path).string, .invalidArgument)
        }
        try self.init(files, below: folder, cache)
    }

    /// The digest of some files below a folder, named by their paths; those that are gone are left out.
    package init(of paths: [FilePath], below folder: FilePath, cache: DigestCache) throws(FileError) {
        var entries: [FileTree.Entry] = []
        for path in Set(paths) {
            guard path.isRelative, !path.components.contains("..") else {
                throw FileError("read", path.string, .invalidArgument)
            }
            var status = stat()
            let whole = folder.pushing(path)
            guard unsafe whole.withPlatformString({ unsafe lstat($0, &status) }) == 0 else { continue }
            switch status.st_mode & 0o170000 {
            case 0o100000: entries.append(.init(path: path, kind: .file))
            case 0o120000: entries.append(.init(path: path, kind: .link))
            case 0o040000:
                // A repository inside the repository, which git names and does not list.
                let inner = try FileTree.entries(below: whole) { name, _ in FilePath(name).lastComponent == ".git" }
                entries += inner.filter { $0.kind != .other }.map { .init(path: path.pushing($0.path), kind: $0.kind) }
            default: break
            }
        }
        entries.sort { bytes(of: $0.path).lexicographicallyPrecedes(bytes(of: $1.path)) }
        try self.init(entries, below: folder, cache)
    }

    private init(_ files: [FileTree.Entry], below folder: FilePath, _ cache: DigestCache) throws(FileError) {
        let root = try FileTree.openFolder(folder)
        defer { try? root.close() }
        var hash = SHA256()
        hash.update(data: Array("swiftflow-tree-1\0".utf8))
        var entries: [Entry] = []
        entries.reserveCapacity(files.count)
        for file in files {
            let entry: Entry
            if file.kind == .link {
                let target = try Self.target(of: file.path, below: root, folder)
                entry = Entry(path: file.path.string, kind: .link, digest: ContentDigest(of: target))
            } else {
                guard let found = try Self.digest(of: file.path, below: root, folder, cache) else { continue }
                entry = Entry(
                    path: file.path.string, kind: found.isExecutable ? .executable : .file, digest: found.digest)
            }
            entries.append(entry)
            let path = bytes(of: file.path)
            hash.update(data: [entry.kind.rawValue] + lengthBytes(path.count) + path + Array(entry.digest.hex.utf8))
        }
        self.entries = entries
        digest = ContentDigest(hash)
    }

    private static func digest(
        of path: FilePath, below root: FileDescriptor, _ folder: FilePath, _ cache: DigestCache
    ) throws(FileError) -> (digest: ContentDigest, isExecutable: Bool)? {
        let raw = unsafe path.withPlatformString {
            unsafe swiftflow_open_beneath(root.rawValue, $0, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0)
        }
        let whole = folder.pushing(path)
        guard raw >= 0 else {
            // A file that is gone meanwhile is not there.
            if errno == ENOENT { return nil }
            throw FileError("open", whole.string, Errno(rawValue: errno))
        }
        let descriptor = FileDescriptor(rawValue: raw)
        defer { try? descriptor.close() }
        return try cache.digest(of: descriptor, whole)
    }

    private static func target(
        of path: FilePath, below root: FileDescriptor, _ folder: FilePath
    ) throws(FileError) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe path.withPlatformString { name in
            unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe bytes.withMemoryRebound(to: CChar.self) { characters in
                    guard let start = characters.baseAddress else { return -1 }
                    return unsafe readlinkat(root.rawValue, name, start, characters.count)
                }
            }
        }
        guard count >= 0 else { throw FileError("read the link", folder.pushing(path).string, Errno(rawValue: errno)) }
        return Array(buffer.prefix(count))
    }
}

func lengthBytes(_ count: Int) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) }
}
