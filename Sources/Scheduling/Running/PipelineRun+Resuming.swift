package import Diagnostics
import Execution
package import Pipelines
package import Processes
package import Tracking

/// Taking up what an earlier runner did (§5.5 of the design).
extension PipelineRun {
    /// Takes a pipeline over whose runner is gone, or that has failed or been cancelled.
    ///
    /// - Parameters:
    ///   - displaced: a runner from which the pipeline around this one has been taken over.
    ///   - steps: these, and what follows from them, are done again even if they have succeeded.
    ///   - recordsDefinition: whether the runner died before it had recorded what the run is of.
    /// - Throws: `ResumeRefused` when somebody runs it, or there is nothing to resume; `UsageError` when results of steps that are left out
    ///   are gone.
    package static func resume(
        _ runID: String, _ plan: Plan, options: PipelineOptions, services: PipelineServices,
        displacing displaced: ProcessIdentity? = nil, recordsDefinition: Bool = false,
        from steps: [String] = []
    ) async throws -> PipelineRun {
        let store = services.store
        services.runner.prepare(for: plan)
        let experimentID = try await store.run(id: runID).info.experimentID
        let reused = try await EarlierResults(of: plan, experimentID: experimentID, in: store, but: runID)
        async let experimentName = options.enclosing == nil ? nameOfExperiment(experimentID, in: store) : nil
        let (lease, before, redo) = try await claimNextEpoch(of: runID, redoing: steps, displacing: displaced, services)
        let epoch = lease.epoch
        let steps = wanted(steps, andBefore: redo, plan, services, isNested: options.enclosing != nil)
        var options = options
        options.forcedSteps.formUnion(steps)
        let enclosingTags = (options.enclosing?.tags ?? []).filter { $0.key.hasPrefix("swiftflow.") }
        let info = try await store.updateRun(
            RunUpdate(
                runID: runID, status: .running,
                tags: [Tag(NodeTag.epoch, String(epoch)), Tag(NodeTag.lease, lease.text)] + enclosingTags
                    + turnTags(plan) + (steps.isEmpty ? [] : [Tag(NodeTag.redo, redoText(steps))]),
                removedTags: [
                    NodeTag.cancel, NodeTag.skipped, NodeTag.blocked, NodeTag.nodeCounts, WellKnownTag.failureReason,
                    WellKnownTag.failureKind,
                ]))
        if recordsDefinition { try await recordDefinition(plan, options, of: info, services) }
        var journal = try await Journal(of: info, in: store)
        try await endLostAttempts(&journal, plan, services)
        if !steps.isEmpty {
            try await supersede(steps, of: plan, &journal, epoch: epoch, in: store, at: services.clock.now())
        }
        // From here on the marks tell it.
        if !(steps.isEmpty && redo.isEmpty) { try await store.deleteTag(NodeTag.redo, runID: runID) }
        return PipelineRun(
            plan: plan, info: info, options: options, services: services, journal: journal, epoch: epoch,
            workFolder: try makeWorkFolder(of: info, services), reused: reused, displaced: before,
            experimentName: await experimentName)
    }

    /// The steps to be done again: those named now, and those that the runner of the pipeline around this one wants or that an earlier
    /// runner was told and did not come to.
    private static func wanted(
        _ steps: [String], andBefore redo: [String], _ plan: Plan, _ services: PipelineServices, isNested: Bool
    ) -> [String] {
        let known = redo.filter { name in
            guard !steps.contains(name) else { return false }
            guard var problem = plan.problem(ofStep: name, option: "--from") else { return true }
            // Its file may be another one now; that is no reason never to go on.
            problem.severity = .warning
            services.observe(.warning(problem))
            return false
        }
        if !known.isEmpty, !isNested {
            let names = known.map { "'\($0)'" }.joined(separator: ", ")
            services.observe(
                .note("an earlier resume was to do \(names) again and did not come to it; that is done now"))
        }
        return steps + known
    }

    /// The lease of the one runner that may go on with the pipeline, the owner before it, and what that one was to do again.
    ///
    /// Nothing but the claim is written yet.
    private static func claimNextEpoch(
        of runID: String, redoing steps: [String], displacing displaced: ProcessIdentity?,
        _ services: PipelineServices
    ) async throws -> (lease: Lease, before: ProcessIdentity?, redo: [String]) {
        while true {
            let run = try await services.store.run(id: runID)
            let before = run.data.tag(NodeTag.lease).flatMap { Lease($0) }?.owner
            let now = services.clock.now()
            // Whoever took over the pipeline around it has taken this one over too.
            if displaced == nil || before != displaced {
                try checkResumable(run, at: now, mayHaveSucceeded: !steps.isEmpty)
            }
            var epoch = run.data.epoch
            // Somebody may have claimed an epoch and not begun with it yet, or have died in between.
            for claim in run.data.claimsAhead {
                guard claim.owner == displaced || claim.isExpired(at: now) else {
                    throw ResumeRefused(ranBy: claim.owner, runID)
                }
                epoch = max(epoch, claim.epoch)
            }
            let redo = run.data.redoneSteps
            let lease = Lease(
                owner: services.owner, epoch: epoch.addingReportingOverflow(1).partialValue, heartbeat: now)
            var claim = lease
            // Whoever finds the claim and nothing else still learns what was wanted.
            claim.redo = steps + redo.filter { !steps.contains($0) }
            if claim.text.unicodeScalars.count > Limits.paramValueLength { claim.redo = [] }
            if try await services.store.claim(claim.claimName, of: runID, as: claim.text) {
                return (lease, before, redo)
            }
        }
    }

    /// - Throws: `ResumeRefused` with the owner's process when the pipeline is run by somebody.
    ///
    /// - Parameter mayHaveSucceeded: whether some of it is to be done again.
    package static func checkResumable(
        _ run: Run, at now: Milliseconds, mayHaveSucceeded: Bool = false
    ) throws(ResumeRefused) {
        guard run.data.tag(NodeTag.pipeline) != nil else { throw ResumeRefused(isNoPipeline: run.info.runID) }
        if run.info.status == .finished, !mayHaveSucceeded, run.data.redoneSteps.isEmpty {
            throw ResumeRefused(hasSucceeded: run.info.runID)
        }
        guard let lease = run.data.tag(NodeTag.lease).flatMap({ Lease($0) }) else { return }
        if !run.info.status.isTerminal, !lease.isExpired(at: now) {
            throw ResumeRefused(ranBy: lease.owner, run.info.runID)
        }
    }

    /// The local processes of a dead runner died with it; their runs are ended here, so that none is RUNNING that does not run.
    ///
    /// Jobs elsewhere may have outlived it: they are looked for when their node's turn comes.
    private static func endLostAttempts(
        _ journal: inout Journal, _ plan: Plan, _ services: PipelineServices
    ) async throws {
        for (id, node) in journal.nodes {
            for (index, attempt) in node.attempts.enumerated() where !attempt.run.info.status.isTerminal {
                // A nested pipeline is gone on with when its node's turn comes.
                if attempt.isPipeline, index == node.attempts.count - 1, plan.runsPipeline(id) { continue }
                if attempt.isPipeline {
                    journal.nodes[id]?.attempts[index].run.info = try await endAbandonedPipeline(
                        attempt.run, "its runner died", in: services.store, at: services.clock.now())
                    continue
                }
                if attempt.mayHaveOutlivedItsRunner, index == node.attempts.count - 1 { continue }
                let ended = try await services.store.updateRun(
                    RunUpdate(
                        runID: attempt.run.info.runID, status: .failed, endTime: services.clock.now(),
                        tags: [
                            Tag(NodeTag.state, NodeState.failed.rawValue),
                            Tag(WellKnownTag.failureKind, FailureKind.lost.rawValue),
                            Tag(WellKnownTag.failureReason, "its runner died, and its processes with it"),
                        ], removedTags: [WellKnownTag.runner]))
                journal.nodes[id]?.attempts[index].run.info = ended
            }
        }
    }

    /// Uses what the journal says of a node; false when it has to run.
    func recall(_ node: Int, _ journal: JournalNode) -> Bool {
        guard let success = journal.success else {
            records[node].delay = interruptedDelay(node, journal)
            return false
        }
        let name = plan.steps[machine.nodes[node].step].name
        let place = machine.nodes[node].cell ?? 0
        let run = success.run
        records[node].run = run.info
        records[node].startTime = run.info.startTime
        records[node].endTime = run.info.endTime
        records[node].cachedFrom = run.data.tag(NodeTag.cachedFrom)
        outcomes[name]?.nodes[place].run = run.info
        outcomes[name]?.nodes[place].outputs = success.outputs
        if askedSteps.contains(name) { outcomes[name]?.nodes[place].data = run.data }
        outcomes[name]?.nodes[place].exitCode = 0
        outcomes[name]?.nodes[place].duration = run.data.wallSeconds
        outcomes[name]?.nodes[place].outputRunID = records[node].cachedFrom
        if let found = run.data.tag(NodeTag.found) { return recallSearch(node, found) }
        if success.isPipeline { return recallPipeline(node, success.outputs) }
        if !success.outputs.isEmpty { artifactFolders[run.info.runID] = services.artifacts.folder(of: run.info) }
        post(.examined(node, .done(records[node].cachedFrom == nil ? .succeeded : .cached)))
        return true
    }

    /// The attempt that a dead runner left at work goes on under its own number and run.
    func adoptLive(_ node: Int, _ journal: JournalNode) {
        if let last = journal.attempts.last, last.isSuperseded, last.isPipeline, !last.run.info.status.isTerminal {
            records[node].unwanted = last
        }
        guard let last = journal.attempts.last, !last.isSuperseded, last.isPipeline || !last.run.info.status.isTerminal
        else { return }
        // A nested pipeline that failed is gone on with like the one around it: what had finished in it stays.
        if last.isPipeline { records[node].delay = nil }
        records[node].adopted = last.run
        records[node].earlierAttempts = last.number - 1
        records[node].previousRunID = journal.attempts.dropLast().last?.run.info.runID
    }

    /// What a nested pipeline handed on lies with runs of its own.
    private func recallPipeline(_ node: Int, _ outputs: [String: OutputValue]) -> Bool {
        perform { run in
            for id in Set(outputs.values.flatMap(\.artifactURIs).compactMap { runID(ofArtifact: $0) }) {
                // What is not found here is fetched by whoever needs it.
                guard let other = try? await run.services.store.run(id: id) else { continue }
                run.artifactFolders[id] = run.services.artifacts.folder(of: other.info)
            }
            run.post(.examined(node, .done(.succeeded)))
        }
        return true
    }

    /// A search that has been made is not made again: the same runs are what it found.
    private func recallSearch(_ node: Int, _ ids: String) -> Bool {
        let name = plan.steps[machine.nodes[node].step].name
        perform { run in
            run.take(await foundRuns(ids, in: run.services.store), by: name)
            run.post(.examined(node, .done(.succeeded)))
        }
        return true
    }

    /// The failure whose delay the dead runner was waiting for: when it happened, and the how manyth it was.
    private func interruptedDelay(_ node: Int, _ journal: JournalNode) -> NodeRecord.Delay? {
        guard let last = journal.attempts.last, last.epoch == epoch - 1, last.run.info.status == .failed,
            let reason = last.run.data.tag(WellKnownTag.failureKind).flatMap({ FailureKind(rawValue: $0) }),
            !reason.isFreeOnce, let end = last.run.info.endTime
        else { return nil }
        let attempts = journal.attempts.filter { $0.epoch == last.epoch }
        return NodeRecord.Delay(since: end, failures: attempts.count, attempt: attempts.count)
    }

    /// When the delay of an attempt that failed before a crash is over; nil when nothing is waited for.
    func notBefore(_ node: Int, _ resolved: ResolvedStep) -> Milliseconds? {
        guard let delay = records[node].delay else { return nil }
        records[node].delay = nil
        let policy = RetryPolicy(resolved.retry)
        guard delay.failures <= policy.times else { return nil }
        let seed = stableHash(info.runID, machine.name(of: node), String(delay.attempt))
        return saturatingSum(delay.since, policy.delay(afterFailure: delay.failures, seed: seed))
    }

    /// A step that is left out of this run has the results of an earlier one, or none that anybody has to have.
    func takeOver(_ step: PlannedStep) {
        if let outcome = reused?.outcomes[step.name] {
            outcomes[step.name] = outcome
            for node in outcome.nodes + outcome.found {
                guard let run = node.run else { continue }
                artifactFolders[run.runID] = services.artifacts.folder(of: run)
            }
        } else {
            outcomes[step.name]?.isLeftOut = true
        }
        post(.considered(step.index, .reuse))
    }
}

/// The value of the tag `swiftflow.redo`.
func redoText(_ steps: [String]) -> String { steps.joined(separator: "\n") }

/// The steps that the tag `swiftflow.redo` names.
func stepNames(redo text: String?) -> [String] { (text ?? "").split(separator: "\n").map(String.init) }

extension RunData {
    fileprivate var epoch: Int { tag(NodeTag.epoch).flatMap { Int($0) } ?? 1 }

    /// The claims of runners that have not begun, or died before they had.
    fileprivate var claimsAhead: [Lease] { params.compactMap(Lease.init(claim:)).filter { $0.epoch > epoch } }

    /// What a runner of the pipeline was told to do again, and has not come to.
    fileprivate var redoneSteps: [String] {
        var steps: [String] = []
        for name in stepNames(redo: tag(NodeTag.redo)) + claimsAhead.flatMap(\.redo)
        where !steps.contains(name) { steps.append(name) }
        return steps
    }
}

/// Why a pipeline cannot be resumed.
package struct ResumeRefused: ExplainedError {
    package let diagnostics: [Diagnostic]

    init(ranBy owner: ProcessIdentity?, _ runID: String) {
        let who = owner.map { "process \($0.processID) on '\($0.host)'" } ?? "another process"
        diagnostics = [
            Diagnostic(
                .error, "the pipeline's run \(runID) is being run by \(who)",
                remedy: "wait for it, or cancel it: swiftflow cancel \(runID.prefix(8))")
        ]
    }

    init(hasSucceeded runID: String) {
        diagnostics = [
            Diagnostic(
                .error, "the pipeline's run \(runID) has succeeded: there is nothing to resume",
                remedy: "start a new one with 'swiftflow run'")
        ]
    }

    init(isNoPipeline runID: String) {
        diagnostics = [
            Diagnostic(
                .error, "the run \(runID) is not the run of a pipeline",
                remedy: "see 'swiftflow status' for those that are")
        ]
    }
}
