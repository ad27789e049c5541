import Synchronization
import Tracking

@testable import Scheduling

/// Time that stands still until a test moves it; whoever sleeps wakes in the order of the times.
final class ManualClock: PipelineClock {
    private struct Sleeper {
        var time: Milliseconds
        var continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var now: Milliseconds
        var sleepers: [Int: Sleeper] = [:]
        /// Sleeps that were cancelled before they began.
        var cancelled: Set<Int> = []
        var next = 0
    }

    private let state: Mutex<State>

    init(now: Milliseconds) {
        state = Mutex(State(now: now))
    }

    func now() -> Milliseconds { state.withLock { $0.now } }

    func sleep(until time: Milliseconds) async {
        let id = state.withLock { state in
            state.next += 1
            return state.next
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.cancelled.remove(id) != nil || time <= state.now { return true }
                    state.sleepers[id] = Sleeper(time: time, continuation: continuation)
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                let sleeper = state.sleepers.removeValue(forKey: id)
                if sleeper == nil { state.cancelled.insert(id) }
                return sleeper
            }
            sleeper?.continuation.resume()
        }
    }

    /// Goes on to that time; nothing that is due later wakes.
    func advance(to time: Milliseconds) {
        let due = state.withLock { state in
            state.now = max(state.now, time)
            let due = state.sleepers.filter { $0.value.time <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.sorted { $0.time < $1.time }
        }
        due.forEach { $0.continuation.resume() }
    }

    func advance(by duration: Milliseconds) { advance(to: now() + duration) }

    /// Goes on to the first time at which somebody wakes; false when nobody sleeps.
    @discardableResult
    func advanceToNext() -> Bool {
        guard let time = state.withLock({ $0.sleepers.values.map(\.time).min() }) else { return false }
        advance(to: time)
        return true
    }
}
