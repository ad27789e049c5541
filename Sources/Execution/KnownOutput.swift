import Synchronization
import SystemPackage

/// What a runner that died had kept of a job's log already.
///
/// Whoever follows the job again gets its log from the beginning; what is in the run's log file is not passed on a second time.
package final class KnownOutput: Sendable {
    private struct State {
        var file: FileDescriptor?
        var offset: Int64 = 0
    }

    private let state: Mutex<State>

    package init(of job: Job) {
        let path = job.artifactFolder.map { $0.appending(RunLog.artifactPath) }
        state = Mutex(State(file: path.flatMap { try? FileDescriptor.open($0, .readOnly) }))
    }

    deinit {
        state.withLock { try? $0.file?.close() }
    }

    /// Passes on what comes after the part that is known.
    package func skipping(_ output: @escaping @Sendable (RawSpan) -> Void) -> @Sendable (RawSpan) -> Void {
        { bytes in
            let known = self.state.withLock { Self.known(bytes, &$0) }
            if known < bytes.byteCount { output(bytes.extracting(known..<bytes.byteCount)) }
        }
    }

    /// How many of the bytes are the ones that come next in the file; from the first that is not, everything is new.
    private static func known(_ bytes: RawSpan, _ state: inout State) -> Int {
        guard let file = state.file else { return 0 }
        var matched = 0
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while matched < bytes.byteCount {
            let wanted = min(buffer.count, bytes.byteCount - matched)
            let count =
                (try? unsafe buffer.withUnsafeMutableBytes {
                    unsafe try file.read(fromAbsoluteOffset: state.offset, into: .init(rebasing: $0[..<wanted]))
                }) ?? 0
            var same = 0
            while same < count, unsafe bytes.unsafeLoad(fromByteOffset: matched + same, as: UInt8.self) == buffer[same]
            {
                same += 1
            }
            matched += same
            state.offset += Int64(same)
            if same < wanted {
                try? file.close()
                state.file = nil
                return matched
            }
        }
        return matched
    }
}
