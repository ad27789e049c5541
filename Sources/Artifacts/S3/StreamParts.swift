import Crypto
import Files
import NIOCore
import SystemPackage

/// A stream in pieces that can be read again: small ones stay in memory, others wait in a file without a name.
struct StreamParts {
    /// More than this goes to the disk.
    private static let memoryLimit = 1 << 20

    private var iterator: ByteStream.AsyncIterator
    /// What has arrived beyond the last part.
    private var rest = ByteBuffer()
    /// Nothing comes after the last part.
    private(set) var isAtEnd = false
    /// Bytes of all parts so far.
    private(set) var received: Int64 = 0

    init(_ stream: ByteStream) {
        iterator = stream.makeAsyncIterator()
    }

    /// The next part, of exactly `size` bytes unless the stream ends; looks ahead so that `isAtEnd` is known then.
    mutating func next(size: Int64) async throws -> StreamPart {
        var hash = SHA256()
        var memory = ByteBuffer()
        var file: SpoolFile?
        var length: Int64 = 0
        while length < size {
            if rest.readableBytes == 0 {
                guard let buffer = try await iterator.next() else { break }
                rest = buffer
            }
            guard var piece = rest.readSlice(length: Int(min(size - length, Int64(rest.readableBytes)))) else { break }
            piece.add(to: &hash)
            length += Int64(piece.readableBytes)
            memory.writeBuffer(&piece)
            if memory.readableBytes > Self.memoryLimit {
                let target = if let file { file } else { try await SpoolFile.create() }
                file = target
                try await target.append(memory)
                memory = ByteBuffer()
            }
        }
        if let file, memory.readableBytes > 0 { try await file.append(memory) }
        // An empty buffer is no end.
        while rest.readableBytes == 0, !isAtEnd {
            if let buffer = try await iterator.next() { rest = buffer } else { isAtEnd = true }
        }
        received += length
        let digest = hexadecimal(hash.finalize())
        guard let file else {
            return StreamPart(length: length, digest: digest, stream: { [memory] in ByteStream(memory) })
        }
        let content = file.finished()
        return StreamPart(length: length, digest: digest, stream: { content.stream(0..<content.size) })
    }
}

/// A piece of a stream; it can be sent as often as need be.
struct StreamPart: Sendable {
    let length: Int64
    /// SHA-256, lower-case hexadecimal.
    let digest: String
    let stream: @Sendable () -> ByteStream

    var body: S3Bucket.Body { .stream(digest: digest, length: length, stream) }
}

/// A file that nobody else can open and that ends with its last reader.
private final class SpoolFile {
    private let descriptor: SystemPackage.FileDescriptor
    private var size: Int64 = 0
    private var isHandedOver = false

    private init(_ descriptor: SystemPackage.FileDescriptor) {
        self.descriptor = descriptor
    }

    deinit {
        if !isHandedOver { try? descriptor.close() }
    }

    static func create() async throws -> SpoolFile {
        let descriptor = try await onBlockingThread {
            // The folder goes at the end of this call, and the name with it; the open file stays.
            let folder = try TemporaryDirectory()
            return try SystemPackage.FileDescriptor.open(
                folder.path.appending("part"), .readWrite, options: [.create, .exclusiveCreate, .closeOnExec],
                permissions: [.ownerReadWrite])
        }
        return SpoolFile(descriptor)
    }

    func append(_ bytes: ByteBuffer) async throws {
        let (descriptor, offset) = (descriptor, size)
        do {
            try await onBlockingThread {
                _ = try descriptor.writeAll(toAbsoluteOffset: offset, bytes.readableBytesView)
            }
        } catch let error as Errno where error == .noSpace || error == .diskQuotaExceeded {
            throw ArtifactError(
                .noSpace, "the disk for temporary files is full: a part of an upload could not be kept there",
                remedy: "free some space, or let TMPDIR name a larger disk")
        }
        size += Int64(bytes.readableBytes)
    }

    /// The content for reading; nothing can be appended any more.
    func finished() -> LocalFile {
        isHandedOver = true
        return LocalFile(descriptor, size: size, shown: "a part of an upload")
    }
}
