import CLinux
package import Files
import Glibc
package import SystemPackage

/// The files below a folder, found without following links.
package struct FileTree {
    package enum Kind: Sendable, Hashable {
        case file, link
        /// A socket, pipe or device, which has no content.
        case other
    }

    package struct Entry: Sendable, Hashable {
        /// Below the folder, with `/` between the names.
        package var path: FilePath
        package var kind: Kind
    }

    /// No project has more; whoever points at `/` learns so soon.
    package static let limit = 1_000_000

    /// All files below `folder`, in the order of their paths' bytes; folders are only gone through.
    ///
    /// - Parameter isSkipped: folders and files that are left out, by path.
    package static func entries(
        below folder: FilePath, skipping isSkipped: (_ path: String, _ isFolder: Bool) -> Bool = { _, _ in false }
    ) throws(FileError) -> [Entry] {
        let root = try openFolder(folder)
        defer { try? root.close() }
        var entries: [Entry] = []
        var pending: [(path: FilePath, depth: Int)] = [("", 0)]
        while let (path, depth) = pending.popLast() {
            guard depth < 1000 else { throw FileError("list", folder.string, .fileNameTooLong) }
            try list(path, below: root, folder) { name, status in
                let whole = path.appending(name)
                let isFolder = status.st_mode & 0o170000 == 0o040000
                guard !isSkipped(whole.string, isFolder) else { return }
                switch status.st_mode & 0o170000 {
                case 0o040000: pending.append((whole, depth + 1))
                case 0o100000: entries.append(Entry(path: whole, kind: .file))
                case 0o120000: entries.append(Entry(path: whole, kind: .link))
                default: entries.append(Entry(path: whole, kind: .other))
                }
            }
            guard entries.count + pending.count <= limit else { throw FileError("list", folder.string, .fileTooLarge) }
        }
        return entries.sorted { bytes(of: $0.path).lexicographicallyPrecedes(bytes(of: $1.path)) }
    }

    static func openFolder(_ folder: FilePath) throws(FileError) -> FileDescriptor {
        let raw = unsafe folder.withPlatformString { unsafe swiftflow_openat(AT_FDCWD, $0, O_RDONLY | O_DIRECTORY, 0) }
        guard raw >= 0 else { throw FileError("open the folder", folder.string, Errno(rawValue: errno)) }
        return FileDescriptor(rawValue: raw)
    }

    private static func list(
        _ path: FilePath, below root: FileDescriptor, _ folder: FilePath,
        _ visit: (FilePath.Component, stat) -> Void
    ) throws(FileError) {
        let shown = folder.pushing(path).string
        let target: FilePath = path.isEmpty ? "." : path
        let raw = unsafe target.withPlatformString {
            unsafe swiftflow_open_beneath(root.rawValue, $0, O_RDONLY | O_DIRECTORY, 0)
        }
        guard raw >= 0 else {
            // A folder that is gone meanwhile has no files.
            if errno == ENOENT { return }
            throw FileError("list", shown, Errno(rawValue: errno))
        }
        guard let stream = unsafe fdopendir(raw) else {
            let error = Errno(rawValue: errno)
            try? FileDescriptor(rawValue: raw).close()
            throw FileError("list", shown, error)
        }
        defer { unsafe closedir(stream) }
        while let entry = unsafe readdir(stream) {
            // The entry is valid until the next call; its name is copied.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CInterop.PlatformChar.self, capacity: 256) {
                    unsafe FilePath(platformString: $0)
                }
            }
            guard name != ".", name != "..", let component = name.lastComponent else { continue }
            var status = stat()
            guard unsafe name.withPlatformString({ unsafe fstatat(raw, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 else {
                continue
            }
            visit(component, status)
        }
    }
}

/// The bytes of a path, which need not be text.
func bytes(of path: FilePath) -> [UInt8] {
    unsafe path.withPlatformString { pointer in
        var bytes: [UInt8] = []
        var next = unsafe pointer
        while unsafe next.pointee != 0 {
            bytes.append(UInt8(bitPattern: unsafe next.pointee))
            unsafe next += 1
        }
        return bytes
    }
}
