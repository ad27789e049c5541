import Pipelines
import Tracking

/// Pipelines that are steps: what is handed to them and what they hand on, as if they were run.
extension PlanRehearsal {
    /// Nil where pipelines cannot be looked into.
    func rehearse(_ node: PlanNode, _ resolved: ResolvedStep) async throws -> PlanRehearsal? {
        guard let prepare = services.prepareNested, case .pipeline(let place) = resolved.action else { return nil }
        let step = plan.steps[node.step]
        var enclosing = EnclosingStep(
            path: options.enclosing.map { nestedName($0.path, node.id) } ?? node.id, tags: [], parentRunID: "",
            outerRuns: [], experimentID: experimentID, limits: [:], reserved: [],
            devices: [], variables: options.variables(of: resolved), secrets: options.secrets(of: resolved),
            localPaths: [:], metrics: resolved.metrics,
            lender: NothingToLend())
        enclosing.ownRunVariables = options.ownRunVariables(of: resolved, in: plan, scope(node))
        let prepared = try await prepare(
            NestedStep(
                place: place, version: resolved.version, params: resolved.params, node: node.id, options: options,
                enclosing: enclosing, isForced: step.isForced, observe: { _ in }))
        do {
            let rehearsal = try await PlanRehearsal(
                prepared.plan, options: prepared.options, services: prepared.services, experimentID: experimentID)
            await prepared.services.runner.close()
            return rehearsal
        } catch {
            await prepared.services.runner.close()
            throw error
        }
    }

    /// What the pipeline hands on as a node of another one; nil when that cannot be told yet.
    func outcome(as node: PlanNode) -> NodeOutcome? {
        var outcome = NodeOutcome(id: node.id, state: .succeeded, exitCode: 0, cell: node.cell)
        for output in plan.pipeline.outputs {
            do throws(EvaluationError) {
                outcome.outputs[output.name] = OutputValue(handingOn: try plan.resolveOutput(output, in: scope(nil)))
            } catch {
                // What depends on a skipped step is not there.
                guard case .skipped = error.kind else { return nil }
            }
        }
        let now = services.clock.now()
        outcome.data = RunData(
            metrics: outcome.outputs.numbers.map { Metric($0.key, $0.value, timestamp: now) },
            params: plan.params.compactMap { param in param.value.text.map { Param(param.name, $0) } })
        return outcome
    }
}

/// Nothing is started, so nothing is asked for.
private struct NothingToLend: ResourceLender {
    func borrow(_ amounts: [String: Double]) async throws -> ResourceLoan? { nil }
    func giveBack(_ loan: ResourceLoan) async {}
}
