import Files
import NIOCore
import Synchronization
import SystemPackage

/// A file on its way into a folder: under a temporary name until it is whole, then synced and given its own (rule R2).
///
/// Dropped without `commit()`, it is removed, and the disk has its space back.
final class PartialFile: Sendable {
    private let file: AtomicFile
    private let limits: TransferLimits
    let shown: String
    /// The path of the folder it will be in, for what must lie on the same disk.
    let folder: String
    /// Bytes that may still be written before the free space is looked at again.
    private let checkedSpace = Mutex<Int64>(0)

    init(at path: RelativePath, in folder: Directory, limits: TransferLimits) async throws {
        if path.components.contains(where: { $0.hasPrefix(AtomicFile.temporaryPrefix) }) {
            throw ArtifactError(.untrustedAnswer, "the name '\(path)' is reserved for files being written")
        }
        file = try await onBlockingThread { try AtomicFile(at: path, in: folder) }
        shown = "\(folder.path)/\(path.string)"
        self.folder = folder.path.string
        self.limits = limits
    }

    var descriptor: SystemPackage.FileDescriptor { file.descriptor }

    /// Refuses, before anything is written, what cannot fit.
    func expect(size: Int64) async throws {
        guard size <= limits.fileSize, size <= limits.totalSize else {
            throw ArtifactError(
                .limit,
                "'\(shown)' would have \(size) bytes, more than the limit of \(min(limits.fileSize, limits.totalSize))")
        }
        let free = try await freeSpace()
        guard size <= free - limits.reservedSpace else {
            throw ArtifactError(
                .noSpace, "'\(shown)' needs \(size) bytes, and the disk has \(free) free",
                remedy: "free some space, or choose another storage folder")
        }
    }

    /// Writes at an offset; several parts may be written at once.
    func write(_ bytes: ByteBuffer, at offset: Int64) async throws {
        let end = offset + Int64(bytes.readableBytes)
        guard end <= limits.fileSize else {
            throw ArtifactError(.limit, "'\(shown)' is larger than the limit of \(limits.fileSize) bytes")
        }
        let mustCheck = checkedSpace.withLock { rest in
            rest -= Int64(bytes.readableBytes)
            defer { if rest < 0 { rest = 64 << 20 } }
            return rest < 0
        }
        if mustCheck, try await freeSpace() < limits.reservedSpace + Int64(bytes.readableBytes) { throw noSpace() }
        do {
            try await onBlockingThread { [descriptor] in
                _ = try descriptor.writeAll(toAbsoluteOffset: offset, bytes.readableBytesView)
            }
        } catch let error as Errno where error == .noSpace || error == .diskQuotaExceeded {
            throw noSpace()
        } catch let error as Errno {
            throw FileError("write", shown, error)
        }
    }

    func truncate() async throws {
        try await onBlockingThread { [descriptor] in try descriptor.resize(to: 0) }
    }

    /// Makes the content durable and visible.
    func commit() async throws {
        do {
            try await onBlockingThread { [file] in try file.commit() }
        } catch let error as FileError where error.errno == .noSpace || error.errno == .diskQuotaExceeded {
            throw noSpace()
        }
    }

    private func noSpace() -> ArtifactError {
        ArtifactError(
            .noSpace, "the disk is full: '\(shown)' could not be written; what had arrived is removed",
            remedy: "free some space, or choose another storage folder")
    }

    private func freeSpace() async throws -> Int64 {
        try await onBlockingThread { [descriptor] in try Files.freeSpace(of: descriptor) }
    }
}

/// A local file opened for reading.
final class LocalFile: Sendable {
    let descriptor: SystemPackage.FileDescriptor
    let size: Int64
    /// The path it was opened by.
    let shown: String

    /// Takes over the descriptor.
    init(_ descriptor: SystemPackage.FileDescriptor, size: Int64, shown: String) {
        self.descriptor = descriptor
        self.size = size
        self.shown = shown
    }

    deinit {
        try? descriptor.close()
    }

    /// Opens a regular file below a folder.
    static func open(_ path: RelativePath, in folder: Directory) async throws -> LocalFile {
        try await onBlockingThread {
            let descriptor = try folder.openFile(path)
            do {
                let size = try descriptor.seek(offset: 0, from: .end)
                _ = try descriptor.seek(offset: 0, from: .start)
                return LocalFile(descriptor, size: size, shown: "\(folder.path)/\(path.string)")
            } catch {
                try? descriptor.close()
                throw error
            }
        }
    }

    /// The bytes of a part, read as they are asked for.
    func stream(_ range: Range<Int64>) -> ByteStream {
        ByteStream { [self] in
            var offset = range.lowerBound
            return {
                let count = Int(Swift.min(range.upperBound - offset, 1 << 18))
                guard count > 0 else { return nil }
                try Task.checkCancellation()
                let buffer = try await self.read(at: offset, count: count)
                offset += Int64(buffer.readableBytes)
                return buffer
            }
        }
    }

    /// Exactly `count` bytes.
    func read(at offset: Int64, count: Int) async throws -> ByteBuffer {
        try await onBlockingThread { [self] in
            var buffer = ByteBufferAllocator().buffer(capacity: count)
            while buffer.readableBytes < count {
                let position = offset + Int64(buffer.readableBytes)
                let missing = count - buffer.readableBytes
                // NIO hands out memory of at least `missing` bytes, and takes the number read back.
                let read = try unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: missing) { memory in
                    try unsafe descriptor.read(
                        fromAbsoluteOffset: position, into: UnsafeMutableRawBufferPointer(rebasing: memory[..<missing]))
                }
                guard read > 0 else {
                    throw ArtifactError(.system, "'\(shown)' became shorter while it was read")
                }
            }
            return buffer
        }
    }
}
