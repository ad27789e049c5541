import Diagnostics
import Execution
import Glibc
import Processes
import Tracking

/// Ends a running run: asks its runner on this machine to stop, as Ctrl-C would; a run nobody runs any more is marked KILLED.
func cancelRun(_ run: Run, in store: any TrackingStore) async throws {
    guard !run.info.status.isTerminal else {
        throw InvalidInput("run \(run.info.runID) has ended already (\(run.info.status.rawValue))")
    }
    let identity = run.data.tag(WellKnownTag.runner).flatMap { ProcessIdentity($0) }
    guard let identity else {
        throw InvalidInput(
            "run \(run.info.runID) was not started by swiftflow, so its processes are not known",
            remedy: "stop it where it was started")
    }
    switch identity.liveness {
    case .running:
        guard kill(identity.processID, SIGTERM) == 0 else {
            throw InvalidInput(
                "the runner of run \(run.info.runID) (process \(identity.processID)) belongs to another user",
                remedy: "ask its owner to cancel it")
        }
    case .ended:
        let outcome = RunOutcome(status: .killed, reason: "cancelled; its runner had died before")
        _ = try await RunRecord(info: run.info, store: store).end(outcome, at: currentTimeMilliseconds())
    case .elsewhere:
        throw InvalidInput(
            "run \(run.info.runID) is run on the host '\(identity.host)'",
            remedy: "cancel it there: swiftflow runs cancel \(run.info.runID)")
    }
}
