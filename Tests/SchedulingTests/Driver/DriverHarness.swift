import Artifacts
import Diagnostics
import Digests
import Execution
import Files
import Glibc
import Pipelines
import Processes
import Projects
import SQLiteStore
import Synchronization
import SystemPackage
import Testing
import Tracking

@testable import Scheduling

/// The whole driver over a real store: only the machines that jobs run on, and time, are scripted.
///
/// A test may end the life of a runner at any write or event and let another one resume what it left.
final class DriverHarness: Sendable {
    let folder: TemporaryDirectory
    /// The store as it is, for looking at.
    let store: any TrackingStore
    let clock: ManualClock
    /// The project whose steps run, apart from everything that runs write.
    let project: FilePath
    let witness = Witness()
    let engine: ScriptedEngine
    let plan: Plan
    /// The pipelines that steps name, by their place.
    let nested: [String: String]
    let events = EventLog()
    /// What the steps' commands run with.
    var environment: [String: String] { ["USER": "tester", "PATH": "/usr/bin:/bin"] }
    private let http: OutgoingHTTP
    private let lives = Mutex(0)

    init(
        _ yaml: String, over given: (any TrackingStore)? = nil, in folder: TemporaryDirectory? = nil,
        request: PlanRequest = PlanRequest(), nested: [String: String] = [:],
        clock: ManualClock = ManualClock(now: currentTimeMilliseconds()),
        script: @escaping ScriptedEngine.Script = { _ in .exited(0) }
    ) async throws {
        let folder = try folder ?? TemporaryDirectory()
        self.folder = folder
        self.clock = clock
        project = folder.path.appending("project")
        try makeFolders(project)
        if let given {
            store = given
        } else {
            var options = SQLiteStore.Options(workingDirectory: folder.path)
            options.durability = .normal
            store = try await SQLiteStore.open(folder.path.appending("mlflow.db"), options: options)
        }
        engine = ScriptedEngine(store: store, witness: witness, script)
        http = try OutgoingHTTP(environment: [:])
        self.nested = nested
        plan = try Self.plan(yaml, request, nested: nested)
    }

    static func plan(
        _ yaml: String, _ request: PlanRequest = PlanRequest(), nested: [String: String] = [:],
        file: String = "pipeline.yaml"
    ) throws -> Plan {
        let (pipeline, findings) = Pipeline.read(Array(yaml.utf8), file: file)
        let read = try #require(pipeline, "\(findings)")
        let (plan, planFindings) = Plan.make(
            read, source: Array(yaml.utf8), request: request, surroundings: surroundings(nested))
        return try #require(plan, "\(planFindings)")
    }

    private static func surroundings(_ nested: [String: String]) -> PlanSurroundings {
        var surroundings = PlanSurroundings()
        surroundings.nestedPlan = { (place, _, request, isCheck) throws(InvalidInput) in
            let source = Array((nested[place] ?? "").utf8)
            guard let pipeline = Pipeline.read(source, file: place).0 else {
                throw InvalidInput("there is no pipeline '\(place)'")
            }
            return Plan.make(
                pipeline, source: source, request: request, surroundings: Self.surroundings(nested), isCheck: isCheck
            ).0
        }
        return surroundings
    }

    // MARK: Lives

    private func services(_ life: Life) -> (PipelineOptions, PipelineServices) {
        let number = lives.withLock { lives in
            lives += 1
            return lives
        }
        // A process that does not exist: to whoever resumes, this runner is dead.
        var owner = ProcessIdentity(processID: 4_194_305)
        owner.startTime = UInt64(number)
        let options = PipelineOptions(
            environment: environment, workingDirectory: project, project: project.string, folder: project)
        let services = services(life, of: owner, options) { [events] event in
            life.event()
            if !life.isOver { events.append(event) }
        }
        return (options, services)
    }

    /// What pipelines are run with; those of one life have the same owner.
    fileprivate func services(
        _ life: Life, of owner: ProcessIdentity, _ options: PipelineOptions,
        observe: @escaping @Sendable (PipelineEvent) -> Void
    ) -> PipelineServices {
        let witnessed = WitnessStore(base: store, life: life, witness: witness)
        let artifacts = WitnessArtifacts(
            base: ResolvedRunArtifacts(
                resolver: ArtifactResolver(
                    environment: [:], trackingURI: nil, workingDirectory: folder.path, http: http),
                digests: DigestCache(at: nil), localFolder: { artifactFolder($0) }),
            life: life)
        let logs = folder.path.appending("logs")
        let runner = LauncherStepRunner(
            services: LaunchServices(
                starter: NoProcesses(), store: { witnessed }, backends: engine.registry(for: life),
                childTracking: DirectChildTracking(uri: "sqlite:///somewhere"),
                checkoutSources: CheckoutSources(
                    git: { _, _ in throw InvalidInput("no git here") },
                    download: { _, _ in throw InvalidInput("no web here") }),
                sourceState: { _ in nil }, download: { _, _ in throw InvalidInput("no downloads here") },
                runner: owner, logFolder: { logs.appending($0.runID) }, keepLog: { _, _ in },
                receiveOutput: { _, _ in }, observe: { _ in }),
            options: options, artifacts: artifacts, digests: DigestCache(at: nil))
        var services = PipelineServices(
            store: witnessed, runner: runner, artifacts: artifacts, clock: clock, owner: owner, observe: observe)
        services.nest = { [self] step in
            try await beginNested(
                step, by: ScriptedNesting(harness: self, life: life, owner: owner), artifacts: artifacts,
                in: witnessed, at: clock.now())
        }
        return services
    }

    func start(_ life: Life = Life(), plan other: Plan? = nil) async throws -> PipelineRun {
        let (options, services) = services(life)
        return try await PipelineRun.start(other ?? plan, options: options, services: services)
    }

    /// - Parameters:
    ///   - steps: are done again with what follows from them, so nothing is said of what is done twice.
    ///   - mayRepeat: whether an earlier runner was told so.
    func resume(
        _ runID: String, _ life: Life = Life(), plan other: Plan? = nil, from steps: [String] = [],
        mayRepeat: Bool = false
    ) async throws -> PipelineRun {
        let finished = try await runs().filter { $0.info.status == .finished }
        engine.note(
            recorded: steps.isEmpty && !mayRepeat ? finished.compactMap { $0.data.tag(NodeTag.launch) } : nil)
        let (options, services) = services(life)
        return try await PipelineRun.resume(
            runID, other ?? plan, options: options, services: services, from: steps)
    }

    /// What a plan would do now.
    func rehearse(_ other: Plan? = nil) async throws -> PlanForecast {
        let (options, services) = services(Life())
        let plan = other ?? plan
        return try await PlanRehearsal(plan, options: options, services: services, experimentID: "0").forecast
    }

    /// Lets time pass whenever nothing else happens, until `body` is done.
    func pumping<T>(_ life: Life, _ body: () async throws -> T) async throws -> T {
        let pump = Task { [clock] in
            var (last, quiet) = (-1, 0)
            while !Task.isCancelled {
                await Task.yield()
                let activity = life.activity
                quiet = activity.open == 0 && activity.operations == last ? quiet + 1 : 0
                last = activity.operations
                if quiet >= 100 {
                    quiet = 0
                    clock.advanceToNext()
                }
            }
        }
        defer { pump.cancel() }
        return try await body()
    }

    /// Starts and carries to the end.
    @discardableResult
    func run(_ life: Life = Life()) async throws -> PipelineOutcome {
        try await pumping(life) { try await start(life).run() }
    }

    /// Lives one life that ends too early; what it throws is of no interest, because nobody is there to see it.
    ///
    /// - Parameter acting: what somebody does meanwhile.
    func liveAndDie(
        _ life: Life, resuming runID: String? = nil, from steps: [String] = [],
        acting: (@Sendable (PipelineRun) async -> Void)? = nil
    ) async throws -> String? {
        try await pumping(life) {
            do {
                let run =
                    if let runID { try await resume(runID, life, from: steps) } else { try await start(life) }
                let action = acting.map { acting in Task { await acting(run) } }
                defer { action?.cancel() }
                _ = try await run.run()
            } catch {
                #expect(life.isOver, "it failed by itself: \(error)")
            }
        }
        return try await outermost()?.info.runID
    }

    // MARK: Looking

    func runs() async throws -> [Run] {
        try await store.searchRuns(
            RunSearch(experimentIDs: ["0"], orderBy: ["attributes.start_time ASC"], maxResults: 10_000)
        ).elements
    }

    /// The run of the pipeline that is in no other.
    func outermost() async throws -> Run? {
        try await runs().first { $0.data.tag(NodeTag.pipeline) != nil && $0.data.tag(NodeTag.node) == nil }
    }

    /// - Parameter node: with the way to it, in a nested pipeline.
    func attempts(of node: String) async throws -> [Run] {
        try await runs().filter { $0.data.path == node && $0.data.tag(NodeTag.group) == nil }
            .sorted { Int($0.data.tag(NodeTag.attempt) ?? "") ?? 0 < Int($1.data.tag(NodeTag.attempt) ?? "") ?? 0 }
    }

    /// What each node that succeeded has handed on: small values, and the content of its files.
    ///
    /// Of a nested pipeline that failed and was begun anew, only what the one that succeeded did.
    func results() async throws -> [String: [String: String]] {
        var results: [String: [String: String]] = [:]
        let all = try await runs()
        let byID = Dictionary(uniqueKeysWithValues: all.map { ($0.info.runID, $0) })
        for run in all where run.info.status == .finished && run.data.tag(NodeTag.group) == nil {
            guard let node = run.data.path, run.data.tag(NodeTag.superseded) == nil else { continue }
            let isOfFailed = ancestors(of: run, among: byID).contains {
                $0.data.tag(NodeTag.node) != nil && $0.info.status != .finished
            }
            if isOfFailed { continue }
            var outputs: [String: String] = [:]
            for (name, value) in storedOutputs(run.data.tags) {
                switch value {
                case .text(let text): outputs[name] = text
                case .artifact(let path, _):
                    let folder = try #require(artifactFolder(run.info.artifactURI))
                    outputs[name] = String(
                        decoding: try readFile(folder.appending(path), limit: 1 << 20), as: UTF8.self)
                case .reference(let uri, _):
                    let parts = uri.split(separator: "/", maxSplits: 2)
                    let owner = try #require(parts.count == 3 ? byID[String(parts[1])] : nil)
                    let folder = try #require(artifactFolder(owner.info.artifactURI))
                    outputs[name] = String(
                        decoding: try readFile(folder.appending(String(parts[2])), limit: 1 << 20), as: UTF8.self)
                case .value(let value): outputs[name] = value.text ?? "\(value)"
                }
            }
            #expect(results[node] == nil, "'\(node)' has succeeded twice")
            results[node] = outputs
        }
        return results
    }

    private func ancestors(of run: Run, among runs: [String: Run]) -> [Run] {
        var found: [Run] = []
        var next = run
        while let parent = next.data.tag(WellKnownTag.parentRunID).flatMap({ runs[$0] }) {
            found.append(parent)
            next = parent
        }
        return found
    }

    func close() async {
        await store.close()
        await http.shutdown()
    }
}

extension RunData {
    /// The node that a run is an attempt of, with the way there in a nested pipeline.
    var path: String? { tag(NodeTag.path) ?? tag(NodeTag.node) }
}

/// Pipelines that a test holds, planned as those in files are.
private struct ScriptedNesting: NestedPlanning {
    let harness: DriverHarness
    let life: Life
    let owner: ProcessIdentity

    func planned(_ step: NestedStep) async throws -> PreparedNesting {
        var request = PlanRequest()
        request.params = given(step)
        request.part.forceAll = step.isForced
        guard let text = harness.nested[step.place] else {
            throw InvalidInput("there is no pipeline '\(step.place)'")
        }
        return prepared(
            step, try DriverHarness.plan(text, request, nested: harness.nested, file: step.place))
    }

    func recorded(_ known: Run, _ step: NestedStep) async throws -> (prepared: PreparedNesting, hasSameParams: Bool) {
        let artifacts = harness.services(life, of: owner, step.options) { _ in }.artifacts
        _ = try LaunchRecord(reading: try await artifacts.read(LaunchRecord.path, of: known.info, limit: 1 << 20))
        let plan = try Plan(
            reading: try await artifacts.read("pipeline/plan.json", of: known.info, limit: 1 << 20))
        let text = String(decoding: plan.source, as: UTF8.self)
        return (
            prepared(step, try DriverHarness.plan(text, plan.request, nested: harness.nested, file: step.place)),
            plan.request.params.map { PlanRequest.GivenValue($0.name, $0.content) } == given(step)
        )
    }

    private func given(_ step: NestedStep) -> [PlanRequest.GivenValue] {
        step.params.map { .init($0.name, .value($0.value)) }
    }

    private func prepared(_ step: NestedStep, _ plan: Plan) -> PreparedNesting {
        var options = step.options
        options.file = step.place
        options.enclosing = step.enclosing
        options.parentRunID = step.enclosing.parentRunID
        options.runName = step.node
        options.forcedSteps = []
        options.parallel = nil
        return PreparedNesting(
            plan: plan, options: options,
            services: harness.services(life, of: owner, options, observe: step.observe))
    }
}

private func artifactFolder(_ uri: String) -> FilePath? {
    if uri.hasPrefix("/") { return FilePath(uri) }
    return uri.hasPrefix("file:///") ? FilePath(String(uri.dropFirst("file://".count))) : nil
}

/// Writes what a step makes of its inputs to the first path among its words, and reads the others.
///
/// The result depends on the step and on its inputs alone.
func performStep(_ work: ScriptedEngine.Work) throws {
    var parts: [String] = []
    for word in work.words.dropFirst() {
        parts.append(
            word.hasPrefix("/") ? String(decoding: try readFile(FilePath(word), limit: 1 << 20), as: UTF8.self) : word)
    }
    let text = "\(work.node)(\(parts.joined(separator: ",")))"
    guard let target = work.words.first, target.hasPrefix("/") else { return }
    try writeText(text, to: FilePath(target))
}

/// Adds a line to the file of small values.
func handOn(_ line: String, _ work: ScriptedEngine.Work) throws {
    try writeText(line + "\n", to: FilePath(try #require(work.variables["SWIFTFLOW_OUTPUT"])))
}

func writeText(_ text: String, to path: FilePath) throws {
    let file = try FileDescriptor.open(
        path, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite, .groupRead])
    try file.closeAfter { _ = try file.writeAll(text.utf8) }
}

/// Artifacts that a dead runner can neither read nor write; keeping one counts as a write.
private struct WitnessArtifacts: RunArtifacts {
    let base: ResolvedRunArtifacts
    let life: Life

    func folder(of run: RunInfo) -> FilePath? { base.folder(of: run) }
    func write(_ bytes: [UInt8], to path: String, of run: RunInfo) async throws {
        try await life.write { try await base.write(bytes, to: path, of: run) }
    }
    func read(_ path: String, of run: RunInfo, limit: Int) async throws -> [UInt8] {
        try await life.read { try await base.read(path, of: run, limit: limit) }
    }
    func keep(_ local: FilePath, as path: String, of run: RunInfo, mayMove: Bool) async throws -> String? {
        try await life.write { try await base.keep(local, as: path, of: run, mayMove: mayMove) }
    }
    func exists(_ path: String, of run: RunInfo) async throws -> Bool {
        try await life.read { try await base.exists(path, of: run) }
    }
    func digest(_ path: String, of run: RunInfo) async throws -> String? {
        try await life.read { try await base.digest(path, of: run) }
    }
}

private struct NoProcesses: ProcessStarter {
    func start(_ specification: ProcessSpecification) async throws -> any RunningProcess {
        throw ProcessError("no process is started in this test")
    }
}

/// What has happened, and a way to wait for what will.
final class EventLog: Sendable {
    private struct State {
        var events: [PipelineEvent] = []
        var waiters: [(matches: @Sendable (PipelineEvent) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    var all: [PipelineEvent] { state.withLock { $0.events } }

    func append(_ event: PipelineEvent) {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.events.append(event)
            let due = state.waiters.filter { $0.matches(event) }.map(\.continuation)
            state.waiters.removeAll { $0.matches(event) }
            return due
        }
        waiters.forEach { $0.resume() }
    }

    /// Returns when such an event has happened, before or after the call.
    func first(_ matches: @escaping @Sendable (PipelineEvent) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.events.contains(where: matches) { return true }
                state.waiters.append((matches, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    func node(_ id: String, _ wanted: NodeState) async {
        await first { event in
            if case .node(let status) = event { status.id == id && status.state == wanted } else { false }
        }
    }

    /// The states of a node, in order.
    func states(of id: String) -> [NodeState] {
        var states: [NodeState] = []
        for case .node(let status) in all where status.id == id && status.state != states.last {
            states.append(status.state)
        }
        return states
    }

    func statuses(of id: String) -> [NodeStatus] {
        all.compactMap { if case .node(let status) = $0, status.id == id { status } else { nil } }
    }

    var notes: [String] { all.compactMap { if case .note(let text) = $0 { text } else { nil } } }
    var warnings: [String] {
        all.compactMap { if case .warning(let diagnostic) = $0 { diagnostic.message } else { nil } }
    }
}
