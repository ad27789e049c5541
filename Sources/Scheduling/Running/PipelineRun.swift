import Diagnostics
package import Execution
package import Pipelines
import Processes
import SystemPackage
package import Tracking

/// One run of a pipeline: feeds the state machine with what happens, and does what it says.
///
/// `start` records the pipeline; `run()` carries it to its end. Everything that waits (a store, a process, a timer) is a task that posts
/// an event; the events are handled one after the other here, and nothing else decides anything.
package actor PipelineRun {
    package nonisolated let plan: Plan
    package nonisolated let info: RunInfo
    nonisolated let options: PipelineOptions
    nonisolated let services: PipelineServices
    nonisolated let epoch: Int
    /// For whoever looks; nil in nested pipelines.
    nonisolated let experimentName: String?
    /// Where places for outputs are made; gone when the pipeline has ended.
    nonisolated let workFolder: FilePath
    /// Steps whose runs' metrics, params or tags somebody asks for.
    nonisolated let askedSteps: Set<String>
    nonisolated let pending = PendingWork()
    /// What attempts report while they run.
    nonisolated let reports = AttemptReports()

    var machine: StateMachine
    var records: [NodeRecord] = []
    /// By step name.
    var outcomes: [String: StepOutcome] = [:]
    /// The nodes of a fan-out between its expansion and its first event.
    var expansions: [Int: [PlanNode]] = [:]
    var journal: Journal
    var outcome: PipelineOutcome?
    /// Why it was cancelled.
    var cancellation: String?
    /// The wish to cancel that has been obeyed already.
    var obeyedWish: String?
    /// What steps that are left out have.
    var reused: EarlierResults?
    /// The runs of attempts that an earlier runner began and this one goes on with.
    var takenOver: Set<String> = []
    /// The nodes whose results are looked for, by step.
    var cacheQuestions: [Int: CacheQuestions] = [:]
    var keyMemo = CacheKeyMemo()
    /// Which node computes what a key stands for, and which wait for it.
    var keyOwners: [String: Int] = [:]
    var keyWaiters: [String: [Int]] = [:]
    /// What steps write into the project's folder.
    nonisolated let writtenFiles: Set<String>
    /// Where artifacts of runs lie on this machine, by run id.
    var artifactFolders: [String: FilePath] = [:]
    /// The runner that this one has taken the pipeline over from.
    nonisolated let displaced: ProcessIdentity?
    /// What its `outputs` are, once it has succeeded.
    var handedOn: [String: OutputValue] = [:]
    /// Steps of nested pipelines that wait for room here.
    var guests: [Int: CheckedContinuation<[Int]?, Never>] = [:]
    var nextGuest = 0
    /// How a cancellation is recorded.
    var cancellationKind = FailureKind.stopped
    /// Why it is not run beside others of its name.
    var refused: ConcurrencyRefused?

    private var queue: [StateMachine.Event] = []
    private var isHandling = false
    private var timer: Task<Void, Never>?
    private var timerTime: Milliseconds?
    private var finished: CheckedContinuation<Void, Never>?
    private var hasFinished = false
    private var hasLostLease = false

    init(
        plan: Plan, info: RunInfo, options: PipelineOptions, services: PipelineServices, journal: Journal,
        epoch: Int, workFolder: FilePath, reused: EarlierResults, displaced: ProcessIdentity? = nil,
        durations: [String: Int64] = [:], experimentName: String? = nil
    ) {
        self.experimentName = experimentName
        self.reused = reused
        self.displaced = displaced
        self.plan = plan
        self.info = info
        self.options = options
        self.services = services
        self.journal = journal
        self.epoch = epoch
        self.workFolder = workFolder
        var asked: Set<String> = []
        for step in plan.steps {
            if step.step.select != nil || !step.step.metrics.isEmpty { asked.insert(step.name) }
            for use in step.step.references { asked.formUnion(use.reference.stepWithData) }
        }
        for output in plan.pipeline.outputs {
            for use in output.value.references { asked.formUnion(use.reference.stepWithData) }
        }
        askedSteps = asked
        writtenFiles = plan.writtenFiles
        var limits = localLimits(plan.limits, parallel: options.parallel)
        // What there is not around it, there is not in it.
        limits.merge(options.enclosing?.limits ?? [:]) { min($0, $1) }
        let reservesDevices = options.enclosing?.reserved.contains(ResourcePool.gpu) == true
        machine = StateMachine(
            steps: plan.steps.map { step in
                var shape = StepShape(step, parallel: limits[ResourcePool.parallel])
                if let known = durations[step.name] { shape.expectedDuration = Double(known) }
                return shape
            },
            pool: ResourcePool(limits: limits, devices: reservesDevices ? options.enclosing?.devices : nil),
            onError: OnError(plan.pipeline.onError), seed: info.runID,
            timeout: plan.pipeline.concurrency == .allow ? plan.timeout?.milliseconds : nil,
            now: services.clock.now())
        for step in plan.steps { outcomes[step.name] = StepOutcome() }
    }

    // MARK: Running

    /// Carries the pipeline to its end.
    ///
    /// - Returns: how it ended, once that is recorded.
    package func run() async throws -> PipelineOutcome {
        services.observe(.started(plan, info, epoch: epoch, experiment: experimentName))
        let lease = try await keepLease()
        defer { lease.cancel() }
        Task { for await _ in reports.wakes { takeReports() } }
        defer { reports.close() }
        do {
            try await waitForTurn()
        } catch {
            cancel(reason: "whether another pipeline of this name is active cannot be told: \(messages(of: error))")
        }
        post(.begin)
        await withCheckedContinuation { continuation in
            if hasFinished { continuation.resume() } else { finished = continuation }
        }
        timer?.cancel()
        if hasLostLease { throw LeaseLost(info.runID) }
        await pending.wait()
        await endLeftovers()
        await services.runner.close()
        // Its last heartbeat must not come after the end, which takes the lease away.
        lease.cancel()
        await lease.value
        if hasLostLease { throw LeaseLost(info.runID) }
        takeReports()
        let outcome = try await recordEnd()
        // The report of many cells takes as much again.
        forgetNodes()
        await record("the report") { [services] in try await services.conclude(outcome.run) }
        services.observe(.ended(outcome))
        if let refused { throw refused }
        return outcome
    }

    /// Forgets what is known of nodes and steps, once nothing can happen to them any more and their end is recorded.
    private func forgetNodes() {
        records = []
        outcomes = [:]
        expansions = [:]
        journal = Journal()
        reused = nil
    }

    /// Ends the pipeline politely: running attempts are stopped, nothing new starts.
    package func cancel(reason: String, as kind: FailureKind = .stopped) {
        if cancellation == nil { cancellationKind = kind }
        cancellation = cancellation ?? reason
        post(.cancel(reason: reason))
    }

    package func cancel(step: String, reason: String) {
        guard let index = plan.indices[step] else {
            return services.observe(
                .warning(
                    Diagnostic(
                        .warning, "there is no step '\(step)' to cancel",
                        remedy: suggestion(for: step, among: plan.steps.map(\.name), kind: "steps"))))
        }
        post(.cancelStep(index, reason: reason))
    }

    /// Ends what runs at once.
    package func kill() {
        post(.kill)
    }

    /// The pipeline belongs to another runner now: nothing is recorded any more, and nothing of it touched.
    func loseLease() {
        hasLostLease = true
        dismissGuests()
        hasFinished = true
        finished?.resume()
        finished = nil
    }

    // MARK: Events

    /// Takes an event; whatever it leads to is done before the next one.
    func post(_ event: StateMachine.Event) {
        guard !hasLostLease else { return }
        if !isHandling { takeReports() }
        queue.append(event)
        guard !isHandling else { return }
        isHandling = true
        defer { isHandling = false }
        var next = 0
        while true {
            if next < queue.count {
                let event = queue[next]
                next += 1
                for action in machine.handle(event, at: services.clock.now()) { perform(action) }
            } else {
                let actions = machine.startReady(at: services.clock.now())
                if actions.isEmpty { break }
                for action in actions { perform(action) }
            }
        }
        queue.removeAll(keepingCapacity: true)
        setTimer()
    }

    private func perform(_ action: StateMachine.Action) {
        switch action {
        case .consider(let step): consider(step)
        case .examine(let node): examine(node)
        case .start(let node, let devices): start(node, devices: devices)
        case .lend(let guest, let devices): lent(guest, devices: devices)
        case .stop(let node, let cause): records[node].control?.stop(cause)
        case .kill(let node):
            if let control = records[node].control { Task { await control.kill() } }
        case .conclude(let step): conclude(step)
        case .changed(let node): changed(node)
        case .settled(let step): settled(step)
        case .finish:
            if case .done(.cancelled) = machine.phase, cancellation == nil {
                cancellation = "the pipeline took longer than its timeout"
            }
            hasFinished = true
            dismissGuests()
            finished?.resume()
            finished = nil
        }
    }

    /// Whether nothing can be begun any more.
    var isOver: Bool { hasFinished }

    /// Work that the pipeline's end waits for, and that posts what came of it.
    func perform(_ work: @escaping @Sendable (isolated PipelineRun) async -> Void) {
        pending.begin()
        Task {
            await work(self)
            self.pending.end()
        }
    }

    private func setTimer() {
        guard !hasFinished, let time = machine.nextWake else {
            timer?.cancel()
            timer = nil
            timerTime = nil
            return
        }
        guard timerTime != time else { return }
        timer?.cancel()
        timerTime = time
        let clock = services.clock
        timer = Task { [weak self] in
            await clock.sleep(until: time)
            guard !Task.isCancelled else { return }
            await self?.timerFired()
        }
    }

    private func timerFired() {
        timerTime = nil
        post(.tick)
    }

    // MARK: What observers see

    func changed(_ node: Int) {
        while records.count < machine.nodes.count { addRecord() }
        updateOutcome(of: node)
        // What still has to borrow its room has not started for anybody who looks.
        if machine.nodes[node].state == .starting, borrows(node) { return }
        services.observe(.node(status(of: node)))
        if machine.nodes[node].state.isTerminal {
            releaseKey(of: node)
            records[node].forgetWork()
        }
    }

    func status(of node: Int) -> NodeStatus {
        let state = machine.nodes[node]
        let record = records[node]
        let step = machine.steps[state.step]
        let queued = record.startTime.map { max(0, $0 - state.readySince) }
        return NodeStatus(
            id: record.plan.id, step: step.shape.name, isCell: state.cell != nil, state: state.state,
            time: services.clock.now(), attempt: record.earlierAttempts + state.attempt, runID: record.run?.runID,
            artifactURI: record.run?.artifactURI, reason: state.failure?.message ?? step.reason,
            failure: state.failure?.reason,
            exitCode: state.failure?.exitCode, cachedFrom: record.cachedFrom, startTime: record.startTime,
            endTime: record.endTime, dueAt: state.dueAt, queueMilliseconds: queued,
            processorSeconds: record.processorSeconds, peakMemory: record.peakMemory,
            isFromBefore: state.state == .succeeded && state.attempt == 0)
    }

    private func settled(_ index: Int) {
        let step = machine.steps[index]
        let name = step.shape.name
        outcomes[name]?.state = step.state
        services.observe(
            .settled(
                StepStatus(
                    step: name, state: step.state, reason: step.reason, isFanOut: step.isFanOut,
                    cells: step.nodes.count, failedCells: step.nodes.count { machine.nodes[$0].state == .failed },
                    runID: outcomes[name]?.group?.runID,
                    best: outcomes[name].flatMap { outcome in outcome.top.first.map { outcome.nodes[$0].id } },
                    time: services.clock.now())))
        if step.isFanOut { recordGroupEnd(index) }
    }

    /// Gives a node of the machine its place in the plan.
    private func addRecord() {
        let node = machine.nodes[records.count]
        let step = plan.steps[node.step]
        let planned: PlanNode
        if let cell = node.cell, let cells = expansions[node.step], cells.indices.contains(cell) {
            planned = cells[cell]
        } else {
            planned = plan.nodes(of: step).first ?? PlanNode(whole: step)
        }
        var record = NodeRecord(plan: planned)
        record.journal = journal.nodes[planned.id]
        record.earlierAttempts = record.journal?.attempts.last?.number ?? 0
        record.previousRunID = record.journal?.attempts.last?.run.info.runID
        let done = record.journal?.attempts.last { $0.run.info.status == .finished }
        record.isWantedAgain = done?.isSupersededByName == true
        records.append(record)
        outcomes[step.name]?.nodes.append(NodeOutcome(id: planned.id, state: .waiting, cell: planned.cell))
    }

    private func updateOutcome(of node: Int) {
        let state = machine.nodes[node]
        let name = machine.steps[state.step].shape.name
        outcomes[name]?.nodes[state.cell ?? 0].state = state.state
        outcomes[name]?.nodes[state.cell ?? 0].run = records[node].run
    }
}

extension Reference {
    /// The step whose run must be read to answer it.
    fileprivate var stepWithData: Set<String> {
        guard let step else { return [] }
        switch step.field {
        case .metric, .param, .tag: return [step.step]
        case .output, .runID, .artifactURI, .status, .exitCode, .duration: return []
        }
    }
}
