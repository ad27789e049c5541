import CLinux
import Synchronization
package import SystemPackage

/// A file being written under a temporary name beside its final place (rule R2).
///
/// Nothing is visible under the final name before `commit()`; without it the temporary file is removed.
package final class AtomicFile: Sendable {
    /// Temporary names begin with this; no path from outside should be allowed to.
    package static let temporaryPrefix = ".swiftflow-tmp-"

    package let descriptor: FileDescriptor
    private let parent: Directory
    private let parentHandle: FileDescriptor
    private let temporaryName: String
    private let finalName: String
    private let shown: String
    private let isOpen = Mutex(true)

    /// Creates the temporary file in the folder of `path`, which must exist.
    package init(at path: RelativePath, in directory: Directory, mode: UInt32 = 0o600) throws(FileError) {
        guard let name = path.lastComponent else { throw FileError("write", directory.shown(path), .isDirectory) }
        let shown = directory.shown(path)
        let temporaryName = Self.temporaryPrefix + randomName()
        let parentHandle = try directory.open(path.parent, flags: O_RDONLY | O_DIRECTORY)
        parent = directory
        self.shown = shown
        finalName = name
        self.temporaryName = temporaryName
        self.parentHandle = parentHandle
        let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW
        do throws(FileError) {
            let raw = try checked("create", shown) {
                unsafe swiftflow_openat(parentHandle.rawValue, temporaryName, flags, mode)
            }
            descriptor = FileDescriptor(rawValue: raw)
        } catch {
            try? parentHandle.close()
            throw error
        }
    }

    package func write(_ bytes: [UInt8]) throws(FileError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = try checked("write", shown) {
                unsafe rest.withUnsafeBytes { unsafe CLinux.write(descriptor.rawValue, $0.baseAddress, $0.count) }
            }
            rest = rest.dropFirst(count)
        }
    }

    /// Makes the content durable and gives it its final name.
    package func commit() throws(FileError) {
        _ = try checked("sync", shown) { fsync(descriptor.rawValue) }
        try parent.rename(temporaryName, to: finalName, in: parentHandle, shown)
        close()
    }

    private func close() {
        guard takeOpen() else { return }
        try? descriptor.close()
        try? parentHandle.close()
    }

    /// Whether the descriptors are still ours; true only once.
    private func takeOpen() -> Bool {
        isOpen.withLock { isOpen in
            defer { isOpen = false }
            return isOpen
        }
    }

    deinit {
        guard takeOpen() else { return }
        _ = unsafe unlinkat(parentHandle.rawValue, temporaryName, 0)
        try? descriptor.close()
        try? parentHandle.close()
    }
}

/// 96 random bits as hex, for names nobody can guess.
package func randomName() -> String {
    var generator = SystemRandomNumberGenerator()
    return String(UInt64.random(in: 0 ... .max, using: &generator), radix: 16)
        + String(UInt32.random(in: 0 ... .max, using: &generator), radix: 16)
}
