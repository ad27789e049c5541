import CLinux
package import SystemPackage

/// Opens a file of ours for appending, created when missing; a link in its place is refused.
package func openForAppending(_ path: FilePath, mode: UInt32 = 0o666) throws(FileError) -> FileDescriptor {
    let raw = try checked("open", path.string) {
        unsafe path.withPlatformString {
            unsafe swiftflow_openat(AT_FDCWD, $0, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode)
        }
    }
    return FileDescriptor(rawValue: raw)
}

/// Writes all the bytes, however many calls it takes.
package func writeAll(_ bytes: RawSpan, to file: FileDescriptor, shown: String) throws(FileError) {
    var offset = 0
    while offset < bytes.byteCount {
        let rest = bytes.extracting(droppingFirst: offset)
        offset += try checked("write", shown) {
            unsafe rest.withUnsafeBytes { unsafe write(file.rawValue, $0.baseAddress, $0.count) }
        }
    }
}

/// Waits until the content of a file is on the disk.
package func synchronize(_ file: FileDescriptor, shown: String) throws(FileError) {
    _ = try checked("sync", shown) { fdatasync(file.rawValue) }
}
