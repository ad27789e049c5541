import Dispatch
import Synchronization
import SystemPackage
import Tracking

/// The one connection of the process that writes, and the queue before it.
///
/// Writes that come while a commit is being synced wait together and are committed together: many callers share one sync, and
/// each is answered only after it. A write that fails is undone alone; the others of its commit stand. A write may be performed
/// twice, the first time in a transaction that is rolled back.
///
/// After a failed write or sync the queue is finished: every later call fails, since what the system did with the lost pages
/// cannot be known (see R13 in `docs/security-and-reliability.md`).
final class WriteQueue: Sendable {
    /// A write that waits, and since when.
    private struct WaitingWrite {
        let call: any ConnectionCall
        let start = ContinuousClock.now
    }

    private struct State {
        var writes: [WaitingWrite] = []
        var reads: [any ConnectionCall] = []
        var isDraining = false
        var hasWritten = false
        var isClosed = false
        var failure: TrackingError?
        var figures = WriteFigures()
    }

    /// How many writes share a commit at most; bounds how long the first of them waits.
    private static let largestCommit = 1000

    private let path: FilePath
    private let open: @Sendable () throws -> Connection
    private let queue = DispatchQueue(label: "swiftflow.store.writer", qos: .userInitiated)
    private let confined = ConfinedConnection()
    private let state = Mutex(State())

    init(path: FilePath, open: @escaping @Sendable () throws -> Connection) {
        self.path = path
        self.open = open
    }

    var failure: TrackingError? {
        state.withLock { $0.failure }
    }

    var figures: WriteFigures {
        state.withLock { $0.figures }
    }

    // MARK: Calls

    func write<T: Sendable>(_ body: @escaping @Sendable (Connection) throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            let call = PendingCall(body, continuation)
            let refusal = enqueue { state in
                state.writes.append(WaitingWrite(call: call))
                state.figures.waiting += 1
                state.hasWritten = true
            }
            if let refusal { call.fail(refusal) }
        }
    }

    /// Performs work outside any transaction, between two commits.
    func read<T: Sendable>(_ body: @escaping @Sendable (Connection) throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            let call = PendingCall(body, continuation)
            if let refusal = enqueue({ $0.reads.append(call) }) { call.fail(refusal) }
        }
    }

    /// Takes over a read if that delays nobody; false otherwise.
    func enqueueIfIdle(_ call: any ConnectionCall, isShort: Bool) -> Bool {
        let (isTaken, mustStart) = state.withLock { state in
            guard !state.isDraining, !state.isClosed, state.failure == nil, isShort || !state.hasWritten else {
                return (false, false)
            }
            state.reads.append(call)
            state.isDraining = true
            return (true, true)
        }
        if mustStart { queue.async { self.drain() } }
        return isTaken
    }

    /// Reads in the caller's thread, if nobody uses the connection; nil otherwise.
    ///
    /// To wake another thread and be woken by it takes longer than a short read does.
    func readAtOnce<T>(_ body: (Connection) throws -> T) -> Result<T, any Error>? {
        let isIdle = state.withLock { state in
            guard !state.isDraining, !state.isClosed, state.failure == nil else { return false }
            state.isDraining = true
            return true
        }
        guard isIdle else { return nil }
        defer {
            let hasWork = state.withLock { state in
                state.isDraining = !state.reads.isEmpty || !state.writes.isEmpty
                return state.isDraining
            }
            if hasWork { queue.async { self.drain() } }
        }
        return queue.sync {
            // Elsewhere a read may have to wait for other processes.
            guard let connection = confined.connection, connection.usesWriteAheadLog else { return nil }
            return Result { try ReaderPool.read(from: connection, path: path, body) }
        }
    }

    func close() async {
        state.withLock { $0.isClosed = true }
        await withCheckedContinuation { continuation in
            queue.async {
                self.drain()
                self.confined.connection = nil
                continuation.resume()
            }
        }
    }

    /// Adds to the queue and wakes it; returns why it cannot.
    private func enqueue(_ add: (inout State) -> Void) -> TrackingError? {
        let (refusal, mustStart) = state.withLock { state -> (TrackingError?, Bool) in
            if let failure = state.failure { return (failure, false) }
            if state.isClosed { return (TrackingError(.invalidState, "the store '\(path)' has been closed"), false) }
            add(&state)
            defer { state.isDraining = true }
            return (nil, !state.isDraining)
        }
        if mustStart { queue.async { self.drain() } }
        return refusal
    }

    // MARK: On the queue

    private func drain() {
        var answers: [Answer] = []
        while true {
            let (reads, writes) = state.withLock { state -> ([any ConnectionCall], [WaitingWrite]) in
                let reads = state.reads
                let writes = Array(state.writes.prefix(Self.largestCommit))
                state.reads = []
                state.writes.removeFirst(writes.count)
                if reads.isEmpty, writes.isEmpty { state.isDraining = false }
                return (reads, writes)
            }
            // Only now, so that a caller that goes on at once finds the queue idle if it is.
            for answer in answers { answer.deliver(path: path) }
            if reads.isEmpty, writes.isEmpty { return }
            answers = perform(reads: reads, writes: writes.map(\.call))
            if !writes.isEmpty { noteCommit(of: writes) }
        }
    }

    private func noteCommit(of writes: [WaitingWrite]) {
        let end = ContinuousClock.now
        state.withLock { state in
            state.figures.waiting -= writes.count
            state.figures.commitSizes.add(Double(writes.count))
            for write in writes { state.figures.waits.add((end - write.start) / .seconds(1)) }
        }
    }

    private func perform(reads: [any ConnectionCall], writes: [any ConnectionCall]) -> [Answer] {
        let connection: Connection
        do {
            connection = try openedConnection()
        } catch {
            return (reads + writes).map { Answer(call: $0, error: error) }
        }
        return reads.map { ReaderPool.perform($0, on: connection, path: path) } + commit(writes, on: connection)
    }

    private func openedConnection() throws -> Connection {
        if let connection = confined.connection { return connection }
        let connection = try open()
        confined.connection = connection
        return connection
    }

    private func commit(_ calls: [any ConnectionCall], on connection: Connection) -> [Answer] {
        guard !calls.isEmpty else { return [] }
        if let failure { return calls.map { Answer(call: $0, error: failure) } }
        do {
            try connection.run("BEGIN IMMEDIATE")
            var outcome = try performTogether(calls, on: connection)
            if outcome == .mustBeUndone {
                try connection.run("ROLLBACK")
                try connection.run("BEGIN IMMEDIATE")
                outcome = try performApart(calls, on: connection)
            }
            try connection.run(outcome == .haveChanged ? "COMMIT" : "ROLLBACK")
        } catch {
            let explained = abandon(because: error, on: connection)
            return calls.map { Answer(call: $0, error: explained) }
        }
        return calls.map { Answer(call: $0, error: nil) }
    }

    private enum Outcome {
        /// Some call has succeeded: there is something to commit.
        case haveChanged
        case haveFailed
        /// A call has failed halfway, and its half must not be committed.
        case mustBeUndone
    }

    /// Performs the calls of one transaction, one after the other.
    ///
    /// Nearly every failing call fails before it has changed anything, so that there is nothing to undo. Savepoints would make SQLite keep
    /// the old content of every page that any call changes, which costs more than the changes themselves.
    ///
    /// - Throws: what ends the transaction for all of them.
    private func performTogether(_ calls: [any ConnectionCall], on connection: Connection) throws -> Outcome {
        var outcome = Outcome.haveFailed
        for call in calls {
            let changesBefore = connection.totalChangedRows
            do {
                try call.perform(on: connection)
                outcome = .haveChanged
            } catch {
                try throwIfTransactionEnds(error, on: connection)
                let hasChanged = connection.totalChangedRows != changesBefore
                if hasChanged, calls.count > 1 { return .mustBeUndone }
            }
        }
        return outcome
    }

    /// Performs the calls of one transaction, each behind a savepoint, so that a single failing one is undone and the others stand.
    ///
    /// - Throws: what ends the transaction for all of them.
    private func performApart(_ calls: [any ConnectionCall], on connection: Connection) throws -> Outcome {
        var outcome = Outcome.haveFailed
        for call in calls {
            try connection.run("SAVEPOINT call")
            do {
                try call.perform(on: connection)
                outcome = .haveChanged
            } catch {
                try throwIfTransactionEnds(error, on: connection)
                try connection.run("ROLLBACK TO call")
            }
            try connection.run("RELEASE call")
        }
        return outcome
    }

    private func throwIfTransactionEnds(_ error: any Error, on connection: Connection) throws {
        if let failure = error as? SQLiteFailure, failure.endsConnection || failure.isBusy { throw failure }
        // Some failures make SQLite roll back everything by itself.
        guard connection.isInTransaction else { throw error }
    }

    /// Nothing of the calls has happened, or nobody can know; answers why.
    private func abandon(because error: any Error, on connection: Connection) -> TrackingError {
        if connection.isInTransaction { try? connection.run("ROLLBACK") }
        let explained = TrackingError(explaining: error, path: path)
        if let failure = error as? SQLiteFailure, failure.endsConnection {
            state.withLock { $0.failure = $0.failure ?? explained }
        }
        return explained
    }
}

extension TrackingError {
    /// A failure of the database in the words of the store.
    init(explaining error: any Error, path: FilePath) {
        switch error {
        case let error as TrackingError:
            self = error
        case let failure as SQLiteFailure where failure.isBusy:
            self.init(
                .temporarilyUnavailable, "the store '\(path)' is locked by another process",
                remedy: "try again when the other process has finished")
        case let failure as SQLiteFailure where failure.isDiskFull:
            self.init(
                .internalError, "the store '\(path)' cannot be written: no space is left",
                remedy: "make space and start again; nothing needs repair")
        case let failure as SQLiteFailure where failure.endsConnection:
            self.init(
                .internalError, "the store '\(path)' cannot be written any more: \(failure.message)",
                remedy: "what was acknowledged before is safe; check the disk, then start again")
        case let failure as SQLiteFailure:
            self.init(.internalError, "the store '\(path)' failed: \(failure.message)")
        default:
            self.init(.internalError, "the store '\(path)' failed: \(error)")
        }
    }
}
