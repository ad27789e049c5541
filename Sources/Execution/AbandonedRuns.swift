import Processes
package import Tracking

/// Ends the runs whose runner died without ending them, so that a dead run is not RUNNING after the next start.
///
/// Each running run carries its runner's identity in the tag `swiftflow.runner`. Only runners of this machine can be judged; those of
/// other hosts are left alone, and so are steps of pipelines on other backends: a resume finds their jobs again.
package func endAbandonedRuns(in store: any TrackingStore) async throws -> [RunInfo] {
    var ended: [RunInfo] = []
    for run in try await store.runs(withStatus: .running, havingTag: WellKnownTag.runner) {
        guard let text = run.data.tag(WellKnownTag.runner), let runner = ProcessIdentity(text),
            runner.liveness == .ended
        else { continue }
        let backend = run.data.tag(WellKnownTag.projectBackend) ?? "local"
        if backend != "local", run.data.tag(WellKnownTag.launch) != nil { continue }
        var reason = "the runner (process \(runner.processID)) died without recording how the run ended"
        if backend != "local" {
            let job = run.data.tag(WellKnownTag.jobHandle) ?? Job.name(ofRun: run.info.runID)
            reason += "; its job '\(job)' may still run in '\(backend)': if it does, delete it there"
        }
        let outcome = RunOutcome(status: .failed, kind: .lost, reason: reason)
        ended.append(try await RunRecord(info: run.info, store: store).end(outcome, at: currentTimeMilliseconds()))
    }
    return ended
}
