import Execution
import Tracking

extension NodeFailure {
    /// What it adds to the run of the attempt.
    var tags: [Tag] {
        [
            Tag(NodeTag.state, NodeState.failed.rawValue),
            Tag(WellKnownTag.failureReason, String(message.prefix(4000))),
            Tag(WellKnownTag.failureKind, reason.rawValue),
        ]
    }
}

/// An attempt that could not even be prepared still has a run that says why.
extension StepAttempt {
    /// Creates the attempt's run as one that has failed, in one write: nothing is ever RUNNING that was not started.
    ///
    /// A run that is there already is ended, and keeps what it has.
    ///
    /// - Parameter environment: the runner's, which tells the user.
    func recordUnstarted(
        _ failure: NodeFailure, environment: [String: String], at now: Milliseconds, in store: any TrackingStore
    ) async throws -> StepResult {
        if let runID {
            let ended = try await store.updateRun(
                RunUpdate(
                    runID: runID, status: .failed, endTime: now, tags: failure.tags,
                    removedTags: [NodeTag.lease, WellKnownTag.runner]))
            return StepResult(run: ended, failure: failure, endTime: now)
        }
        let user = userName(in: environment)
        let tags =
            tags.filter { $0.key != NodeTag.state }
            + [Tag(WellKnownTag.parentRunID, parentRunID), Tag(WellKnownTag.user, user)] + failure.tags
        let run = try await store.createRun(
            RunCreation(
                experimentID: experimentID, name: node, userID: user, startTime: now, tags: tags,
                end: RunEnd(.failed, at: now)))
        return StepResult(run: run.info, failure: failure, endTime: now)
    }
}
