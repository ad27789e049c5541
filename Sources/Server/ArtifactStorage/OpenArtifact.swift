import Glibc
import SystemPackage

/// A file opened for sending; closed when nobody holds it any more.
final class OpenArtifact: Sendable {
    private let descriptor: FileDescriptor
    /// The file's own name, without folders.
    let name: String
    let size: Int64

    init(_ descriptor: FileDescriptor, name: String) {
        self.descriptor = descriptor
        self.name = name
        var status = stat()
        size = unsafe fstat(descriptor.rawValue, &status) == 0 ? Int64(status.st_size) : 0
    }

    deinit {
        try? descriptor.close()
    }

    /// At most `count` bytes from `offset`; fewer only at the end of the file.
    func read(at offset: Int64, count: Int) async throws -> [UInt8] {
        try await ArtifactFolder.offload {
            try unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                while initialized < count {
                    let rest = unsafe UnsafeMutableRawBufferPointer(
                        rebasing: UnsafeMutableRawBufferPointer(buffer)[initialized...])
                    let got = try unsafe self.descriptor.read(
                        fromAbsoluteOffset: offset + Int64(initialized), into: rest)
                    if got == 0 { break }
                    initialized += got
                }
            }
        }
    }
}
