import CLinux
import Dispatch
import Files
import Glibc
import SystemPackage

/// Keeps an environment from being pruned while it is used: a shared lock on its mark, gone with the process at the latest.
package final class EnvironmentLease: Sendable {
    private let descriptor: FileDescriptor

    private init(descriptor: FileDescriptor) {
        self.descriptor = descriptor
    }

    deinit {
        try? descriptor.close()
    }

    /// Reads a record and takes a lease on it; nil when there is none, or when it is just being removed.
    ///
    /// - Parameters:
    ///   - marksUse: whether the environment counts as used now.
    ///   - waits: whether to wait for one who looks at the lease this instant; only with the right to build, else removing goes on long.
    static func take(
        _ name: String, in directory: Directory, marksUse: Bool = true, waits: Bool = false
    ) throws -> (EnvironmentRecord, EnvironmentLease)? {
        guard let lease = try open(name, in: directory) else { return nil }
        let file = lease.descriptor
        guard flock(file.rawValue, waits ? LOCK_SH : LOCK_SH | LOCK_NB) == 0, lease.isStillThere else { return nil }
        var bytes = [UInt8](repeating: 0, count: EnvironmentRecord.sizeLimit)
        let count = try unsafe bytes.withUnsafeMutableBytes { try unsafe file.read(fromAbsoluteOffset: 0, into: $0) }
        guard let record = EnvironmentRecord(Array(bytes.prefix(count))) else { return nil }
        // The mark's time says when it was last used. An environment shared read-only cannot be touched, which is no fault.
        if marksUse { _ = futimens(file.rawValue, nil) }
        return (record, lease)
    }

    /// The sole hold on a record, with which nobody can take a lease; nil while somebody has one.
    static func exclusive(_ name: String, in directory: Directory) throws -> EnvironmentLease? {
        guard let lease = try open(name, in: directory) else { return nil }
        return flock(lease.descriptor.rawValue, LOCK_EX | LOCK_NB) == 0 ? lease : nil
    }

    /// Whether somebody holds a lease on the record.
    static func isHeld(_ name: String, in directory: Directory) throws -> Bool {
        guard let lease = try open(name, in: directory) else { return false }
        return flock(lease.descriptor.rawValue, LOCK_EX | LOCK_NB) != 0
    }

    private static func open(_ name: String, in directory: Directory) throws -> EnvironmentLease? {
        let path = try RelativePath(name)
        guard try directory.status(path)?.kind == .file else { return nil }
        return EnvironmentLease(descriptor: try directory.openFile(path))
    }

    /// A lease taken the moment after the record was removed holds nothing.
    private var isStillThere: Bool {
        var status = stat()
        return unsafe fstat(descriptor.rawValue, &status) == 0 && status.st_nlink > 0
    }
}

extension Directory {
    /// Makes everything written to this folder's file system durable, so that a mark never outlives what it vouches for.
    func syncFileSystem() throws {
        let handle = try open(.root, flags: O_RDONLY | O_DIRECTORY)
        defer { try? handle.close() }
        guard swiftflow_sync_file_system(handle.rawValue) == 0 else {
            throw FileError("sync", path.string, Errno(rawValue: errno))
        }
    }
}

/// Runs work that blocks on a thread outside the cooperative pool.
func offPool<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(with: Swift.Result { try work() }) }
    }
}
