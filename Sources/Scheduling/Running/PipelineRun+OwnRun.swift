import Diagnostics
import Execution
import Pipelines
import Processes
import Tracking

/// Steps whose values are made of their own run, `${{ run.run_id }}`: the run comes first, then the values, then the launch.
///
/// A runner that dies in between leaves a run that was begun and never launched, as it may leave of any step.
extension PipelineRun {
    func runCompleted(_ attempt: StepAttempt, node: Int, control: StepControl) async -> StepResult {
        guard attempt.resolved.awaitsRun else { return await services.runner.run(attempt, control: control) }
        let store = services.store
        let begun: RunInfo
        do {
            begun = try await store.createRun(creation(of: attempt)).info
        } catch {
            return StepResult(run: nil, failure: NodeFailure(.launch, messages(of: error)))
        }
        attempt.report(.created(begun))
        do {
            let planned = records[node].plan
            var scope = scope(places: attempt.places, cell: planned.cell)
            scope.facts = ["attempt": .int(attempt.number)]
            scope.run = begun
            let resolved = try options.resolve(planned, of: plan, in: scope, hasRun: true)
            var complete = makeAttempt(node, resolved, devices: attempt.devices)
            complete.runID = begun.runID
            return await services.runner.run(complete, control: control)
        } catch {
            var begunAttempt = attempt
            begunAttempt.runID = begun.runID
            return await recordUnstarted(begunAttempt, NodeFailure(.launch, messages(of: error)))
        }
    }

    /// All that is known of it: should this runner die, the run can be told from others and ended.
    private func creation(of attempt: StepAttempt) -> RunCreation {
        let user = userName(in: options.environment)
        let tags =
            attempt.tags + [
                Tag(WellKnownTag.parentRunID, attempt.parentRunID), Tag(WellKnownTag.user, user),
                Tag(WellKnownTag.sourceType, SourceType.project.rawValue),
                Tag(WellKnownTag.sourceName, redactedURL(options.project)),
                Tag(WellKnownTag.projectBackend, attempt.resolved.backend),
                Tag(WellKnownTag.runner, services.owner.description),
            ]
        return RunCreation(
            experimentID: attempt.experimentID, name: attempt.node, userID: user, startTime: services.clock.now(),
            tags: tags)
    }
}
