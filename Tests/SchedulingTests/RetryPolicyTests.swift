import Execution
import Testing

@testable import Scheduling

@Suite struct RetryPolicyTests {
    static let exact = RetryPolicy(times: 10, delay: 10_000, backoff: 2, maximumDelay: 60_000, jitter: 0)

    @Test(arguments: [(1, 10_000), (2, 20_000), (3, 40_000), (4, 60_000), (1_000_000_000, 60_000)])
    func `delays grow up to their limit`(failures: Int, delay: Milliseconds) {
        #expect(Self.exact.delay(afterFailure: failures, seed: 1) == delay)
    }

    @Test(arguments: [
        RetryPolicy(times: .max, delay: .max, backoff: 0x1p63, maximumDelay: .max, jitter: 1),
        RetryPolicy(times: -1, delay: -5, backoff: -3, maximumDelay: -1, jitter: -0.5),
        RetryPolicy(times: 1, delay: 1, backoff: .nan, maximumDelay: .max, jitter: .nan),
        RetryPolicy(times: 1, delay: 0, backoff: .infinity, maximumDelay: .max, jitter: .infinity),
    ])
    func `W-08: arithmetic with senseless numbers saturates`(policy: RetryPolicy) {
        for failures in [Int.min, 0, 1, 2, 1_000_000_000, .max] {
            for seed in [UInt64.min, 1, .max] {
                let delay = policy.delay(afterFailure: failures, seed: seed)
                #expect(delay >= 0 && delay <= 1 << 62)
            }
        }
    }

    @Test func `jitter stays within its part and depends on the seed alone`() {
        var policy = Self.exact
        policy.jitter = 0.1
        let delays = (0..<100).map { policy.delay(afterFailure: 1, seed: $0) }
        #expect(delays.allSatisfy { (9_000...11_000).contains($0) })
        #expect(Set(delays).count > 90)
        #expect(delays == (0..<100).map { policy.delay(afterFailure: 1, seed: $0) })
    }

    @Test func `W-08: a billion retries are counted, not stored`() {
        var simulation = Simulation([StepShape(name: "a", retry: RetryPolicy(times: 1_000_000_000, delay: 0))])
        simulation.script = { _, attempt in .init(duration: 1, end: attempt < 1000 ? .exits : .succeeded) }
        simulation.run()
        #expect(simulation.attempts("a") == 1000)
    }

    @Test func `hashes of texts are the same in every process`() {
        #expect(stableHash("a", "b") == 0xD2B371819297F98A)
        #expect(stableHash("ab", "") != stableHash("a", "b"))
    }
}
