import Synchronization
import SystemPackage
import Tracking

/// A piece of work for a connection, and the task that waits for its result.
protocol ConnectionCall: Sendable {
    /// Performs the work and keeps its outcome; throws what it threw.
    func perform(on connection: Connection) throws
    /// Answers the waiting task with the outcome; `path` names the store in the error of a failed statement.
    func finish(path: FilePath)
    /// Answers the waiting task with an error, whatever the outcome was.
    func fail(_ error: any Error)
}

/// The one kind of call there is, for any type of result.
final class PendingCall<Value: Sendable>: ConnectionCall {
    private let body: @Sendable (Connection) throws -> Value
    private let continuation: CheckedContinuation<Value, any Error>
    private let outcome = Mutex<Result<Value, any Error>?>(nil)

    init(
        _ body: @escaping @Sendable (Connection) throws -> Value, _ continuation: CheckedContinuation<Value, any Error>
    ) {
        self.body = body
        self.continuation = continuation
    }

    func perform(on connection: Connection) throws {
        do {
            let value = try body(connection)
            outcome.withLock { $0 = .success(value) }
        } catch {
            outcome.withLock { $0 = .failure(error) }
            throw error
        }
    }

    func finish(path: FilePath) {
        guard let outcome = outcome.withLock({ $0 }) else { return fail(CancellationError()) }
        continuation.resume(
            with: outcome.mapError { $0 is SQLiteFailure ? TrackingError(explaining: $0, path: path) : $0 })
    }

    func fail(_ error: any Error) {
        continuation.resume(throwing: error)
    }
}

/// A call that has been performed, and what its task is to be told.
struct Answer {
    let call: any ConnectionCall
    /// What went wrong around the call; `nil`: its own outcome counts.
    let error: (any Error)?

    func deliver(path: FilePath) {
        if let error { call.fail(error) } else { call.finish(path: path) }
    }
}

/// A connection that only one queue uses.
///
/// `@unchecked Sendable` holds because `connection` is only touched by work on the owner's serial queue.
final class ConfinedConnection: @unchecked Sendable {
    var connection: Connection?
}
