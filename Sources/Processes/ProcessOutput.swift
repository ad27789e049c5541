import CLinux
import Glibc
import Synchronization

/// The two streams of one process, on the runner's side.
///
/// Any thread of the pump may serve it, but only one at a time: `receive` is never called twice at once for a process.
final class ProcessOutput: Sendable {
    /// What a pump thread is asked to do, as bits.
    struct Work: OptionSet {
        let rawValue: UInt8
        static let readOutput = Work(rawValue: 1)
        static let readError = Work(rawValue: 2)
        /// The process has ended but someone outside its tree still holds a pipe: take what is there and close.
        static let cutOff = Work(rawValue: 4)
    }

    private struct Streams {
        var output: Int32?
        var error: Int32?
        var received = 0
        var hasLargePipes = false

        var areClosed: Bool { output == nil && error == nil }
    }

    private let handling: OutputHandling
    private let pending = Atomic<UInt8>(0)
    /// As they were opened; `streams` knows which of them are still open.
    private let descriptors: (output: Int32, error: Int32)
    private let streams: Mutex<Streams>
    private let whenClosed: @Sendable () -> Void

    /// Takes over both descriptors, which must not block.
    init(
        output: consuming Descriptor, error: consuming Descriptor, handling: OutputHandling,
        whenClosed: @escaping @Sendable () -> Void
    ) {
        self.handling = handling
        self.whenClosed = whenClosed
        descriptors = (output.release(), error.release())
        streams = Mutex(Streams(output: descriptors.output, error: descriptors.error))
    }

    deinit {
        streams.withLock { streams in
            if let output = streams.output { _ = close(output) }
            if let error = streams.error { _ = close(error) }
        }
    }

    /// Lets the poller report both streams, once after `init`.
    func watch(with poller: EventPoller, number: UInt64) {
        // Not under the lock: only who serves may hold it, since who finds it taken relies on the holder to look again.
        // Nothing closes a stream before it is watched.
        for (descriptor, work) in [(descriptors.output, Work.readOutput), (descriptors.error, .readError)] {
            _ = poller.watch(
                descriptor, OutputPump.eventNumber(number, work), EventPoller.readable | EventPoller.once)
        }
    }

    /// Does the work, or leaves it to the thread that is busy with this process at the moment.
    ///
    /// - Returns: whether both streams are closed now, by this call.
    func serve(_ work: Work, buffer: UnsafeMutableRawBufferPointer, poller: EventPoller, number: UInt64) -> Bool {
        pending.bitwiseOr(work.rawValue, ordering: .sequentiallyConsistent)
        var hasClosed = false
        // Whoever cannot take the lock has left its bits before trying; whoever holds it looks at the bits again after
        // letting go. So no work is left behind, and no thread waits for another one's receiver.
        while pending.load(ordering: .sequentiallyConsistent) != 0 {
            let served: Bool? = streams.withLockIfAvailable { streams in
                guard !streams.areClosed else {
                    _ = pending.exchange(0, ordering: .sequentiallyConsistent)
                    return false
                }
                let work = Work(rawValue: pending.exchange(0, ordering: .sequentiallyConsistent))
                let isLast = work.contains(.cutOff)
                for (place, stream, bit) in [
                    (\Streams.output, OutputStream.standardOutput, Work.readOutput),
                    (\Streams.error, OutputStream.standardError, Work.readError),
                ] {
                    guard let descriptor = streams[keyPath: place], isLast || work.contains(bit) else { continue }
                    let isOpen = unsafe transfer(
                        from: descriptor, stream, buffer: buffer, streams: &streams,
                        limit: isLast ? Int(swiftflow_readable_bytes(descriptor)) : Self.turn)
                    if isOpen && !isLast {
                        poller.rewatch(
                            descriptor, OutputPump.eventNumber(number, bit), EventPoller.readable | EventPoller.once)
                    } else {
                        _ = close(descriptor)
                        streams[keyPath: place] = nil
                    }
                }
                return streams.areClosed
            }
            guard let served else { break }
            hasClosed = hasClosed || served
        }
        if hasClosed { whenClosed() }
        return hasClosed
    }

    /// At most so much of one stream in one go, so that others get their turn.
    private static let turn = 4 << 20

    /// Reads what is there and gives it away.
    ///
    /// - Returns: false at the end of the stream.
    private func transfer(
        from descriptor: Int32, _ stream: OutputStream, buffer: UnsafeMutableRawBufferPointer,
        streams: inout Streams, limit: Int
    ) -> Bool {
        var rest = limit
        while rest > 0 {
            let count = unsafe read(descriptor, buffer.baseAddress, min(buffer.count, rest))
            if count < 0 {
                if errno == EINTR { continue }
                // EIO is how a terminal says that its other side is closed.
                return errno == EAGAIN
            }
            if count == 0 { return false }
            unsafe handling.receive(stream, UnsafeRawBufferPointer(rebasing: buffer[..<count]).bytes)
            rest -= count
            streams.received += count
            if streams.received > 1 << 20 && !streams.hasLargePipes { enlargePipes(&streams) }
        }
        return true
    }

    /// A process that writes much gets large pipes; not every one, since a user's pipe memory is limited (64 MiB as a rule).
    private func enlargePipes(_ streams: inout Streams) {
        streams.hasLargePipes = true
        for descriptor in [streams.output, streams.error] {
            if let descriptor { _ = swiftflow_set_pipe_size(descriptor, 1 << 20) }
        }
    }
}
