import Glibc

/// The time of a pipeline: real, or that of a test.
package protocol PipelineClock: Sendable {
    func now() -> Milliseconds
    /// Returns at that time, or earlier when the task is cancelled.
    func sleep(until time: Milliseconds) async
}

/// Wall-clock time that never jumps: it is read once, and goes on by the monotonic clock.
package struct SteadyClock: PipelineClock {
    private let start: Milliseconds
    private let origin = ContinuousClock.now

    package init() {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
        start = Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    package func now() -> Milliseconds {
        saturatingSum(start, (ContinuousClock.now - origin).milliseconds)
    }

    package func sleep(until time: Milliseconds) async {
        let rest = time - now()
        guard rest > 0 else { return }
        // No timer waits longer than a day; the caller looks again.
        try? await Task.sleep(for: .milliseconds(min(rest, 86_400_000)))
    }
}

extension Duration {
    package var milliseconds: Milliseconds {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        return overflow ? (seconds < 0 ? .min : .max) : saturatingSum(product, attoseconds / 1_000_000_000_000_000)
    }
}
