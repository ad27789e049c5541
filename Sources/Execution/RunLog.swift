package import Files
package import Processes
import Synchronization
package import SystemPackage

/// Keeps what a command writes, byte for byte, as the run's artifact `logs/output.log`, while passing it on.
///
/// The file appears with the first byte, so silent commands cost nothing. When it cannot be written the command is still drained, the
/// rest is dropped and `failure` says why: a run whose log is incomplete is not reported as finished (rule R19).
package final class RunLog: Sendable {
    /// The artifact path of the log.
    package static let artifactPath = "logs/output.log"

    private struct State {
        var file: FileDescriptor?
        var failure: FileError?
        var writtenBytes = 0
    }

    private let folder: FilePath
    private let state = Mutex(State())
    private let passOn: @Sendable (OutputStream, RawSpan) -> Void

    /// - Parameters:
    ///   - folder: the run's artifact folder on this machine, or a temporary one whose content is uploaded later.
    ///   - passOn: sees every byte first, such as the runner's own terminal.
    package init(folder: FilePath, passOn: @escaping @Sendable (OutputStream, RawSpan) -> Void) {
        self.folder = folder
        self.passOn = passOn
    }

    package var path: FilePath { folder.appending("logs").appending("output.log") }

    /// Whether anything was written.
    package var hasContent: Bool { state.withLock { $0.writtenBytes > 0 } }

    package func receive(_ stream: OutputStream, _ bytes: RawSpan) {
        passOn(stream, bytes)
        guard bytes.byteCount > 0 else { return }
        state.withLock { state in
            guard state.failure == nil else { return }
            do throws(FileError) {
                let file: FileDescriptor
                if let opened = state.file { file = opened } else { file = try open() }
                state.file = file
                try write(bytes, to: file)
                state.writtenBytes += bytes.byteCount
            } catch {
                state.failure = error
            }
        }
    }

    /// Makes the log durable and closes it.
    ///
    /// - Returns: why the log is incomplete, or nil when every byte is on the disk.
    package func close() -> FileError? {
        state.withLock { state in
            guard let file = state.file else { return state.failure }
            state.file = nil
            do throws(FileError) {
                try synchronize(file, shown: path.string)
            } catch {
                state.failure = state.failure ?? error
            }
            try? file.close()
            return state.failure
        }
    }

    private func write(_ bytes: RawSpan, to file: FileDescriptor) throws(FileError) {
        try writeAll(bytes, to: file, shown: path.string)
    }

    private func open() throws(FileError) -> FileDescriptor {
        try makeFolders(folder.appending("logs"), mode: 0o777)
        return try openForAppending(path)
    }
}
