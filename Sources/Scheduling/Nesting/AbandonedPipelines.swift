import Execution
import Pipelines
package import Tracking

/// Ends a pipeline's run whose runner is dead, and everything below it that was left RUNNING.
@discardableResult
package func endAbandonedPipeline(
    _ run: Run, _ reason: String, in store: any TrackingStore, at now: Milliseconds
) async throws -> RunInfo {
    var open = [run]
    var ended = run.info
    while let next = open.popLast() {
        if next.data.tag(NodeTag.pipeline) != nil {
            let journal = try await Journal(of: next.info, in: store)
            open += journal.groups.values.filter { !$0.info.status.isTerminal }
            open += journal.nodes.values.flatMap { $0.attempts.map(\.run) }.filter { !$0.info.status.isTerminal }
        }
        let info = try await store.updateRun(
            RunUpdate(
                runID: next.info.runID, status: .killed, endTime: now,
                tags: [
                    Tag(NodeTag.state, NodeState.cancelled.rawValue), Tag(WellKnownTag.failureReason, reason),
                    Tag(WellKnownTag.failureKind, FailureKind.stopped.rawValue),
                ], removedTags: [NodeTag.lease, NodeTag.cancel, WellKnownTag.runner]))
        if next.info.runID == run.info.runID { ended = info }
    }
    return ended
}

extension Plan {
    /// Whether the node of this id is a pipeline of its own.
    func runsPipeline(_ node: String) -> Bool {
        guard let step = step(named: String(node.prefix { $0 != "[" })), step.isIncluded else { return false }
        if case .pipeline = step.step.action { return true }
        return false
    }
}
