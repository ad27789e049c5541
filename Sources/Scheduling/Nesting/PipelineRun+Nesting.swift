import Diagnostics
import Execution
import Pipelines
import SystemPackage
import Tracking

/// Steps that are pipelines of their own: their run is a pipeline's run, in place of the step's.
extension PipelineRun {
    /// Carries the pipeline that a node is to its end; `known` is the run of an earlier runner that is gone on with.
    func runNested(
        _ place: String, _ attempt: StepAttempt, node: Int, known: Run?, control: StepControl
    ) async -> StepResult {
        let nested: PipelineRun
        do {
            nested = try await nest(place, attempt, node: node, known: known)
        } catch {
            let failure = NodeFailure(.launch, messages(of: error))
            // What may still be run by somebody is not begun beside it; one that contains itself will do so the next time.
            let isRunElsewhere = error is ResumeRefused
            let isHopeless = (error as? InvalidInput)?.diagnostics.contains { $0.code == "P047" } == true
            var result =
                isRunElsewhere
                ? StepResult(run: known?.info, failure: failure)
                : await recordUnnested(attempt, known: known, failure)
            result.mayRetry = !isRunElsewhere && !isHopeless
            return result
        }
        attempt.report(.created(nested.info))
        attempt.report(.launched)
        return await carry(nested, control: control, attempt)
    }

    /// Records the run of the pipeline that an attempt is, or takes up a `known` one.
    ///
    /// - Parameter node: nil where nothing will be started in it.
    func nest(_ place: String, _ attempt: StepAttempt, node: Int?, known: Run?) async throws -> PipelineRun {
        guard let nest = services.nest else {
            throw InvalidInput("pipelines within pipelines cannot be run here")
        }
        let observe = services.observe
        return try await nest(
            NestedStep(
                place: place, version: attempt.resolved.version, params: attempt.resolved.params, node: attempt.node,
                options: options, enclosing: enclosing(attempt, node: node), known: known, displaced: displaced,
                isForced: attempt.step.isForced || options.forcedSteps.contains(attempt.step.name),
                observe: { [id = attempt.node] in observe(.nested(id, $0)) }))
    }

    private func enclosing(_ attempt: StepAttempt, node: Int?) -> EnclosingStep {
        var enclosing = bareEnclosing(attempt, node: node)
        var scope = scope()
        scope.facts = ["attempt": .int(attempt.number)]
        enclosing.ownRunVariables = options.ownRunVariables(of: attempt.resolved, in: plan, scope)
        return enclosing
    }

    private func bareEnclosing(_ attempt: StepAttempt, node: Int?) -> EnclosingStep {
        let reserved = node.map { records[$0].reserved } ?? [:]
        var limits = machine.pool.sharedLimits
        for (name, amount) in reserved { limits[name] = amount }
        return EnclosingStep(
            path: options.enclosing.map { nestedName($0.path, attempt.node) } ?? attempt.node,
            tags: attempt.tags.filter { ![NodeTag.epoch, NodeTag.launch].contains($0.key) }
                + [Tag(NodeTag.attemptEpoch, String(epoch))],
            parentRunID: attempt.parentRunID, outerRuns: (options.enclosing?.outerRuns ?? []) + [info.runID],
            experimentID: info.experimentID, limits: limits,
            reserved: Set(reserved.keys), devices: attempt.devices, variables: options.variables(of: attempt.resolved),
            secrets: attempt.secrets,
            localPaths: attempt.localPaths, metrics: attempt.resolved.metrics,
            lender: node.map { HostedResources(pipeline: self, node: $0) } ?? NoResources())
    }

    private func carry(_ nested: PipelineRun, control: StepControl, _ attempt: StepAttempt) async -> StepResult {
        control.forwardKill { await nested.kill() }
        // Stopping it is an event for it, not the cancellation of its task: it still has to record how it ended.
        let work = Task { try await nested.run() }
        let ending = await withTaskCancellationHandler {
            await work.result
        } onCancel: {
            Task {
                let isLate = control.cause == .timeout
                await nested.cancel(
                    reason: isLate ? "it took longer than its timeout" : "the pipeline around it was cancelled",
                    as: isLate ? .timeout : .stopped)
            }
        }
        switch ending {
        case .success(let outcome):
            var result = StepResult(
                run: outcome.run, outputs: await nested.handedOn, endTime: outcome.run.endTime)
            result.failure = outcome.failure(of: attempt.node)
            result.duration = outcome.run.endTime.map { Double($0 - outcome.run.startTime) / 1000 }
            // Who ended the nested pipeline did not want it again.
            result.mayRetry = outcome.state != .cancelled && outcome.failure?.isFinal != true
            if result.failure == nil { adopt(await nested.artifactFolders, of: result.outputs) }
            return result
        case .failure(let error):
            // Somebody else runs it now; it has no failure of ours to record.
            var result = StepResult(run: nested.info, failure: NodeFailure(.lost, messages(of: error)))
            result.mayRetry = false
            return result
        }
    }

    /// Where the artifacts lie that the nested steps have handed on.
    private func adopt(_ folders: [String: FilePath], of outputs: [String: OutputValue]) {
        for uri in outputs.values.flatMap(\.artifactURIs) {
            guard let id = runID(ofArtifact: uri), let folder = folders[id] else { continue }
            artifactFolders[id] = folder
        }
    }

    /// What could not even be prepared has a run that says why.
    private func recordUnnested(_ attempt: StepAttempt, known: Run?, _ failure: NodeFailure) async -> StepResult {
        var attempt = attempt
        // It can be gone on with another time.
        attempt.runID = known?.info.runID
        return await recordUnstarted(attempt, failure)
    }

    func recordUnstarted(_ attempt: StepAttempt, _ failure: NodeFailure) async -> StepResult {
        do {
            return try await attempt.recordUnstarted(
                failure, environment: options.environment, at: services.clock.now(), in: services.store)
        } catch {
            attempt.report(.warning("its failure could not be recorded: \(messages(of: error))"))
            return StepResult(run: nil, failure: failure)
        }
    }
}

extension PipelineOutcome {
    /// Why the step has failed that the pipeline is; nil when it has not.
    fileprivate func failure(of node: String) -> NodeFailure? {
        switch state {
        case .succeeded: return nil
        case .cancelled, .running, .interrupted: return NodeFailure(.stopped, reason ?? "it was cancelled")
        case .failed:
            let told =
                failures.isEmpty ? reason ?? "it failed" : failures.map { "\(node)/\($0)" }.joined(separator: "; ")
            var known = NodeFailure(failure?.reason ?? .exit, told, exitCode: failure?.exitCode)
            known.isFromInside = true
            return known
        }
    }
}

/// The run that an artifact's URI names.
func runID(ofArtifact uri: String) -> String? {
    guard uri.hasPrefix("runs:/") else { return nil }
    let rest = uri.dropFirst("runs:/".count)
    return rest.firstIndex(of: "/").map { String(rest[..<$0]) }
}
