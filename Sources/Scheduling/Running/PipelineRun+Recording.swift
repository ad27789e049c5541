package import Diagnostics
import Digests
import Execution
import Files
import JSON
package import Pipelines
import Processes
import SystemPackage
import Tracking

/// The beginning and the end of a pipeline, of its groups, and of nodes that never got as far as an attempt.
extension PipelineRun {
    /// Records a new run of a pipeline, with its file and its plan (T1).
    package static func start(
        _ plan: Plan, options: PipelineOptions, services: PipelineServices
    ) async throws -> PipelineRun {
        let store = services.store
        services.runner.prepare(for: plan)
        let choice =
            options.enclosing.map { .id($0.experimentID) } ?? plan.experiment.map { ExperimentChoice.name($0) }
            ?? options.experiment
        let experiment = try await choice.resolved(in: options.environment, store: store)
        if let name = experiment.createdName {
            services.observe(.note("Experiment '\(name)' did not exist; it has been created"))
        }
        let now = services.clock.now()
        if plan.pipeline.concurrency == .skip,
            let other = try await activePipelines(named: plan.name, in: experiment.id, store, at: now)
                .first(where: { options.enclosing?.outerRuns.contains($0.info.runID) != true })
        {
            throw ConcurrencyRefused(plan, other.info)
        }
        let reused = try await EarlierResults(of: plan, experimentID: experiment.id, in: store)
        let lease = Lease(owner: services.owner, epoch: 1, heartbeat: now)
        var tags = [
            Tag(WellKnownTag.user, userName(in: options.environment)),
            Tag(WellKnownTag.sourceType, SourceType.project.rawValue), Tag(NodeTag.pipeline, plan.name),
            Tag(NodeTag.lease, lease.text), Tag(NodeTag.epoch, "1"),
            Tag(NodeTag.pipelineDigest, ContentDigest(of: plan.source).hex),
        ]
        if !options.sourceTags.contains(where: { $0.key == WellKnownTag.sourceName }) {
            tags.append(Tag(WellKnownTag.sourceName, redactedURL(options.project)))
        }
        tags += options.sourceTags
        if let parent = options.enclosing?.parentRunID ?? options.parentRunID {
            tags.append(Tag(WellKnownTag.parentRunID, parent))
        }
        tags += turnTags(plan)
        tags += options.enclosing?.tags ?? []
        if let description = plan.description { tags.append(Tag(WellKnownTag.note, description)) }
        tags += plan.tags.map { Tag($0.name, $0.value) }
        // What the step says of its pipeline comes before what that says of itself.
        var named: Set<String> = []
        tags = tags.filter { named.insert($0.key).inserted }
        // While the run is being written.
        async let experimentName = options.enclosing == nil ? experiment.namedIn(store) : nil
        let run = try await store.createRun(
            RunCreation(
                experimentID: experiment.id, name: options.runName ?? plan.name,
                userID: userName(in: options.environment), startTime: now, tags: tags,
                params: plan.params.compactMap { param in param.value.text.map { Param(param.name, $0) } })
        ).info
        do {
            try await recordDefinition(plan, options, of: run, services)
            return PipelineRun(
                plan: plan, info: run, options: options, services: services, journal: Journal(), epoch: 1,
                workFolder: try makeWorkFolder(of: run, services), reused: reused,
                durations: await knownDurations(of: plan, run, services), experimentName: await experimentName)
        } catch {
            // Nothing has been started; a run that was begun is ended.
            _ = try? await store.updateRun(
                RunUpdate(
                    runID: run.runID, status: .failed, endTime: services.clock.now(),
                    tags: [Tag(WellKnownTag.failureReason, messages(of: error))], removedTags: [NodeTag.lease]))
            throw error
        }
    }

    /// What a resume starts from; the launch record comes last, so where that is, everything is.
    static func recordDefinition(
        _ plan: Plan, _ options: PipelineOptions, of run: RunInfo, _ services: PipelineServices
    ) async throws {
        // Each waits for the disk.
        async let source: Void = services.artifacts.write(plan.source, to: "pipeline/pipeline.yaml", of: run)
        async let nodes: Void = services.artifacts.write(plan.json, to: "pipeline/plan.json", of: run)
        // A picture that is too large to be looked at is left out.
        if let graph = try? PipelineGraph(plan) {
            try await services.artifacts.write(
                Array(graph.text(as: .mermaid).utf8), to: "pipeline/graph.mmd", of: run)
        }
        _ = try await (source, nodes)
        try await services.artifacts.write(LaunchRecord(options).json, to: LaunchRecord.path, of: run)
    }

    /// Beside the run's artifacts where those are on this machine, so that what is written there need not be copied.
    static func makeWorkFolder(of run: RunInfo, _ services: PipelineServices) throws -> FilePath {
        if let artifacts = services.artifacts.folder(of: run) {
            let folder = artifacts.removingLastComponent().appending("work")
            try makeFolders(folder)
            return folder
        }
        let base = FilePath(environmentVariable("TMPDIR") ?? "/tmp")
        let folder = base.appending("swiftflow-\(run.runID)")
        try makeFolders(folder)
        return folder
    }

    // MARK: Groups

    func makeGroup(_ step: PlannedStep) async throws -> RunInfo {
        if let known = journal.groups[step.name]?.info {
            return try await services.store.updateRun(
                RunUpdate(runID: known.runID, status: .running, removedTags: [WellKnownTag.failureReason]))
        }
        let tags = [
            Tag(WellKnownTag.parentRunID, info.runID), Tag(WellKnownTag.user, userName(in: options.environment)),
            Tag(WellKnownTag.sourceType, SourceType.project.rawValue),
            Tag(WellKnownTag.sourceName, redactedURL(options.project)), Tag(NodeTag.node, step.name),
            Tag(NodeTag.group, "true"), Tag(NodeTag.epoch, String(epoch)),
        ]
        return try await services.store.createRun(
            RunCreation(
                experimentID: info.experimentID, name: step.name, userID: userName(in: options.environment),
                startTime: services.clock.now(), tags: tags)
        ).info
    }

    func recordGroupEnd(_ index: Int) {
        let step = machine.steps[index]
        guard let outcome = outcomes[step.shape.name], let group = outcome.group else { return }
        var tags = [Tag(NodeTag.state, step.state.rawValue)]
        if let reason = step.reason { tags.append(Tag(WellKnownTag.failureReason, String(reason.prefix(4000)))) }
        if let failure = step.failure { tags.append(Tag(WellKnownTag.failureKind, failure.reason.rawValue)) }
        var best: NodeOutcome?
        if let first = outcome.top.first { best = outcome.nodes[first] }
        if let best = best?.run { tags.append(Tag(NodeTag.bestRun, best.runID)) }
        let status: RunStatus = step.state.isSuccess ? .finished : step.state == .failed ? .failed : .killed
        let now = services.clock.now()
        let store = services.store
        perform { [tags, best] run in
            await run.record("the end of '\(step.shape.name)'") {
                if let best {
                    try await store.logBatch(
                        LogBatch(
                            runID: group.runID,
                            metrics: Array(best.data.metrics.prefix(Limits.metricsPerBatch)).map {
                                Metric($0.key, $0.value, timestamp: $0.timestamp, step: $0.step)
                            }, params: Array(best.data.params.prefix(Limits.paramsPerBatch))))
                }
                try await store.updateRun(
                    RunUpdate(runID: group.runID, status: status, endTime: now, tags: tags))
            }
        }
    }

    /// Does a write whose failure must be seen, and cannot be mended here.
    func record(_ what: String, _ write: @Sendable () async throws -> Void) async {
        do {
            try await write()
        } catch {
            services.observe(.warning(Diagnostic(.warning, "\(what) could not be recorded: \(messages(of: error))")))
        }
    }

    // MARK: Nodes without an attempt

    /// A node whose values cannot be had has failed, and has a run that says so.
    func recordFailure(of node: Int, _ failure: NodeFailure) {
        let record = records[node]
        let step = plan.steps[machine.nodes[node].step]
        let number = record.earlierAttempts + machine.nodes[node].attempt + 1
        let tags =
            [
                Tag(WellKnownTag.parentRunID, outcomes[step.name]?.group?.runID ?? info.runID),
                Tag(WellKnownTag.user, userName(in: options.environment)), Tag(NodeTag.node, record.plan.id),
                Tag(NodeTag.attempt, String(number)), Tag(NodeTag.epoch, String(epoch)),
            ] + failure.tags
        let creation = RunCreation(
            experimentID: info.experimentID, name: record.plan.id, userID: userName(in: options.environment),
            startTime: services.clock.now(), tags: tags, end: RunEnd(.failed, at: services.clock.now()))
        perform { run in
            do {
                run.records[node].run = try await run.services.store.createRun(creation).info
            } catch {
                run.services.observe(
                    .warning(Diagnostic(.warning, "a failure could not be recorded: \(messages(of: error))")))
            }
            run.post(.examined(node, .fail(failure)))
        }
    }

    // MARK: The end

    /// T13.
    func recordEnd() async throws -> PipelineOutcome {
        guard case .done(var state) = machine.phase else { throw LeaseLost(info.runID) }
        var tags = [Tag(NodeTag.nodeCounts, countsText())]
        var metrics: [String: Double] = [:]
        // What may fail is not why a pipeline did.
        let failed = machine.steps.filter { step in
            step.state == .failed && (step.isFanOut || step.shape.allowance != .everything)
        }
        var failure = failed.first?.failure
        if state == .succeeded {
            do throws(NodeFailure) {
                handedOn = try outputs()
                metrics = handedOn.numbers
                try checkPromises(metrics)
            } catch {
                failure = error
                state = .failed
                handedOn = [:]
            }
            tags += outputTags(handedOn).map { Tag($0.key, shortened($0.value)) }
            await log(metrics)
        }
        for (key, wanted) in [(NodeTag.skipped, NodeState.skipped), (NodeTag.blocked, .blocked)] {
            let names = machine.steps.filter { $0.state == wanted && $0.nodes.isEmpty }.map(\.shape.name)
            if !names.isEmpty { tags.append(Tag(key, shortened(names.joined(separator: ", ")))) }
        }
        let failures = failed.map { "\($0.shape.name): \($0.reason ?? "failed")" }
        var reason: String?
        if case .cancelled = state { reason = cancellation ?? "cancelled" }
        if state == .failed {
            reason = failures.isEmpty ? failure?.message ?? "a step was cancelled" : failures.joined(separator: "; ")
        }
        if let reason { tags.append(Tag(WellKnownTag.failureReason, shortened(reason))) }
        if state == .cancelled { tags.append(Tag(WellKnownTag.failureKind, cancellationKind.rawValue)) }
        if options.enclosing != nil {
            let nodeState: NodeState =
                switch state {
                case .succeeded: .succeeded
                case .cancelled: cancellationKind == .timeout ? .failed : .cancelled
                case .failed, .running, .interrupted: .failed
                }
            tags.append(Tag(NodeTag.state, nodeState.rawValue))
            if state == .failed, let failure { tags.append(Tag(WellKnownTag.failureKind, failure.reason.rawValue)) }
            let seconds = Double(max(0, services.clock.now() - info.startTime)) / 1000
            tags.append(Tag(WellKnownTag.wallSeconds, "\(seconds)"))
        }
        let status: RunStatus =
            switch state {
            case .succeeded: .finished
            case .cancelled: cancellationKind == .timeout ? .failed : .killed
            case .failed, .running, .interrupted: .failed
            }
        let update = RunUpdate(
            runID: info.runID, status: status, endTime: services.clock.now(), tags: tags,
            removedTags: [NodeTag.lease, NodeTag.cancel, NodeTag.turn]
                + (reason == nil ? [WellKnownTag.failureReason, WellKnownTag.failureKind] : []))
        let store = services.store
        // The end is recorded even if the task has been cancelled.
        let ended = try await Task { try await store.updateRun(update) }.value
        removeWorkFolder()
        let outcome = PipelineOutcome(
            run: ended, state: state, reason: reason, counts: machine.counts, failures: failures, failure: failure,
            outputs: handedOn)
        self.outcome = outcome
        return outcome
    }

    private func removeWorkFolder() {
        let parent = workFolder.removingLastComponent()
        guard let name = workFolder.lastComponent, let path = try? RelativePath(name.string),
            let folder = try? Directory(opening: parent)
        else { return }
        // What is left there is of no use to anybody, and in nobody's way.
        try? folder.remove(path)
    }

    func shortened(_ text: String) -> String {
        text.unicodeScalars.count <= 5000 ? text : "\(text.prefix(4990))…"
    }

    /// How many nodes are in each state, as JSON.
    private func countsText() -> String {
        let counts = machine.counts.sorted { $0.key.rawValue < $1.key.rawValue }
        return "{" + counts.map { "\"\($0.key.rawValue)\": \($0.value)" }.joined(separator: ", ") + "}"
    }
}

/// Somebody else has taken the pipeline over, so this runner stops without touching its steps.
package struct LeaseLost: ExplainedError {
    package let diagnostics: [Diagnostic]

    init(_ runID: String) {
        diagnostics = [
            Diagnostic(
                .error, "another runner has taken over the pipeline's run \(runID), so this one stops",
                remedy: "see 'swiftflow status \(runID.prefix(8))'")
        ]
    }
}
