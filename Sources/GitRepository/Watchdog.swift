import CGit2
package import GitMessages
import Glibc
import Synchronization

/// Ends the worker when its work takes too long, its server is silent, or its program is gone.
///
/// A thread of its own, because libgit2's calls block and know no limits; so it also does what SIGTERM asks for. It looks at the kernel's count of received bytes, so it sees
/// progress in every phase, and at the counts the work itself reports. Time is counted in steps of at most a second:
/// a worker that was stopped for an hour and goes on has not lost an hour.
package final class Watchdog: Sendable {
    private struct State {
        var limits: GitLimits
        var place = ""
        var phase = GitProgress.Phase.writing
        /// Grows with every sign of work.
        var reports: UInt64 = 0
    }

    private let state: Mutex<State>
    private let emit: @Sendable (GitEvent) -> Void
    private let parent = getppid()

    package init(limits: GitLimits, emit: @escaping @Sendable (GitEvent) -> Void) {
        state = Mutex(State(limits: limits))
        self.emit = emit
    }

    /// Tells the watchdog what the work is doing; any call counts as a sign of work.
    package func note(_ phase: GitProgress.Phase) {
        state.withLock {
            $0.phase = phase
            $0.reports &+= 1
        }
    }

    package func watch(place: String) {
        state.withLock { $0.place = place }
    }

    /// Starts the thread; it ends with the process.
    package func start() {
        _ = signal(SIGTERM) { _ in isAskedToEnd.store(true, ordering: .releasing) }
        var thread = pthread_t()
        // The thread owns one reference, which it never gives back: it runs as long as the process.
        let own = unsafe Unmanaged.passRetained(self).toOpaque()
        let result = unsafe pthread_create(
            &thread, nil,
            { own in
                if let own = unsafe own { unsafe Unmanaged<Watchdog>.fromOpaque(own).takeUnretainedValue().run() }
                return nil
            }, own)
        precondition(result == 0, "the watchdog's thread cannot be started")
    }

    private func run() {
        var clock = WatchdogClock()
        var last = ContinuousClock.now
        var sinceSign = Duration.zero
        while true {
            usleep(100_000)
            if getppid() != parent { endWorker(4) }
            if isAskedToEnd.load(ordering: .acquiring) { endWorker(128 + SIGTERM) }
            let now = ContinuousClock.now
            let step = min(now - last, .seconds(1))
            last = now
            let state = state.withLock { $0 }
            let network = receivedBytes()
            if let failure = clock.advance(
                by: step, phase: state.phase, reports: state.reports, isConnected: network.isConnected,
                received: network.bytes, limits: state.limits, place: state.place)
            {
                emit(.failed(failure))
                endWorker(3)
            }
            sinceSign += step
            if sinceSign >= .seconds(1) {
                sinceSign = .zero
                emit(.alive)
            }
        }
    }

    /// Sums what all TCP connections of the process have received.
    private func receivedBytes() -> (isConnected: Bool, bytes: UInt64) {
        var isConnected = false
        var total: UInt64 = 0
        for descriptor: Int32 in 3..<64 {
            var state: Int32 = 0
            var received: UInt64 = 0
            guard unsafe swiftflow_tcp_activity(descriptor, &state, &received) == 1 else { continue }
            // Anything but SYN_SENT stands, or has stood.
            if state != 2 { isConnected = true }
            total &+= received
        }
        return (isConnected, total)
    }
}

/// Set by the handler of SIGTERM, which may do no more than that.
private let isAskedToEnd = Atomic(false)

/// The watchdog's judgement, without its thread.
struct WatchdogClock {
    private var total = Duration.zero
    private var waiting = Duration.zero
    private var silent = Duration.zero
    private var window = Duration.zero
    private var windowBytes: UInt64 = 0
    private var lastBytes: UInt64 = 0
    private var lastReports: UInt64 = 0
    private var hasConnected = false

    /// - Returns: why the work must end now.
    mutating func advance(
        by step: Duration, phase: GitProgress.Phase, reports: UInt64, isConnected: Bool, received: UInt64,
        limits: GitLimits, place: String
    ) -> GitFailure? {
        total += step
        if total > limits.total { return failure("took longer than \(limits.total)", place, limits) }
        let isWorking = reports != lastReports
        lastReports = reports
        // A new connection of the same process counts from zero.
        let gained = received >= lastBytes ? received - lastBytes : received
        lastBytes = received
        guard phase == .connecting || phase == .receiving else {
            silent = isWorking || phase == .waiting ? .zero : silent + step
            window = .zero
            return silent > limits.total ? failure("does not go on", place, limits) : nil
        }
        if isConnected { hasConnected = true }
        if !hasConnected {
            waiting += step
            return waiting > limits.connect
                ? failure("could not be reached within \(limits.connect)", place, limits) : nil
        }
        silent = gained > 0 ? .zero : silent + step
        if silent > limits.silence { return failure("has sent nothing for \(limits.silence)", place, limits) }
        window += step
        windowBytes &+= gained
        guard window > limits.silence else { return nil }
        defer {
            window = .zero
            windowBytes = 0
        }
        return windowBytes < UInt64(max(0, limits.slowestBytes))
            ? failure("sent only \(windowBytes) bytes in \(limits.silence)", place, limits) : nil
    }

    private func failure(_ what: String, _ place: String, _ limits: GitLimits) -> GitFailure {
        GitFailure(.timeLimit, "'\(place)' \(what)", remedy: "try again later; what was fetched before is kept")
    }
}
