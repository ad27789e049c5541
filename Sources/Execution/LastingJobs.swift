import Synchronization

/// Says of jobs that they are still there after a moment; most are over before, and cost hardly anything for it.
///
/// All of them are waited for by one task, which ends when there are none.
final class LastingJobs: Sendable {
    /// A job that has begun.
    struct Entry: Sendable {
        fileprivate let number: UInt64
    }

    private struct Waiting {
        let number: UInt64
        let time: ContinuousClock.Instant
        let tell: @Sendable () async -> Void
    }

    private struct State {
        /// The first is the next one.
        var waiting: [Waiting] = []
        var telling: [UInt64: Task<Void, Never>] = [:]
        var nextNumber: UInt64 = 0
        var isWatched = false
    }

    private static var moment: Duration { .milliseconds(100) }

    private let state = Mutex(State())

    /// Does `tell` once the moment is over, unless the job is.
    func begin(_ tell: @escaping @Sendable () async -> Void) -> Entry {
        let (number, isWatched) = state.withLock { state in
            defer {
                state.nextNumber += 1
                state.isWatched = true
            }
            let time = ContinuousClock.now + Self.moment
            state.waiting.append(Waiting(number: state.nextNumber, time: time, tell: tell))
            return (state.nextNumber, state.isWatched)
        }
        if !isWatched { Task { await watch() } }
        return Entry(number: number)
    }

    /// The job is over: nothing is told of it any more once this returns.
    func end(_ entry: Entry) async {
        let telling = state.withLock { state -> Task<Void, Never>? in
            if let place = state.waiting.firstIndex(where: { $0.number == entry.number }) {
                state.waiting.remove(at: place)
                return nil
            }
            return state.telling.removeValue(forKey: entry.number)
        }
        await telling?.value
    }

    private func watch() async {
        while let time = nextTime() {
            try? await Task.sleep(until: time, clock: .continuous)
            state.withLock { state in
                let now = ContinuousClock.now
                let due = state.waiting.prefix { $0.time <= now }
                for job in due { state.telling[job.number] = Task { await job.tell() } }
                state.waiting.removeFirst(due.count)
            }
        }
    }

    /// When the next job has lasted for a moment; nil, and nobody watches any more, when there is none.
    private func nextTime() -> ContinuousClock.Instant? {
        state.withLock { state in
            if state.waiting.isEmpty { state.isWatched = false }
            return state.waiting.first?.time
        }
    }
}
