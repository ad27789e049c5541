import Artifacts
import Glibc
import NIOCore
import SystemPackage

/// A file of a folder, opened for sending; closed when nobody holds it any more.
final class OpenFile: OpenArtifact {
    /// Read in pieces of this size, so that memory does not grow with the file.
    private static let pieceSize = 256 << 10

    private let descriptor: SystemPackage.FileDescriptor
    /// The file's own name, without folders.
    let name: String
    let size: Int64

    init(_ descriptor: SystemPackage.FileDescriptor, name: String) {
        self.descriptor = descriptor
        self.name = name
        var status = stat()
        size = unsafe fstat(descriptor.rawValue, &status) == 0 ? Int64(status.st_size) : 0
    }

    deinit {
        try? descriptor.close()
    }

    func content(_ range: Range<Int64>) -> ByteStream {
        ByteStream { [self] in
            var offset = range.lowerBound
            return {
                let count = Int(min(Int64(Self.pieceSize), range.upperBound - offset))
                guard count > 0 else { return nil }
                let piece = try await self.read(at: offset, count: count)
                offset += Int64(piece.readableBytes)
                return piece.readableBytes == 0 ? nil : piece
            }
        }
    }

    /// At most `count` bytes from `offset`; fewer only at the end of the file.
    private func read(at offset: Int64, count: Int) async throws -> ByteBuffer {
        try await ArtifactFolder.offload {
            // Read to where they are sent from, so that nothing is copied or cleared in between.
            var piece = ByteBufferAllocator().buffer(capacity: count)
            while piece.readableBytes < count {
                let (missing, place) = (count - piece.readableBytes, offset + Int64(piece.readableBytes))
                let got = try unsafe piece.writeWithUnsafeMutableBytes(minimumWritableBytes: missing) { free in
                    try unsafe self.descriptor.read(
                        fromAbsoluteOffset: place, into: UnsafeMutableRawBufferPointer(rebasing: free.prefix(missing)))
                }
                if got == 0 { break }
            }
            return piece
        }
    }
}
