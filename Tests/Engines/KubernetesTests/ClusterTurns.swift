import Synchronization
import Testing

/// Lets a few tests at a time have the one cluster, and some of them all of it, because they take it away from all others.
///
/// In the order in which they ask.
final class ClusterTurns: Sendable {
    static let shared = ClusterTurns(places: 4)

    private struct State {
        var free: Int
        var waiting: [(places: Int, continuation: CheckedContinuation<Void, Never>)] = []

        mutating func admit() -> [CheckedContinuation<Void, Never>] {
            var admitted: [CheckedContinuation<Void, Never>] = []
            while let next = waiting.first, next.places <= free {
                waiting.removeFirst()
                free -= next.places
                admitted.append(next.continuation)
            }
            return admitted
        }
    }

    private let places: Int
    private let state: Mutex<State>

    init(places: Int) {
        self.places = places
        state = Mutex(State(free: places))
    }

    func take(all: Bool, _ work: () async throws -> Void) async rethrows {
        let wanted = all ? places : 1
        await withCheckedContinuation { continuation in
            let admitted = state.withLock { state in
                state.waiting.append((wanted, continuation))
                return state.admit()
            }
            for each in admitted { each.resume() }
        }
        defer {
            let admitted = state.withLock { state in
                state.free += wanted
                return state.admit()
            }
            for each in admitted { each.resume() }
        }
        try await work()
    }
}

/// Every test of the suite waits for its turn.
struct TakesTurns: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        let all = test.traits.contains { $0 is NeedsWholeCluster }
        try await ClusterTurns.shared.take(all: all) { try await function() }
    }
}

/// The test takes the API server away, or places from pods of others.
struct NeedsWholeCluster: TestTrait {}

extension Trait where Self == TakesTurns {
    static var takesTurns: TakesTurns { TakesTurns() }
}

extension Trait where Self == NeedsWholeCluster {
    static var needsWholeCluster: NeedsWholeCluster { NeedsWholeCluster() }
}
