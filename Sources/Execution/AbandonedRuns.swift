import Processes
package import Tracking

/// Ends the runs whose runner died without ending them, so that a dead run is not RUNNING after the next start.
///
/// Each running run carries its runner's identity in the tag `swiftflow.runner`. Only runners of this machine can be judged; those of
/// other hosts are left alone.
package func endAbandonedRuns(in store: any TrackingStore) async throws -> [RunInfo] {
    var ended: [RunInfo] = []
    for run in try await store.runs(withStatus: .running, havingTag: WellKnownTag.runner) {
        guard let text = run.data.tag(WellKnownTag.runner), let runner = ProcessIdentity(text),
            runner.liveness == .ended
        else { continue }
        let outcome = RunOutcome(
            status: .failed, reason: "the runner (process \(runner.processID)) died without recording how the run ended"
        )
        ended.append(try await RunRecord(info: run.info, store: store).end(outcome, at: currentTimeMilliseconds()))
    }
    return ended
}
