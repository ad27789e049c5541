import Pipelines
package import Tracking

/// Finds and plans the pipelines that steps are; what else there is to beginning one is the same wherever they come from.
package protocol NestedPlanning: Sendable {
    /// The pipeline as its file is now, with the params of the step.
    func planned(_ step: NestedStep) async throws -> PreparedNesting
    /// The pipeline as its run says it was begun, and whether the step has the same params now.
    func recorded(_ known: Run, _ step: NestedStep) async throws -> (prepared: PreparedNesting, hasSameParams: Bool)
}

/// Records the run of the pipeline that a step is, or goes on with the one that an earlier runner left.
///
/// - Parameter artifacts: where runs keep what they are of.
package func beginNested(
    _ step: NestedStep, by planning: some NestedPlanning, artifacts: some RunArtifacts, in store: any TrackingStore,
    at now: Milliseconds
) async throws -> PipelineRun {
    // Nothing has been started in a run whose definition had not been recorded yet.
    var bare: Run?
    if let known = step.known {
        if try await artifacts.exists(LaunchRecord.path, of: known.info) {
            let (recorded, hasSameParams) = try await planning.recorded(known, step)
            if hasSameParams || !known.info.status.isTerminal {
                let run = try await PipelineRun.resume(
                    known.info.runID, recorded.plan, options: recorded.options, services: recorded.services,
                    displacing: step.displaced)
                if hasSameParams { return run }
                // What was begun is of no use, and its jobs elsewhere may be at work.
                await run.cancel(reason: abandonment)
                _ = try await run.run()
            }
        } else {
            bare = known
        }
    }
    let prepared = try await planning.planned(step)
    if let bare {
        if bare.hasParams(of: prepared.plan) {
            return try await PipelineRun.resume(
                bare.info.runID, prepared.plan, options: prepared.options, services: prepared.services,
                displacing: step.displaced, recordsDefinition: true)
        }
        if !bare.info.status.isTerminal { try await endAbandonedPipeline(bare, abandonment, in: store, at: now) }
    }
    return try await PipelineRun.start(prepared.plan, options: prepared.options, services: prepared.services)
}

private let abandonment = "its step has other params now"

extension Run {
    /// Whether it was begun with the params that the plan has.
    fileprivate func hasParams(of plan: Plan) -> Bool {
        let planned = plan.params.compactMap { param in param.value.text.map { (param.name, $0) } }
        return planned.count == data.pipelineParams.count && planned.allSatisfy { data.param($0.0) == $0.1 }
    }
}
