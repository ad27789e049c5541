import CGit2
import CLinux
import Files
import GitMessages
import Glibc
import SystemPackage

/// Writes a commit's files, byte for byte: no filters, no line-end conversion, no large-file pointers followed.
///
/// Every name is created new below an open folder handle, so nothing that is there, and no link written a moment ago, can lead elsewhere.
final class CheckoutWriter {
    private var folders: [FileDescriptor] = []
    private var path: [[UInt8]] = []
    private var index: [IndexEntry] = []
    private let report: (GitProgress) -> Void
    private var progress = GitProgress(.writing)
    private(set) var pointerFiles = 0

    struct IndexEntry {
        var path: [UInt8]
        var id: ObjectID
        var mode: UInt32
        var status: stat
    }

    init(into folder: FileDescriptor, report: @escaping (GitProgress) -> Void) throws {
        self.report = report
        folders = [try folder.duplicate()]
    }

    deinit {
        for folder in folders { try? folder.close() }
    }

    /// - Returns: what git's index should say about the files.
    func write(_ plan: CheckoutPlan, from objects: borrowing ObjectDatabase) throws -> [IndexEntry] {
        progress.total = plan.summary.files
        for step in plan.steps {
            switch step {
            case .file(let name, let id, let isExecutable):
                try objects.read(id) { try writeFile(name, id, $1, isExecutable: isExecutable) }
            case .link(let name, let id):
                try objects.read(id) { try writeLink(name, id, $1) }
            case .submodule(let name, let id):
                try makeFolder(name)
                index.append(IndexEntry(path: fullPath(name), id: id, mode: 0o160000, status: stat()))
            case .enter(let name):
                try makeFolder(name)
                try enter(name)
            case .leave:
                try? folders.removeLast().close()
                path.removeLast()
            }
        }
        report(progress)
        return index
    }

    private func writeFile(_ name: [UInt8], _ id: ObjectID, _ content: RawSpan, isExecutable: Bool) throws {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
        let raw = unsafe name.withCString { name in
            unsafe swiftflow_openat(current, name, flags, isExecutable ? 0o755 : 0o644)
        }
        guard raw >= 0 else { throw failure("create", name) }
        let file = FileDescriptor(rawValue: raw)
        defer { try? file.close() }
        do {
            _ = try unsafe content.withUnsafeBytes { try unsafe file.writeAll($0) }
        } catch let error as Errno {
            throw FileError("write", shown(name), error)
        }
        if isPointer(content) { pointerFiles += 1 }
        var status = stat()
        guard unsafe fstat(raw, &status) == 0 else { throw failure("examine", name) }
        note(name, id, mode: isExecutable ? 0o100755 : 0o100644, status, bytes: content.byteCount)
    }

    private func writeLink(_ name: [UInt8], _ id: ObjectID, _ content: RawSpan) throws {
        let target = unsafe content.withUnsafeBytes { unsafe Array($0) }
        guard !target.isEmpty, !target.contains(0) else {
            throw damaged("the link '\(shown(name))' has no valid target")
        }
        var status = stat()
        let result = unsafe name.withCString { name in
            unsafe target.withCString { target in
                let made = unsafe symlinkat(target, current, name)
                return made == 0 ? unsafe fstatat(current, name, &status, AT_SYMLINK_NOFOLLOW) : made
            }
        }
        guard result == 0 else { throw failure("create the link", name) }
        note(name, id, mode: 0o120000, status, bytes: target.count)
    }

    private func makeFolder(_ name: [UInt8]) throws {
        let result = unsafe name.withCString { unsafe mkdirat(current, $0, 0o755) }
        guard result == 0 else { throw failure("create the folder", name) }
    }

    private func enter(_ name: [UInt8]) throws {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
        let raw = unsafe name.withCString { unsafe swiftflow_openat(current, $0, flags, 0) }
        guard raw >= 0 else { throw failure("open the folder", name) }
        folders.append(FileDescriptor(rawValue: raw))
        path.append(name)
    }

    private var current: Int32 { folders.last?.rawValue ?? -1 }

    private func note(_ name: [UInt8], _ id: ObjectID, mode: UInt32, _ status: stat, bytes: Int) {
        index.append(IndexEntry(path: fullPath(name), id: id, mode: mode, status: status))
        progress.done += 1
        progress.bytes += bytes
        report(progress)
    }

    private func fullPath(_ name: [UInt8]) -> [UInt8] { Array((path + [name]).joined(separator: [0x2F])) }
    private func shown(_ name: [UInt8]) -> String { String(decoding: fullPath(name), as: UTF8.self) }

    private func failure(_ operation: String, _ name: [UInt8]) -> any Error {
        let reason = Errno(rawValue: errno)
        if reason == .fileExists {
            return GitFailure(.damaged, "the repository contains the name '\(shown(name))' twice")
        }
        return FileError(operation, shown(name), reason)
    }
}

/// Whether a file is the stand-in that Git LFS stores instead of a large one.
private func isPointer(_ content: RawSpan) -> Bool {
    let mark = Array("version https://git-lfs.github.com/spec/".utf8)
    guard (mark.count..<1024).contains(content.byteCount) else { return false }
    return unsafe content.withUnsafeBytes { unsafe $0.starts(with: mark) }
}

extension [UInt8] {
    /// Runs `body` with these bytes and a NUL after them.
    fileprivate func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        unsafe (self + [0]).withUnsafeBufferPointer { buffer in
            unsafe buffer.withMemoryRebound(to: CChar.self) { bytes in
                // Never nil: there is at least the NUL.
                unsafe bytes.baseAddress.map { unsafe body($0) } ?? "".withCString { unsafe body($0) }
            }
        }
    }
}

/// Writes the index of the repository at `path`, so that git sees a clean work tree without reading every file.
func writeIndex(_ entries: [CheckoutWriter.IndexEntry], of repository: borrowing Repository) throws(GitError) {
    var opened: OpaquePointer?
    try check(unsafe git_repository_index(&opened, repository.pointer))
    defer { unsafe git_index_free(opened) }
    for entry in entries {
        var raw = unsafe git_index_entry()
        unsafe raw.ctime = git_index_time(entry.status.st_ctim)
        unsafe raw.mtime = git_index_time(entry.status.st_mtim)
        unsafe raw.dev = UInt32(truncatingIfNeeded: entry.status.st_dev)
        unsafe raw.ino = UInt32(truncatingIfNeeded: entry.status.st_ino)
        unsafe raw.mode = entry.mode
        unsafe raw.uid = entry.status.st_uid
        unsafe raw.gid = entry.status.st_gid
        unsafe raw.file_size = UInt32(truncatingIfNeeded: entry.status.st_size)
        unsafe raw.id = entry.id.raw
        let result = unsafe entry.path.withCString { path in
            // The library copies the path.
            unsafe raw.path = path
            return unsafe git_index_add(opened, &raw)
        }
        try check(result)
    }
    try check(unsafe git_index_write(opened))
}

extension git_index_time {
    fileprivate init(_ time: timespec) {
        self.init(
            seconds: Int32(truncatingIfNeeded: time.tv_sec), nanoseconds: UInt32(truncatingIfNeeded: time.tv_nsec))
    }
}
