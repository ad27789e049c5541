import CLinux
import Files
import Glibc
import SystemPackage

/// What the file system says about a file; as long as nothing of it changes, neither did the content.
///
/// The time of the last change of the file's status cannot be set by a program, so putting an old modification time back (as
/// `touch -d` and `cp -p` do) does not hide a change.
struct FileState: Sendable, Hashable {
    var size: Int64
    /// Last change of the content, nanoseconds since 1970.
    var modified: Int64
    /// Last change of content, name or permissions.
    var changed: Int64
    var inode: UInt64
    var device: UInt64
    var isRegular: Bool
    var isExecutable: Bool

    init(_ raw: stat) {
        size = Int64(raw.st_size)
        modified = Self.nanoseconds(raw.st_mtim)
        changed = Self.nanoseconds(raw.st_ctim)
        inode = UInt64(raw.st_ino)
        device = UInt64(raw.st_dev)
        isRegular = raw.st_mode & 0o170000 == 0o100000
        isExecutable = raw.st_mode & 0o100 != 0
    }

    init(size: Int64, modified: Int64, changed: Int64, inode: UInt64, device: UInt64) {
        self.size = size
        self.modified = modified
        self.changed = changed
        self.inode = inode
        self.device = device
        isRegular = true
        isExecutable = false
    }

    /// Whether the two describe the same content.
    func isSameContent(as other: FileState) -> Bool {
        size == other.size && modified == other.modified && changed == other.changed && inode == other.inode
            && device == other.device
    }

    private static func nanoseconds(_ time: timespec) -> Int64 {
        Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
}

/// The state of an open file.
func fileState(of file: FileDescriptor, _ shown: String) throws(FileError) -> FileState {
    var raw = stat()
    guard unsafe fstat(file.rawValue, &raw) == 0 else { throw FileError("examine", shown, Errno(rawValue: errno)) }
    return FileState(raw)
}
