import Diagnostics
import Synchronization
import SystemPackage

/// What a runner that died had kept of a job's log already.
///
/// Whoever follows the job again gets its log from the beginning, or from where its engine has not given it up yet; what is in the run's log
/// file is not passed on a second time, and what is in neither is told as missing.
package final class KnownOutput: Sendable {
    private struct State {
        var file: FileDescriptor?
        /// Where in the file the next byte should be.
        var offset: Int64 = 0
        /// Whether a log that does not begin as the file does has lost its beginning.
        var findsGaps: Bool
        /// Whether the log was found to begin within the file.
        var isMoved = false
    }

    private struct Gap {
        /// Whether the file's last line has no end.
        var isWithinLine: Bool
    }

    /// What stands in a log where some of it could not be had any more.
    package static let gapMark = "[swiftflow: a part of the output is missing here; its engine no longer had it]\n"
    /// How far back in the file a log may begin that is not whole any more: engines keep less.
    private static let searchedSize: Int64 = 32 << 20

    private let state: Mutex<State>
    private let report: @Sendable (LaunchEvent) -> Void

    /// - Parameter isOneStream: whether the log comes in the very order in which it came before, so that any difference means a loss; two
    ///   streams may meet in another order.
    package init(of job: Job, isOneStream: Bool) {
        let path = job.artifactFolder.map { $0.appending(RunLog.artifactPath) }
        state = Mutex(
            State(file: path.flatMap { try? FileDescriptor.open($0, .readOnly) }, findsGaps: isOneStream))
        report = job.report
    }

    deinit {
        state.withLock { try? $0.file?.close() }
    }

    /// Passes on what comes after the part that is known.
    package func skipping(_ output: @escaping @Sendable (RawSpan) -> Void) -> @Sendable (RawSpan) -> Void {
        { bytes in
            var gap: Gap?
            let new = self.state.withLock { Self.new(bytes, &$0, gap: &gap) }
            if let gap {
                self.report(
                    .warning(
                        Diagnostic(
                            .warning,
                            "a part of what the job wrote while no runner followed it is missing: its engine no longer had it"
                        )
                    ))
                let mark = Array(((gap.isWithinLine ? "\n" : "") + Self.gapMark).utf8)
                unsafe output(mark.span.bytes)
            }
            switch new {
            case .rest(let known):
                if known < bytes.byteCount { output(bytes.extracting(known..<bytes.byteCount)) }
            case .bytes(let all): unsafe output(all.span.bytes)
            }
        }
    }

    private enum New {
        /// All but so many of the bytes.
        case rest(known: Int)
        case bytes([UInt8])
    }

    private static func new(_ bytes: RawSpan, _ state: inout State, gap: inout Gap?) -> New {
        guard state.file != nil else { return .rest(known: 0) }
        let beginning = state.offset
        let known = matching(bytes, &state)
        guard known < bytes.byteCount, let file = state.file else { return .rest(known: known) }
        guard state.findsGaps, !isAtEnd(file, state.offset) else {
            // From the first byte that is not in the file, everything is new.
            close(&state)
            return .rest(known: known)
        }
        guard !state.isMoved else {
            // The place looked like its beginning and was not.
            gap = Gap(isWithinLine: !endsLine(file))
            close(&state)
            return .rest(known: known)
        }
        // The log does not begin where the file does.
        state.isMoved = true
        var log = read(file, 0, Int(clamping: beginning))
        unsafe bytes.withUnsafeBytes { unsafe log.append(contentsOf: $0) }
        guard let place = place(of: log, in: file) else {
            gap = Gap(isWithinLine: !endsLine(file))
            close(&state)
            return .bytes(log)
        }
        let rest = Int(clamping: place.size - place.start)
        guard rest < log.count else {
            state.offset = place.start + Int64(log.count)
            return .rest(known: bytes.byteCount)
        }
        close(&state)
        return .bytes(Array(log[rest...]))
    }

    private static func endsLine(_ file: FileDescriptor) -> Bool {
        guard let size = try? file.seek(offset: 0, from: .end), size > 0 else { return true }
        return read(file, size - 1, 1).first == UInt8(ascii: "\n")
    }

    /// How many of the bytes are the ones that come next in the file.
    private static func matching(_ bytes: RawSpan, _ state: inout State) -> Int {
        guard let file = state.file else { return 0 }
        var matched = 0
        while matched < bytes.byteCount {
            let next = read(file, state.offset, min(65_536, bytes.byteCount - matched))
            var same = 0
            while same < next.count,
                unsafe bytes.unsafeLoad(fromByteOffset: matched + same, as: UInt8.self) == next[same]
            {
                same += 1
            }
            matched += same
            state.offset += Int64(same)
            if same < next.count || next.isEmpty { break }
        }
        return matched
    }

    /// The line of the file with which this log begins, so that all that follows in the file is the log's beginning.
    private static func place(of log: [UInt8], in file: FileDescriptor) -> (start: Int64, size: Int64)? {
        guard let size = try? file.seek(offset: 0, from: .end), let first = log.first else { return nil }
        let origin = max(0, size - searchedSize)
        let tail = read(file, origin, Int(clamping: size - origin))
        var start = tail.startIndex
        while start < tail.endIndex {
            // Half a line says too little.
            guard let end = tail[start...].firstIndex(of: UInt8(ascii: "\n")) else { return nil }
            let count = min(log.count, tail.endIndex - start)
            if tail[start] == first, tail[start..<start + count].elementsEqual(log[..<count]) {
                return (origin + Int64(start), size)
            }
            start = end + 1
        }
        return nil
    }

    private static func isAtEnd(_ file: FileDescriptor, _ offset: Int64) -> Bool { read(file, offset, 1).isEmpty }

    private static func read(_ file: FileDescriptor, _ offset: Int64, _ count: Int) -> [UInt8] {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: min(count, 1 << 20))
        while result.count < count {
            let wanted = min(buffer.count, count - result.count)
            let got =
                (try? unsafe buffer.withUnsafeMutableBytes {
                    unsafe try file.read(
                        fromAbsoluteOffset: offset + Int64(result.count), into: .init(rebasing: $0[..<wanted]))
                }) ?? 0
            guard got > 0 else { break }
            result += buffer[..<got]
        }
        return result
    }

    private static func close(_ state: inout State) {
        try? state.file?.close()
        state.file = nil
    }
}
