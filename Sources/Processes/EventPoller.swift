import CLinux
import Diagnostics
import Glibc

/// Waits for many descriptors at once (epoll), and can be woken by hand.
final class EventPoller: Sendable {
    struct Event {
        /// The number given to `watch`, or `EventPoller.wakeUp`.
        var number: UInt64
        var flags: UInt32
    }

    static let wakeUp = UInt64.max
    static let readable = UInt32(EPOLLIN.rawValue)
    static let writable = UInt32(EPOLLOUT.rawValue)
    /// Report once, then stay silent until `rewatch`.
    static let once = UInt32(EPOLLONESHOT.rawValue)

    private let poller: Descriptor
    private let alarm: Descriptor

    init() throws(ProcessError) {
        let poller = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard poller >= 0 else { throw ProcessError(startFailure: "cannot watch processes", error: lastErrno) }
        self.poller = Descriptor(poller)
        // A semaphore: every `wake()` is one event for one waiting thread.
        let flags = EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE
        let alarm = eventfd(0, Int32(flags))
        guard alarm >= 0 else { throw ProcessError(startFailure: "cannot watch processes", error: lastErrno) }
        self.alarm = Descriptor(alarm)
        guard watch(alarm, Self.wakeUp, Self.readable) else {
            throw ProcessError(startFailure: "cannot watch processes", error: lastErrno)
        }
    }

    /// Starts to report a descriptor; closing it ends that.
    func watch(_ descriptor: Int32, _ number: UInt64, _ flags: UInt32) -> Bool {
        swiftflow_watch(poller.number, EPOLL_CTL_ADD, descriptor, flags, number) == 0
    }

    /// Changes what is reported of a watched descriptor.
    func rewatch(_ descriptor: Int32, _ number: UInt64, _ flags: UInt32) {
        _ = swiftflow_watch(poller.number, EPOLL_CTL_MOD, descriptor, flags, number)
    }

    /// Blocks the thread until something happens.
    ///
    /// - Returns: nil when the time is over or the wait was interrupted.
    func wait(milliseconds: Int32) -> Event? {
        var event = Event(number: 0, flags: 0)
        let count = unsafe swiftflow_wait_for_event(poller.number, &event.number, &event.flags, milliseconds)
        guard count > 0 else { return nil }
        if event.number == Self.wakeUp {
            var count: UInt64 = 0
            // Another thread may have been faster; then this one was woken for nothing.
            guard unsafe read(alarm.number, &count, 8) == 8 else { return nil }
        }
        return event
    }

    func wake() {
        var one: UInt64 = 1
        _ = unsafe write(alarm.number, &one, 8)
    }
}
