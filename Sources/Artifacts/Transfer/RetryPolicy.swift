/// How often, and how soon, something that failed for a passing reason is tried again.
package struct RetryPolicy: Sendable {
    package var maximumRetries: Int
    /// The first pause; each further one is twice as long, up to `longestPause`.
    ///
    /// Half of it is random.
    package var firstPause: Duration
    /// No pause is longer, whatever the other side asks for.
    package var longestPause: Duration

    package init(
        maximumRetries: Int = 3, firstPause: Duration = .milliseconds(250), longestPause: Duration = .seconds(30)
    ) {
        self.maximumRetries = maximumRetries
        self.firstPause = firstPause
        self.longestPause = longestPause
    }

    package static let standard = RetryPolicy()
    package static let none = RetryPolicy(maximumRetries: 0)

    /// Runs `attempt` until it succeeds, fails for good, or all retries are used; tells it which attempt it is, from 0.
    func run<Result>(_ attempt: (Int) async throws -> Result) async throws -> Result {
        var number = 0
        while true {
            do {
                return try await attempt(number)
            } catch let error as ArtifactError where error.isTransient && number < maximumRetries {
                try await Task.sleep(for: pause(before: number, asked: error.retryAfter))
                number += 1
            }
        }
    }

    func pause(before number: Int, asked: Duration?) -> Duration {
        let doubled = firstPause * (1 << min(number, 16))
        let backoff = min(doubled, longestPause)
        let jittered = backoff / 2 + backoff / 2 * Double.random(in: 0...1)
        return min(max(jittered, asked ?? .zero), longestPause)
    }
}
