import CLinux
package import SystemPackage

/// An open folder, below which files are reached without following links and without leaving it (rule R1).
///
/// The handle, not a path text, is what later operations use, so a folder that is swapped for a link in between changes nothing.
package final class Directory: Sendable {
    /// The path the folder was opened by, for messages only.
    package let path: FilePath
    private let descriptor: FileDescriptor

    /// Opens an existing folder; links in `path` itself are followed, since the operator named it.
    package init(opening path: FilePath) throws(FileError) {
        let flags = O_RDONLY | O_DIRECTORY
        let raw = try checked("open the folder", path.string) {
            unsafe path.withPlatformString { unsafe swiftflow_openat(AT_FDCWD, $0, flags, 0) }
        }
        self.path = path
        descriptor = FileDescriptor(rawValue: raw)
    }

    private init(path: FilePath, descriptor: FileDescriptor) {
        self.path = path
        self.descriptor = descriptor
    }

    /// Creates the folder and its missing parents (0700 by default), then opens it.
    package convenience init(creating path: FilePath, mode: UInt32 = 0o700) throws(FileError) {
        try makeFolders(path, mode: mode)
        try self.init(opening: path)
    }

    deinit {
        try? descriptor.close()
    }

    // MARK: Opening

    /// Opens what `path` names, with `open(2)` flags; a link anywhere on the way is refused.
    package func open(_ path: RelativePath, flags: Int32, mode: UInt32 = 0o600) throws(FileError) -> FileDescriptor {
        let raw = try checked("open", shown(path)) {
            unsafe swiftflow_open_beneath(descriptor.rawValue, path.string, flags, mode)
        }
        return FileDescriptor(rawValue: raw)
    }

    /// Opens a regular file for reading; folders, pipes and devices are refused without blocking.
    package func openFile(_ path: RelativePath) throws(FileError) -> FileDescriptor {
        let file = try open(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
        do throws(FileError) {
            guard try status(of: file, path).kind == .file else {
                throw FileError("read", shown(path), .invalidArgument)
            }
        } catch {
            try? file.close()
            throw error
        }
        return file
    }

    /// Opens the folder `path` names.
    package func directory(_ path: RelativePath) throws(FileError) -> Directory {
        Directory(path: FilePath(shown(path)), descriptor: try open(path, flags: O_RDONLY | O_DIRECTORY))
    }

    // MARK: Reading

    /// The whole content of a regular file.
    ///
    /// - Throws: `FileError` with `.fileTooLarge` when it holds more than `limit` bytes.
    package func readFile(_ path: RelativePath, limit: Int) throws(FileError) -> [UInt8] {
        let file = try openFile(path)
        defer { try? file.close() }
        return try readAll(file, shown(path), limit: limit)
    }

    /// What `path` names, or nil when nothing is there; a link is reported as a link.
    package func status(_ path: RelativePath) throws(FileError) -> FileStatus? {
        do throws(FileError) {
            let handle = try open(path, flags: O_PATH | O_NOFOLLOW)
            defer { try? handle.close() }
            return try status(of: handle, path)
        } catch {
            switch error.errno {
            case .noSuchFileOrDirectory, .notDirectory: return nil
            case .tooManySymbolicLinkLevels: return FileStatus(kind: .link, size: 0, permissions: 0, modified: 0)
            default: throw error
            }
        }
    }

    /// The entries of a folder by name, without `.` and `..`, in the order of their names.
    package func list(_ path: RelativePath = .root) throws(FileError) -> [(name: String, status: FileStatus)] {
        let folder = try open(path, flags: O_RDONLY | O_DIRECTORY)
        defer { try? folder.close() }
        return try rawEntries(of: folder, shown(path)).compactMap { entry in
            String(validating: entry.name.dropLast(), as: UTF8.self).map { ($0, entry.status) }
        }.sorted { $0.name < $1.name }
    }

    /// The entries of a folder by their names on the disk, which need not be text: bytes that end with a zero.
    private func rawEntries(
        of folder: FileDescriptor, _ shown: String
    ) throws(FileError) -> [(name: [CChar], status: FileStatus)] {
        // The stream takes a descriptor of its own, which it closes.
        let own = try checked("list", shown) {
            unsafe swiftflow_openat(folder.rawValue, ".", O_RDONLY | O_DIRECTORY, 0)
        }
        guard let stream = unsafe fdopendir(own) else {
            let error = lastError()
            CLinux.close(own)
            throw FileError("list", shown, error)
        }
        defer { unsafe closedir(stream) }
        var entries: [(name: [CChar], status: FileStatus)] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { text in
                    unsafe Array(UnsafeBufferPointer(start: text, count: strlen(text) + 1))
                }
            }
            guard name != [0x2E, 0], name != [0x2E, 0x2E, 0] else { continue }
            var raw = stat()
            guard unsafe fstatat(folder.rawValue, name, &raw, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
            entries.append((name, FileStatus(raw)))
        }
        return entries
    }

    // MARK: Changing

    /// Creates the folder `path` and its missing parents.
    package func makeDirectory(_ path: RelativePath, mode: UInt32 = 0o700) throws(FileError) {
        var parent = RelativePath.root
        for name in path.components {
            let folder = try open(parent, flags: O_RDONLY | O_DIRECTORY)
            defer { try? folder.close() }
            if unsafe mkdirat(folder.rawValue, name, mode) != 0, lastError() != .fileExists {
                throw FileError("create the folder", shown(path), lastError())
            }
            guard let next = try? parent.appending(name) else {
                throw FileError("create", shown(path), .invalidArgument)
            }
            parent = next
        }
        guard try status(path)?.kind == .directory else {
            throw FileError("create the folder", shown(path), .fileExists)
        }
    }

    /// Removes a file, a link (never what it points to) or a whole folder; nothing there is no error.
    ///
    /// The root is refused.
    package func remove(_ path: RelativePath) throws(FileError) {
        guard let name = path.lastComponent else { throw FileError("remove", shown(path), .invalidArgument) }
        guard let status = try status(path) else { return }
        if status.kind == .directory { try directory(path).removeContents(depth: 0) }
        let parent = try open(path.parent, flags: O_RDONLY | O_DIRECTORY)
        defer { try? parent.close() }
        try unlink(Array(name.utf8CString), isDirectory: status.kind == .directory, in: parent, shown(path))
    }

    /// Names a path from outside may not have can still exist on the disk; they are removed by their bytes.
    private func removeContents(depth: Int) throws(FileError) {
        guard depth < 1000 else { throw FileError("remove", path.string, .fileNameTooLong) }
        for (name, status) in try rawEntries(of: descriptor, path.string) {
            let shownName = "\(path)/\(String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))"
            if status.kind == .directory {
                let raw = try checked("open the folder", shownName) {
                    unsafe swiftflow_openat(descriptor.rawValue, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
                }
                try Directory(path: FilePath(shownName), descriptor: FileDescriptor(rawValue: raw))
                    .removeContents(depth: depth + 1)
            }
            try unlink(name, isDirectory: status.kind == .directory, in: descriptor, shownName)
        }
    }

    private func unlink(
        _ name: [CChar], isDirectory: Bool, in folder: FileDescriptor, _ shown: String
    ) throws(FileError) {
        let flags = isDirectory ? AT_REMOVEDIR : 0
        if unsafe unlinkat(folder.rawValue, name, flags) != 0, lastError() != .noSuchFileOrDirectory {
            throw FileError("remove", shown, lastError())
        }
    }

    /// Puts a file in place so that a reader sees the old content or the whole new one, also after a crash (rule R2).
    package func writeFile(_ path: RelativePath, _ bytes: [UInt8], mode: UInt32 = 0o600) throws {
        let file = try AtomicFile(at: path, in: self, mode: mode)
        try file.write(bytes)
        try file.commit()
    }

    func rename(_ source: String, to target: String, in folder: FileDescriptor, _ shown: String) throws(FileError) {
        _ = try checked("put in place", shown) {
            unsafe renameat(folder.rawValue, source, folder.rawValue, target)
        }
        _ = try checked("sync the folder of", shown) { fsync(folder.rawValue) }
    }

    // MARK: Messages

    func shown(_ path: RelativePath) -> String { path.isRoot ? self.path.string : "\(self.path)/\(path.string)" }

    private func status(of file: FileDescriptor, _ path: RelativePath) throws(FileError) -> FileStatus {
        var raw = stat()
        _ = try checked("examine", shown(path)) { unsafe fstat(file.rawValue, &raw) }
        return FileStatus(raw)
    }
}
