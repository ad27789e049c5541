import CLinux
package import SystemPackage

/// A lock between processes: `flock` on a file that also names its owner, so a dead owner never blocks (rule R14).
package final class FileLock: Sendable {
    package let path: FilePath
    private let descriptor: FileDescriptor

    private init(path: FilePath, descriptor: FileDescriptor) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit {
        try? descriptor.close()
    }

    /// Takes the lock if it is free; nil when another process (or another holder in this one) has it.
    package static func attempt(_ path: FilePath) throws(FileError) -> FileLock? {
        let raw = try checked("open the lock", path.string) {
            unsafe path.withPlatformString {
                unsafe swiftflow_openat(AT_FDCWD, $0, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
            }
        }
        let descriptor = FileDescriptor(rawValue: raw)
        guard flock(raw, LOCK_EX | LOCK_NB) == 0 else {
            let error = lastError()
            try? descriptor.close()
            if error == .wouldBlock || error == .resourceTemporarilyUnavailable { return nil }
            throw FileError("lock", path.string, error)
        }
        let lock = FileLock(path: path, descriptor: descriptor)
        lock.writeOwner()
        return lock
    }

    /// Waits for the lock, asking again every 50 ms; cancelling the task ends the waiting.
    ///
    /// - Parameter onWait: called once, with the owner's process id if the file names one, when the lock is not free at first.
    package static func acquire(_ path: FilePath, onWait: (Int32?) -> Void = { _ in }) async throws -> FileLock {
        if let lock = try attempt(path) { return lock }
        onWait(owner(of: path))
        while true {
            try await Task.sleep(for: .milliseconds(50))
            if let lock = try attempt(path) { return lock }
        }
    }

    /// The process id written by the last holder.
    package static func owner(of path: FilePath) -> Int32? {
        guard let bytes = try? readFile(path, limit: 256) else { return nil }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first.flatMap { Int32($0) }
    }

    private func writeOwner() {
        let text = "\(getpid())\n"
        _ = ftruncate(descriptor.rawValue, 0)
        _ = unsafe text.withCString { unsafe pwrite(descriptor.rawValue, $0, text.utf8.count, 0) }
    }
}
