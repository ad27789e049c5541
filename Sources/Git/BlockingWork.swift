import Processes

/// Runs file work that may take long on a thread of its own: the cooperative pool must never wait for a disk.
func offThePool<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        let work = { @Sendable in continuation.resume(with: Swift.Result(catching: body)) }
        // Without a thread left the work is still done.
        if !startThread(named: "git cache", work) { work() }
    }
}
