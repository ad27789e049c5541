import Execution
import Pipelines
package import Tracking

/// Ends a pipeline's run whose runner is dead, and everything below it that was left RUNNING.
///
/// What is innermost is ended first: whoever does this may die too, and then the run still tells that there is something to be ended.
@discardableResult
package func endAbandonedPipeline(
    _ run: Run, _ reason: String, in store: any TrackingStore, at now: Milliseconds
) async throws -> RunInfo {
    var open = [run]
    var below: [Run] = []
    while let next = open.popLast() {
        if next.info.runID != run.info.runID { below.append(next) }
        guard next.data.tag(NodeTag.pipeline) != nil else { continue }
        let journal = try await Journal(of: next.info, in: store)
        let groups = Array(journal.groups.values) + journal.surplusGroups
        below += groups.filter { !$0.info.status.isTerminal }
        open += journal.nodes.values.flatMap { $0.attempts.map(\.run) }.filter { !$0.info.status.isTerminal }
    }
    func end(_ run: Run) async throws -> RunInfo {
        try await store.updateRun(
            RunUpdate(
                runID: run.info.runID, status: .killed, endTime: now,
                tags: [
                    Tag(NodeTag.state, NodeState.cancelled.rawValue), Tag(WellKnownTag.failureReason, reason),
                    Tag(WellKnownTag.failureKind, FailureKind.stopped.rawValue),
                ], removedTags: [NodeTag.lease, NodeTag.cancel, WellKnownTag.runner]))
    }
    for run in below.reversed() { _ = try await end(run) }
    return try await end(run)
}

extension Plan {
    /// Whether the node of this id is a pipeline of its own.
    func runsPipeline(_ node: String) -> Bool {
        guard let step = step(named: String(node.prefix { $0 != "[" })), step.isIncluded else { return false }
        if case .pipeline = step.step.action { return true }
        return false
    }
}
