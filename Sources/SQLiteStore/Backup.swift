import Glibc
package import SystemPackage

extension SQLiteStore {
    /// Writes a copy of the live store to a new file, with SQLite's own means: copying the file itself would tear it.
    ///
    /// Writers go on meanwhile; the copy is the state of one moment. It is checked, synced, and only then gets its name.
    ///
    /// - Parameter replacing: whether a file of that name gives way.
    /// - Throws: when there is a file of that name, or the copy cannot be written; then nothing is left of it.
    package func backUp(to destination: FilePath, replacing: Bool = false) async throws {
        let path = path
        try await read { connection in
            let temporary = TemporaryCopy(beside: destination)
            defer { temporary.remove() }
            do {
                if !replacing, exists(destination) { throw Errno.fileExists }
                try temporary.create()
                try copy(connection, to: temporary.path)
                try temporary.publish(as: destination, replacing: replacing)
            } catch let failure as SQLiteFailure {
                throw StoreFileError(
                    path: destination,
                    reason: failure.isDiskFull ? .diskFull : .failed("\(failure.message) (from '\(path)')"))
            } catch let error as Errno {
                throw StoreFileError(
                    path: destination,
                    reason: error == .fileExists
                        ? .exists : error == .noSpace ? .diskFull : .cannotOpen(error.description))
            }
        }
    }
}

private func exists(_ path: FilePath) -> Bool {
    var status = stat()
    return unsafe path.withPlatformString { unsafe lstat($0, &status) } == 0
}

private func copy(_ source: Connection, to path: FilePath) throws {
    let copy = try Connection(path: path, access: .readWrite, busyTimeout: .zero)
    try source.backUp(into: copy)
    // One file is easier to carry away than three.
    try copy.execute("PRAGMA journal_mode = DELETE")
    let problems = try copy.all("PRAGMA quick_check(1)") { $0.text(0) }.filter { $0 != "ok" }
    if let problem = problems.first {
        throw StoreFileError(path: path, reason: .failed("the copy is damaged (\(problem)); is the store?"))
    }
}

/// A file under a name of its own until it is complete.
private struct TemporaryCopy {
    let path: FilePath

    init(beside destination: FilePath) {
        let unique = String(UInt64.random(in: 0 ... .max), radix: 16)
        path = destination.removingLastComponent().appending(".swiftflow-tmp-\(unique)")
    }

    func create() throws {
        try FileDescriptor.open(
            path, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: [.ownerReadWrite]
        ).close()
    }

    /// Makes the content durable and gives it its name, and the name durable.
    func publish(as destination: FilePath, replacing: Bool) throws {
        let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec])
        defer { try? file.close() }
        guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
        let result = unsafe path.withPlatformString { old in
            unsafe destination.withPlatformString { new in
                // A link is refused where a file is; a renamed file would take its place.
                replacing ? unsafe rename(old, new) : unsafe link(old, new)
            }
        }
        guard result == 0 else { throw Errno(rawValue: errno) }
        let parent = destination.removingLastComponent()
        let folder = try FileDescriptor.open(
            parent.isEmpty ? "." : parent, .readOnly, options: [.directory, .closeOnExec])
        defer { try? folder.close() }
        guard fsync(folder.rawValue) == 0 else { throw Errno(rawValue: errno) }
    }

    /// Nothing of it stays, unless it has got its name.
    func remove() {
        for suffix in ["", "-journal", "-wal", "-shm"] {
            _ = unsafe FilePath("\(path)\(suffix)").withPlatformString { unsafe unlink($0) }
        }
    }
}
