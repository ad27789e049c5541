import Files
import NIOCore
import Synchronization
import SystemPackage

/// A file that is being received, under a temporary name until it is complete and durable.
///
/// Without `commit()` nothing of it stays.
final class ArtifactUpload: Sendable {
    private struct State: ~Copyable {
        var file: AtomicFile?
    }

    private let state: Mutex<State>

    init(_ file: sending AtomicFile) {
        state = Mutex(State(file: file))
    }

    /// Appends to the file; a slow disk makes the caller wait, and with it the client.
    func write(_ bytes: ByteBuffer) async throws {
        try await ArtifactFolder.offload {
            try self.state.withLock { state in
                guard let file = state.file else { throw APIError.invalidPath }
                do {
                    try file.descriptor.writeAll(bytes.readableBytesView)
                } catch let error as Errno {
                    throw FileError("write", "", error)
                }
            }
        }
    }

    /// Makes the content durable and puts it in place of what was there.
    func commit() async throws {
        try await ArtifactFolder.offload {
            try self.state.withLock { state in
                try state.file?.commit()
                state.file = nil
            }
        }
    }
}
