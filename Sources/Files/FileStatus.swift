import CLinux
package import SystemPackage

/// What a name on the disk stands for.
package struct FileStatus: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case file, directory, link, other
    }

    package var kind: Kind
    /// Bytes of a file.
    package var size: Int64
    /// The permission bits (`0o755`).
    package var permissions: UInt32
    /// Last change of the content, nanoseconds since 1970.
    package var modified: Int64

    package init(kind: Kind, size: Int64, permissions: UInt32, modified: Int64) {
        self.kind = kind
        self.size = size
        self.permissions = permissions
        self.modified = modified
    }

    init(_ raw: stat) {
        switch raw.st_mode & 0o170000 {
        case 0o100000: kind = .file
        case 0o040000: kind = .directory
        case 0o120000: kind = .link
        default: kind = .other
        }
        size = Int64(raw.st_size)
        permissions = raw.st_mode & 0o7777
        modified = Int64(raw.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(raw.st_mtim.tv_nsec)
    }
}

/// What a path the operator typed names, links followed; nil when nothing is there or it cannot be reached.
package func fileStatus(_ path: FilePath) -> FileStatus? {
    var raw = stat()
    guard unsafe path.withPlatformString({ unsafe stat($0, &raw) }) == 0 else { return nil }
    return FileStatus(raw)
}

/// Reads a descriptor to its end.
func readAll(_ file: FileDescriptor, _ shown: String, limit: Int) throws(FileError) -> [UInt8] {
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = try checked("read", shown) {
            unsafe buffer.withUnsafeMutableBytes { unsafe read(file.rawValue, $0.baseAddress, $0.count) }
        }
        if count == 0 { return content }
        guard content.count + count <= limit else { throw FileError("read", shown, .fileTooLarge) }
        content += buffer.prefix(count)
    }
}

/// The whole content of a regular file the operator named.
package func readFile(_ path: FilePath, limit: Int) throws(FileError) -> [UInt8] {
    let raw = try checked("open", path.string) {
        unsafe path.withPlatformString { unsafe swiftflow_openat(AT_FDCWD, $0, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0) }
    }
    let file = FileDescriptor(rawValue: raw)
    defer { try? file.close() }
    var status = stat()
    _ = try checked("examine", path.string) { unsafe fstat(raw, &status) }
    guard FileStatus(status).kind == .file else { throw FileError("read", path.string, .invalidArgument) }
    return try readAll(file, path.string, limit: limit)
}

/// Creates a folder and its missing parents; an existing folder is left as it is.
package func makeFolders(_ path: FilePath, mode: UInt32 = 0o700) throws(FileError) {
    if unsafe path.withPlatformString({ unsafe mkdir($0, mode) }) == 0 { return }
    switch lastError() {
    case .fileExists where fileStatus(path)?.kind == .directory:
        return
    case .noSuchFileOrDirectory where path.removingLastComponent() != path && !path.removingLastComponent().isEmpty:
        try makeFolders(path.removingLastComponent(), mode: mode)
        if unsafe path.withPlatformString({ unsafe mkdir($0, mode) }) != 0, lastError() != .fileExists {
            throw FileError("create the folder", path.string, lastError())
        }
    case let error:
        throw FileError("create the folder", path.string, error)
    }
}

/// The folder the program was started in.
package func currentDirectory() -> FilePath {
    guard let buffer = unsafe getcwd(nil, 0) else { return "/" }
    defer { unsafe free(buffer) }
    return unsafe FilePath(platformString: buffer)
}
