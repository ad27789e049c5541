import Diagnostics
import Execution
import Pipelines
import SystemPackage
import Tracking

/// What an earlier runner began and this one never came to, because the pipeline ended before.
extension PipelineRun {
    /// Ends all of it, so that nothing goes on, and nothing is said to, after the pipeline's end.
    func endLeftovers() async {
        var groups = journal.surplusGroups
        for (name, group) in journal.groups where outcomes[name]?.group?.runID != group.info.runID {
            groups.append(group)
        }
        for group in groups where !group.info.status.isTerminal {
            let update = RunUpdate(
                runID: group.info.runID, status: .killed, endTime: services.clock.now(),
                tags: [
                    Tag(NodeTag.state, NodeState.cancelled.rawValue),
                    Tag(WellKnownTag.failureReason, "the pipeline ended before its turn came"),
                ])
            let store = services.store
            await record("the end of '\(group.info.runName)'") { try await store.updateRun(update) }
        }
        for (id, node) in journal.nodes {
            guard let last = node.attempts.last, !last.run.info.status.isTerminal,
                !takenOver.contains(last.run.info.runID)
            else { continue }
            if last.isPipeline {
                await windUp(last, of: id, "the pipeline around it ended")
            } else {
                await stop(last, of: id)
            }
        }
    }

    /// Ends the run of a nested pipeline that nobody goes on with, and what of it may have outlived its runner.
    func windUp(_ last: JournalAttempt, of id: String, _ reason: String) async {
        takenOver.insert(last.run.info.runID)
        do {
            let attempt = try await attempt(again: last, of: id)
            guard case .pipeline(let place) = attempt.resolved.action else {
                throw InvalidInput("it is no pipeline now")
            }
            // Whoever takes it up finds its jobs; having been cancelled before, it starts nothing.
            let nested = try await nest(place, attempt, node: nil, known: last.run)
            await nested.cancel(reason: reason)
            _ = try await nested.run()
        } catch {
            await record("the end of '\(id)'") { [services] in
                try await endAbandonedPipeline(last.run, reason, in: services.store, at: services.clock.now())
            }
        }
    }

    /// Finds the job of an attempt again and ends it.
    private func stop(_ last: JournalAttempt, of id: String) async {
        do {
            let attempt = try await attempt(again: last, of: id)
            let control = StepControl()
            var reporting = attempt
            reporting.report = { report in
                if case .launched = report { control.stop(.cancelled) }
            }
            let runner = services.runner
            let task = Task { [reporting] in
                let result = await runner.adopt(reporting, run: last.run, control: control)
                if !result.mayRetry, let failure = result.failure {
                    self.services.observe(.warning(Diagnostic(.warning, "\(id): \(failure.message)")))
                }
            }
            control.bind(task)
            await task.value
        } catch {
            let backend = last.run.data.tag(WellKnownTag.projectBackend) ?? "local"
            let name = last.run.data.tag(NodeTag.launch) ?? last.run.info.runID
            let reason = "its job '\(name)' may still run in '\(backend)', and cannot be found: \(messages(of: error))"
            services.observe(.warning(Diagnostic(.warning, "\(id): \(reason)")))
            let update = RunUpdate(
                runID: last.run.info.runID, status: .failed, endTime: services.clock.now(),
                tags: [
                    Tag(NodeTag.state, NodeState.failed.rawValue), Tag(WellKnownTag.failureReason, reason),
                    Tag(WellKnownTag.failureKind, FailureKind.lost.rawValue),
                ], removedTags: [WellKnownTag.runner])
            let store = services.store
            await record("the end of '\(id)'") { try await store.updateRun(update) }
        }
    }

    /// The attempt as it was started, from what the journal says of the steps it needs.
    private func attempt(again last: JournalAttempt, of id: String) async throws -> StepAttempt {
        var known: [String: StepOutcome] = [:]
        for step in plan.order.map({ plan.steps[$0] }) {
            let (ids, members) = journal.members(of: step, in: plan, after: known)
            var outcome = StepOutcome(of: step, ids, members, in: journal)
            await outcome.choose(step.step.select, in: journal, services.store)
            known[step.name] = outcome
            for run in outcome.nodes.compactMap(\.run) where artifactFolders[run.runID] == nil {
                artifactFolders[run.runID] = services.artifacts.folder(of: run)
            }
        }
        let name = String(id.prefix { $0 != "[" })
        guard let step = plan.step(named: name) else { throw InvalidInput("the pipeline has no step '\(name)'") }
        var scope = OutcomeScope(steps: known, pipelineRunID: info.runID)
        scope.experimentID = info.experimentID
        scope.secrets = options.secrets
        var nodes = Array(plan.nodes(of: step))
        if step.fanOut.isDynamic { nodes = try plan.expand(step, in: scope) }
        guard let node = nodes.first(where: { $0.id == id }) else {
            throw InvalidInput("the step '\(name)' has no cell '\(id)'")
        }
        scope.cell = node.cell
        scope.facts = ["attempt": .int(last.number)]
        scope.run = last.run.info
        let launch = launchName(pipelineRun: info.runID, node: id, attempt: last.number)
        scope.places = places(of: step.step, launch: launch)
        var attempt = StepAttempt(
            node: id, step: step, number: last.number,
            resolved: try options.resolve(node, of: plan, in: scope, hasRun: true),
            experimentID: info.experimentID,
            parentRunID: last.run.data.tag(WellKnownTag.parentRunID) ?? info.runID, launchName: launch,
            tags: [Tag(NodeTag.epoch, String(epoch))], readySince: last.run.info.startTime, places: scope.places,
            outputFile: workFolder.appending("\(launch).output"))
        attempt.startTime = last.run.info.startTime
        attempt.localPaths = localPaths(of: attempt.resolved.params)
        for name in attempt.resolved.secrets { attempt.secrets[name] = options.secrets[name] }
        return attempt
    }
}

extension StepOutcome {
    /// What the journal of a run says of a step.
    ///
    /// - Parameters:
    ///   - ids: of its nodes, in their order.
    ///   - members: the same as the plan knows them; none for cells that are known only later.
    init(of step: PlannedStep, _ ids: [String], _ members: [PlanNode], in journal: Journal) {
        self.init()
        let group = journal.groups[step.name]
        isFanOut = step.fanOut != .none
        self.group = group?.info
        nodes = ids.enumerated().compactMap { place, id in
            let cell = members.indices.contains(place) ? members[place].cell : nil
            guard let run = journal.nodes[id]?.success?.run else {
                let last = journal.nodes[id]?.attempts.last?.run
                return last.map { NodeOutcome(id: id, state: .failed, run: $0.info, data: $0.data, cell: cell) }
            }
            return NodeOutcome(
                id: id, state: .cached, run: run.info, exitCode: 0,
                duration: run.data.wallSeconds,
                outputs: storedOutputs(run.data.tags), outputRunID: run.data.tag(NodeTag.cachedFrom), data: run.data,
                cell: cell)
        }
    }
}
