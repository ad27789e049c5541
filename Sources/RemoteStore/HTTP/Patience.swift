import Synchronization

/// Runs `body` to its end although the caller is cancelled, but after that for no longer than `grace`.
func finishing<Result: Sendable>(
    within grace: Duration, _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    // No child of the caller's task, whose cancellation it must outlive; it is awaited below, so that it is never left alone.
    let work = Task { try await body() }
    let expiry = Mutex<Task<Void, Never>?>(nil)
    defer { expiry.withLock { $0 }?.cancel() }
    return try await withTaskCancellationHandler {
        try await work.value
    } onCancel: {
        expiry.withLock {
            $0 = Task {
                // Ended early when the work is done, and then there is nothing to cancel.
                guard (try? await Task.sleep(for: grace)) != nil else { return }
                work.cancel()
            }
        }
    }
}

/// What `body` returns, or nil when it has not ended in time; it is cancelled then.
func withinTime<Result: Sendable>(
    _ limit: Duration, _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result? {
    try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        // Both tasks deliver something, so that there is a first.
        return try await group.next() ?? nil
    }
}
