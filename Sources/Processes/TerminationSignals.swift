import CLinux
import Glibc
import Synchronization

/// The signals by which a person or a system asks this program to end, as a sequence instead of a sudden death.
package enum TerminationSignals {
    /// Catches the signals from now on; every one that arrives is an element, so that a second Ctrl-C can be told from the first.
    ///
    /// Call it before the first thing that must be cleaned up. A signal that was ignored when the program started (`nohup`, a
    /// shell's background job) stays ignored. Writing to a closed pipe becomes an error instead of a signal. Processes started by the keeper
    /// have default signals in any case.
    package static func install(_ signals: [Int32] = [SIGINT, SIGTERM, SIGHUP]) -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream<Int32>.makeStream()
        SignalWatch.ignore(SIGPIPE)
        // A file that has reached its size limit is a failed write (R19), not a death.
        SignalWatch.ignore(SIGXFSZ)
        for number in signals where !SignalWatch.isIgnored(number) {
            SignalWatch.shared.observe(number) { continuation.yield($0) }
        }
        return stream
    }

    /// Ends this program by the signal itself, so that its parent sees the truth (a shell stops its loop then).
    package static func die(of signal: Int32) -> Never {
        _ = Glibc.signal(signal, SIG_DFL)
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, signal)
        unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
        raise(signal)
        exit(128 + signal)
    }
}

/// Opens `/dev/null` for those of the descriptors 0 to 2 that are closed, so that no other file takes their place.
package func openStandardDescriptors() {
    for number in Int32(0)...2 where fcntl(number, F_GETFD) < 0 {
        // The lowest free number is the one that is missing.
        _ = unsafe open("/dev/null", O_RDWR)
    }
}

/// Turns signals into calls on a thread of its own.
///
/// A handler that writes to a pipe, and not signalfd: that needs the signals blocked in every thread of the process, also in those that
/// the runtime and the libraries have started before.
final class SignalWatch: Sendable {
    static let shared = SignalWatch()

    private let observers = Mutex<[Int32: [@Sendable (Int32) -> Void]]>([:])

    static func ignore(_ number: Int32) {
        _ = signal(number, SIG_IGN)
    }

    static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard unsafe sigaction(number, nil, &action) == 0 else { return false }
        return unsafe swiftflow_is_ignored(&action) != 0
    }

    /// Calls `observer` for each arrival of the signal, in order.
    func observe(_ number: Int32, _ observer: @escaping @Sendable (Int32) -> Void) {
        let isFirst = observers.withLock { observers in
            observers[number, default: []].append(observer)
            return observers.count == 1 && observers[number]?.count == 1
        }
        if isFirst { openPipe() }
        var action = sigaction()
        unsafe sigemptyset(&action.sa_mask)
        action.sa_flags = SA_RESTART
        unsafe action.__sigaction_handler.sa_handler = noteSignal
        unsafe sigaction(number, &action, nil)
    }

    private func openPipe() {
        var ends: [Int32] = [-1, -1]
        let opened = unsafe ends.withUnsafeMutableBufferPointer { ends in
            unsafe ends.baseAddress.map { unsafe swiftflow_message_sockets($0) } ?? -1
        }
        guard opened == 0 else { return }
        let reader = ends[1]
        signalPipe.store(ends[0], ordering: .releasing)
        _ = startThread(named: "signals") {
            while true {
                var number: UInt8 = 0
                let count = unsafe read(reader, &number, 1)
                if count == 1 { self.call(Int32(number)) } else if errno != EINTR { return }
            }
        }
    }

    private func call(_ number: Int32) {
        for observer in observers.withLock({ $0[number] ?? [] }) { observer(number) }
    }
}

/// Where the handler writes.
///
/// It is initialised before any handler is installed, so the handler only loads it.
private let signalPipe = Atomic<Int32>(-1)

/// The handler: only calls that are allowed in one (an atomic load and `write`, which does not block), and `errno` as it was.
private func noteSignal(_ number: Int32) {
    let before = errno
    var byte = UInt8(truncatingIfNeeded: number)
    _ = unsafe write(signalPipe.load(ordering: .acquiring), &byte, 1)
    errno = before
}
