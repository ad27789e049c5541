import Diagnostics
import Environments
import Processes
import Projects
package import Tracking

/// Starts everything that is ever started: one request in, one recorded run out.
///
/// The order matters. Everything the user can have got wrong is found by `prepare` before a run exists; from the moment the run exists,
/// every path out of here ends it with a true status.
package struct Launcher: Sendable {
    package let services: LaunchServices

    package init(services: LaunchServices) {
        self.services = services
    }

    /// Runs the request to its end.
    ///
    /// Cancelling the task stops the run: its processes get TERM, after the request's grace KILL, and the run ends as KILLED.
    ///
    /// - Throws: when no run could be created. Failures after that are in the result.
    package func run(_ request: RunRequest, control: RunControl = RunControl()) async throws -> RunResult {
        // The command's supervisor and the store load while the project is being read.
        try await run(try await prepare(request), control: control)
    }

    /// Runs what has been prepared to its end; see `run(_:control:)`.
    package func run(_ prepared: PreparedLaunch, control: RunControl = RunControl()) async throws -> RunResult {
        let store = try await services.store()
        let (run, experiment) = try await createRun(prepared, in: store)
        let record = RunRecord(info: run, store: store)
        services.observe(.created(run, isNew: prepared.request.runID == nil, experiment: experiment))

        guard services.endsAbandonedRuns else {
            return try await end(
                await execute(prepared, record: record, control: control, .anew), prepared, record, control)
        }
        async let abandoned: Void = reportAbandonedRuns(in: store)
        let outcome = await execute(prepared, record: record, control: control, .anew)
        await abandoned
        return try await end(outcome, prepared, record, control)
    }

    /// Finds the job of a run again whose runner died, and follows it to its end; one that was never submitted is submitted now.
    ///
    /// - Parameter handle: what the dead runner recorded of the job, if it lived long enough.
    /// - Throws: when the run cannot be taken over. Failures after that are in the result.
    package func reattach(
        _ prepared: PreparedLaunch, run: RunInfo, handle: String?, control: RunControl = RunControl()
    ) async throws -> RunResult {
        let store = try await services.store()
        let runner = Tag(WellKnownTag.runner, services.runner.description)
        var tags = prepared.request.tags + [runner]
        if prepared.request.completesRun {
            // The dead runner may have come so far.
            try await record(prepared.parameters, in: try await store.run(id: run.runID), store)
            tags = prepared.tags + [runner]
        }
        let taken = try await store.updateRun(RunUpdate(runID: run.runID, status: .running, tags: tags))
        let record = RunRecord(info: taken, store: store)
        services.observe(.created(taken, isNew: false, experiment: nil))
        let outcome = await execute(prepared, record: record, control: control, .again(handle: handle))
        return try await end(outcome, prepared, record, control)
    }

    /// How a job comes to be followed.
    private enum Beginning {
        case anew
        case again(handle: String?)
    }

    private func end(
        _ outcome: RunOutcome, _ prepared: PreparedLaunch, _ record: RunRecord, _ control: RunControl
    ) async throws -> RunResult {
        var outcome = outcome
        if let conclude = prepared.request.conclude { outcome = await conclude(record.info, outcome) }
        let ended = try await recordEnd(outcome, record)
        let result = RunResult(run: ended, status: ended.status, outcome: outcome)
        services.observe(.ended(result))
        // Not before: should this runner die first, whoever resumes can still learn of the end.
        await control.settle()
        return result
    }

    /// Records the end, even if this task has been cancelled.
    private func recordEnd(_ outcome: RunOutcome, _ record: RunRecord) async throws -> RunInfo {
        let time = currentTimeMilliseconds()
        do {
            return try await record.end(outcome, at: time)
        } catch {
            guard Task.isCancelled else { throw error }
            // The cancellation may be what failed it; an unstructured task has none. To record an end twice changes nothing.
            return try await Task { try await record.end(outcome, at: time) }.value
        }
    }

    // MARK: The run

    private func createRun(
        _ prepared: PreparedLaunch, in store: any TrackingStore
    ) async throws -> (run: RunInfo, experiment: String?) {
        let request = prepared.request
        if let id = request.runID {
            return try await adoptRun(id, prepared, in: store)
        }
        let experiment = try await request.experiment.resolved(in: request.environment, store: store)
        if let name = experiment.createdName {
            services.observe(.note("Experiment '\(name)' did not exist; it has been created"))
        }
        let creation = RunCreation(
            experimentID: experiment.id, name: request.runName, userID: userName(in: request.environment),
            startTime: currentTimeMilliseconds(),
            tags: prepared.tags + [
                Tag(WellKnownTag.projectBackend, request.backend),
                Tag(WellKnownTag.runner, services.runner.description),
            ],
            params: prepared.parameters.map { Param($0.name, $0.value) })
        if case .known = request.experiment { return (try await store.createRun(creation).info, nil) }
        // While the run is being written.
        async let name = experiment.namedIn(store)
        return (try await store.createRun(creation).info, await name)
    }

    /// Takes over a run that exists already, as `--run-id` asks: its parameters and tags stay as they are.
    private func adoptRun(
        _ id: String, _ prepared: PreparedLaunch, in store: any TrackingStore
    ) async throws -> (run: RunInfo, experiment: String?) {
        let existing = try await store.run(id: id)
        guard existing.info.lifecycleStage == .active else {
            throw InvalidInput(
                "run '\(id)' is deleted", remedy: "restore it first: swiftflow runs restore \(id)")
        }
        var tags = [
            Tag(WellKnownTag.projectBackend, prepared.request.backend),
            Tag(WellKnownTag.runner, services.runner.description),
        ]
        if prepared.request.completesRun {
            try await record(prepared.parameters, in: existing, store)
            tags += prepared.tags
        } else if let environment = prepared.environmentTag {
            tags.append(Tag(WellKnownTag.projectEnvironment, environment))
        }
        let update = RunUpdate(runID: id, status: .running, name: prepared.request.runName, tags: tags)
        if case .known = prepared.request.experiment { return (try await store.updateRun(update), nil) }
        async let name = nameOfExperiment(existing.info.experimentID, in: store)
        return (try await store.updateRun(update), await name)
    }

    /// Records the params that a run could not be created with.
    private func record(_ params: [ResolvedParameter], in run: Run, _ store: any TrackingStore) async throws {
        let missing = params.filter { run.data.param($0.name) == nil }.map { Param($0.name, $0.value) }
        for part in missing.parts(of: Limits.paramsPerBatch) {
            try await store.logBatch(LogBatch(runID: run.info.runID, params: Array(part)))
        }
    }

    private func reportAbandonedRuns(in store: any TrackingStore) async {
        do {
            for run in try await endAbandonedRuns(in: store) {
                services.observe(
                    .note(
                        "run \(run.runID) was left RUNNING by a runner that died; it is now marked \(run.status.rawValue)"
                    ))
            }
        } catch {
            // The run at hand matters more than the tidiness of others; they are looked at again next time.
            services.observe(.warning(Diagnostic(.warning, "runs of dead runners could not be ended: \(error)")))
        }
    }

    // MARK: The command

    /// Does everything between the run's creation and its end; never throws, because the run must be ended.
    private func execute(
        _ prepared: PreparedLaunch, record: RunRecord, control: RunControl, _ beginning: Beginning
    ) async -> RunOutcome {
        let log: RunLog
        do {
            log = RunLog(folder: try services.logFolder(record.info), passOn: services.receiveOutput)
        } catch {
            return RunOutcome(
                status: .failed, kind: .launch, reason: "the run's log has no place: \(reasonText(error))")
        }
        let outcome: RunOutcome
        do {
            let job = try await makeJob(prepared, record: record, log: log)
            defer { withExtendedLifetime(job.heldUntilEnd) {} }
            outcome = try await runJob(job.job, prepared, record: record, control: control, beginning)
        } catch is CancellationError {
            outcome = RunOutcome(status: .killed, kind: .stopped, reason: "stopped before the command was started")
        } catch {
            // Whoever finds the failed run later has seen nothing else of it.
            var reason = reasonText(error, withRemedies: true)
            if case .again = beginning {
                reason =
                    "its job could not be found again, and may still run in '\(prepared.request.backend)': \(reason)"
            }
            outcome = RunOutcome(status: .failed, kind: .launch, reason: reason)
            services.observe(.progressEnded)
            for diagnostic in (error as? any ExplainedError)?.diagnostics ?? [Diagnostic(.error, "\(error)")] {
                services.observe(.warning(diagnostic))
            }
        }
        return await keep(log, of: record.info, outcome)
    }

    private func runJob(
        _ job: Job, _ prepared: PreparedLaunch, record: RunRecord, control: RunControl,
        _ beginning: Beginning
    ) async throws -> RunOutcome {
        let tracking = try await services.childTracking.open(for: prepared.backend.trackingReach())
        var job = job
        job.environment = job.environment.filter { !tracking.removedVariables.contains($0.key) }
        job.environment.merge(tracking.variables) { _, new in new }
        job.ownVariables.merge(tracking.variables) { _, new in new }
        let end: JobEnd
        do {
            var found = Reattachment.neverSubmitted
            if case .again(let handle) = beginning { found = try await prepared.backend.reattach(job, handle: handle) }
            switch found {
            case .neverSubmitted:
                try Task.checkCancellation()
                services.observe(.starting(command: prepared.commandPreview ?? job.command))
                let submitted = try await prepared.backend.submit(job)
                end = try await follow(submitted, prepared.request, record: record, control: control)
            case .running(let running):
                services.observe(.starting(command: prepared.commandPreview ?? job.command))
                end = try await follow(running, prepared.request, record: record, control: control)
            case .ended(let ended): end = await control.wait(for: ended, grace: prepared.request.grace)
            case .gone(let reason): end = .lost(reason: reason)
            }
        } catch {
            await tracking.close()
            throw error
        }
        // What the command sent before it ended is still recorded.
        await tracking.close()
        return RunOutcome(end, wasStopped: Task.isCancelled)
    }

    /// Records what finds the job again, then waits for its end.
    private func follow(
        _ job: any SubmittedJob, _ request: RunRequest, record: RunRecord, control: RunControl
    ) async throws -> JobEnd {
        services.observe(.launched(processID: job.processID))
        let facts = job.tags + request.launchTags
        guard let handle = job.handle else {
            return await wait(for: job, telling: facts, record: record, grace: request.grace, control: control)
        }
        do {
            try await record.add(facts + [Tag(WellKnownTag.jobHandle, handle)])
        } catch {
            // A job that nobody could find again is not left running.
            await job.cancel(grace: request.grace)
            throw error
        }
        return await control.wait(for: job, grace: request.grace)
    }

    /// Waits for a job that ends with this runner, so that nobody has to find it again: of a short one its end tells all there is.
    private func wait(
        for job: any SubmittedJob, telling facts: [Tag], record: RunRecord, grace: Duration, control: RunControl
    ) async -> JobEnd {
        guard !facts.isEmpty else { return await control.wait(for: job, grace: grace) }
        let lasting = services.lastingJobs.begin {
            var facts = facts
            if let processID = job.processID {
                facts.append(Tag(WellKnownTag.jobHandle, ProcessIdentity(processID: processID).description))
            }
            // Only told for people; what matters is recorded with the end.
            try? await record.add(facts)
        }
        let end = await control.wait(for: job, grace: grace)
        // The end is recorded after it, never before.
        await services.lastingJobs.end(lasting)
        return end
    }

    /// Makes the log durable and hands it to a remote artifact store; a run without its whole log has not finished.
    private func keep(_ log: RunLog, of run: RunInfo, _ outcome: RunOutcome) async -> RunOutcome {
        var outcome = outcome
        do {
            if let failure = log.close() { throw failure }
            if log.hasContent { try await services.keepLog(log, run) }
        } catch {
            let reason = "the output could not be kept: \(reasonText(error))"
            services.observe(.warning(Diagnostic(.warning, reason)))
            if outcome.isSuccess {
                outcome = RunOutcome(status: .failed, kind: .incompleteLog, reason: reason, end: outcome.end)
            }
        }
        return outcome
    }

    private func reasonText(_ error: any Error, withRemedies: Bool = false) -> String {
        guard let explained = error as? any ExplainedError else { return "\(error)" }
        return explained.diagnostics.map { diagnostic in
            let remedy = withRemedies ? diagnostic.remedy.map { "; \($0)" } : nil
            return redactedText(diagnostic.message + (remedy ?? ""))
        }.joined(separator: "; ")
    }
}

extension RunOutcome {
    init(_ end: JobEnd, wasStopped: Bool) {
        switch end {
        case .ended(let process) where process.isSuccess:
            self.init(status: .finished, end: process)
        case .ended(let process) where wasStopped:
            self.init(status: .killed, kind: .stopped, reason: "stopped (\(process.explanation))", end: process)
        case .ended(let process):
            let reason = process.supervisionFailure ?? "the command ended with \(process.explanation)"
            self.init(status: .failed, kind: FailureKind(process), reason: reason, end: process)
        case .failed(let kind, let reason, let process):
            self.init(
                status: wasStopped ? .killed : .failed, kind: wasStopped ? .stopped : kind, reason: reason, end: process
            )
        case .lost(let reason):
            self.init(status: wasStopped ? .killed : .failed, kind: wasStopped ? .stopped : .lost, reason: reason)
        }
    }
}

extension FailureKind {
    fileprivate init(_ end: ProcessEnd) {
        if end.supervisionFailure != nil {
            self = .lost
        } else if case .signaled = end.termination {
            self = .signal
        } else {
            self = .exit
        }
    }
}
