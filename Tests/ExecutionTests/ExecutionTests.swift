import Diagnostics
import Execution
import Files
import LocalBackend
import Processes
import Projects
import SQLiteStore
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Tracking

/// The launcher over a real store and a backend that does what the test says.
@Suite(.timeLimit(.minutes(10))) struct LauncherTests {
    let folder: TemporaryDirectory
    let store: SQLiteStore

    init() async throws {
        folder = try TemporaryDirectory()
        store = try await SQLiteStore.open(
            folder.path.appending("mlflow.db"), options: SQLiteStore.Options(workingDirectory: folder.path))
        try folder.directory.writeFile(
            RelativePath("MLproject"),
            Array(
                "entry_points:\n  main:\n    parameters:\n      n: {type: int, default: 1}\n    command: \"work {n}\"\n"
                    .utf8))
    }

    private func launcher(_ backend: ScriptedBackend) -> Launcher {
        let store = store
        let artifacts = folder.path.appending("artifacts")
        return Launcher(
            services: LaunchServices(
                starter: NoProcesses(), store: { store }, backends: BackendRegistry(["scripted": { _ in backend }]),
                childTracking: DirectChildTracking(uri: "sqlite:///somewhere"),
                checkoutSources: CheckoutSources(
                    git: { _, _ in throw InvalidInput("no git here") },
                    download: { _, _ in throw InvalidInput("no web here") }),
                sourceState: { _ in nil }, download: { _, _ in throw InvalidInput("the download failed") },
                runner: .current,
                logFolder: { artifacts.appending($0.runID) }, keepLog: { _, _ in }, receiveOutput: { _, _ in },
                observe: { _ in }))
    }

    private func request(_ parameters: [(name: String, value: String)] = []) -> RunRequest {
        RunRequest(
            uri: folder.path.string, parameters: parameters, backend: "scripted", environment: ["USER": "tester"],
            workingDirectory: folder.path, grace: .zero)
    }

    private func end(_ code: Int32) -> JobEnd {
        .ended(
            ProcessEnd(
                termination: .exited(code: code), wallTime: .seconds(2),
                usage: ResourceUsage(userTime: .seconds(1), systemTime: .zero, peakMemory: 1 << 20)))
    }

    @Test func `a finished command makes a finished run with what it used`() async throws {
        let backend = ScriptedBackend { _ in end(0) }
        let result = try await launcher(backend).run(request([("n", "7")]))
        let run = try await store.run(id: result.run.runID)
        #expect(result.isSuccess)
        #expect(run.info.status == .finished)
        #expect(run.data.param("n") == "7")
        #expect(run.data.tag("swiftflow.wall_seconds") == "2.000")
        #expect(backend.jobs.first?.command == "work 7")
        #expect(backend.jobs.first?.environment["MLFLOW_RUN_ID"] == run.info.runID)
    }

    @Test func `a failed command makes a failed run that says why`() async throws {
        let result = try await launcher(ScriptedBackend { _ in end(3) }).run(request())
        #expect(result.status == .failed)
        #expect(
            try await store.run(id: result.run.runID).data.tag("swiftflow.failure")?.contains("exit code 3") == true)
    }

    @Test func `a backend that refuses the job leaves a failed run, not a running one`() async throws {
        let result = try await launcher(
            ScriptedBackend { _ in throw InvalidInput("the cluster is full", remedy: "wait") }
        ).run(
            request())
        #expect(result.status == .failed)
        #expect(result.outcome.reason == "the cluster is full; wait")
    }

    @Test func `what follows the command may turn its success into a failure, and is recorded`() async throws {
        var request = request()
        request.conclude = { run, outcome in
            var outcome = outcome
            guard outcome.isSuccess else { return outcome }
            outcome.status = .failed
            outcome.kind = .missingOutput
            outcome.reason = "output 'model' of \(run.runID) is missing"
            outcome.additionalTags = [Tag("swiftflow.node", "train")]
            return outcome
        }
        let result = try await launcher(ScriptedBackend { _ in end(0) }).run(request)
        let tags = try await store.run(id: result.run.runID).data
        #expect(result.status == .failed)
        #expect(tags.tag(WellKnownTag.failureKind) == "missing_output")
        #expect(tags.tag("swiftflow.node") == "train")
    }

    @Test func `many runs share a project that was read once`() async throws {
        let backend = ScriptedBackend { _ in end(0) }
        let launcher = launcher(backend)
        let loaded = try await launcher.load(request())
        try folder.directory.writeFile(RelativePath("MLproject"), Array("this is no longer read: [".utf8))
        var entryPoint = try loaded.project.entryPoint(named: "main")
        entryPoint.command = .inline("awk '{print $1}' {n}", location: nil)
        for number in ["1", "2"] {
            var request = request([("n", number)])
            request.jobName = "step-\(number)"
            request.variables = ["OWN": number]
            let result = try await launcher.run(launcher.prepare(request, in: loaded, entryPoint: entryPoint))
            #expect(result.isSuccess)
        }
        #expect(backend.jobs.map(\.name) == ["step-1", "step-2"])
        #expect(backend.jobs.map(\.command) == ["awk '{print $1}' 1", "awk '{print $1}' 2"])
        #expect(backend.jobs.map { $0.environment["OWN"] } == ["1", "2"])
        #expect(backend.jobs.map { $0.ownVariables["USER"] } == [nil, nil])
        #expect(backend.jobs.map { $0.ownVariables["MLFLOW_RUN_ID"] } == backend.jobs.map(\.run.runID))
    }

    @Test func `what finds a job again is recorded with its run`() async throws {
        let store = store
        let backend = ScriptedBackend(handle: "container-1") { _ in end(0) }
        let result = try await launcher(backend).run(request())
        #expect(try await store.run(id: result.run.runID).data.tag(WellKnownTag.jobHandle) == "container-1")
    }

    @Test func `a lost job is failed with the reason`() async throws {
        let result = try await launcher(ScriptedBackend { _ in .lost(reason: "the node is gone") }).run(request())
        #expect(result.status == .failed)
        #expect(result.outcome.reason == "the node is gone")
    }

    @Test func `an unknown backend is an error before a run exists`() async throws {
        var wrong = request()
        wrong.backend = "scirpted"
        let error = await #expect(throws: InvalidInput.self) {
            try await launcher(ScriptedBackend { _ in end(0) }).run(wrong)
        }
        #expect(error?.diagnostics.first?.remedy == "did you mean 'scripted'?")
        #expect(try await store.searchRuns(RunSearch(experimentIDs: ["0"])).elements.isEmpty)
    }

    @Test(arguments: [
        (RunStatus.killed, Int32(0), RunStatus.killed), (.failed, 0, .failed), (.finished, 0, .finished),
        (.finished, 5, .failed), (.killed, 5, .killed), (.failed, 5, .failed),
    ])
    func `the run's own word counts unless it makes things look better`(
        said: RunStatus, code: Int32, recorded: RunStatus
    ) async throws {
        let store = store
        let backend = ScriptedBackend { job in
            try await store.updateRun(RunUpdate(runID: job.run.runID, status: said, endTime: 1))
            return end(code)
        }
        let result = try await launcher(backend).run(request())
        #expect(result.status == recorded)
    }

    @Test func `cancelling the task ends the job and the run is killed`() async throws {
        let backend = ScriptedBackend(waitsForCancel: true) { _ in end(143) }
        let launcher = launcher(backend)
        let request = request()
        let work = Task { try await launcher.run(request) }
        #expect(await eventually { !backend.jobs.isEmpty })
        work.cancel()
        let result = try await work.value
        #expect(result.status == .killed)
        #expect(backend.wasCancelled)
    }

    @Test func `a run given by id keeps its tags and parameters and ends again`() async throws {
        let created = try await store.createRun(
            RunCreation(experimentID: "0", startTime: 1, tags: [Tag("mine", "yes")], params: [Param("n", "9")]))
        var adopting = request([("n", "2")])
        adopting.runID = created.info.runID
        let result = try await launcher(ScriptedBackend { _ in end(0) }).run(adopting)
        let run = try await store.run(id: created.info.runID)
        #expect(result.run.runID == created.info.runID)
        #expect(run.data.param("n") == "9")
        #expect(run.data.tag("mine") == "yes")
        #expect(run.info.status == .finished)
    }

    @Test func `X-06 a run whose runner is gone is ended by the next one`() async throws {
        var gone = ProcessIdentity.current
        gone.startTime += 1
        let abandoned = try await store.createRun(
            RunCreation(experimentID: "0", startTime: 1, tags: [Tag(WellKnownTag.runner, gone.description)]))
        var elsewhere = ProcessIdentity.current
        elsewhere.host = "another-host"
        let remote = try await store.createRun(
            RunCreation(experimentID: "0", startTime: 1, tags: [Tag(WellKnownTag.runner, elsewhere.description)]))
        _ = try await launcher(ScriptedBackend { _ in end(0) }).run(request())
        #expect(try await store.run(id: abandoned.info.runID).info.status == .failed)
        #expect(try await store.run(id: remote.info.runID).info.status == .running)
    }

    /// A run as a dead runner leaves it.
    private func abandoned(_ backend: String, _ tags: [Tracking.Tag] = []) async throws -> RunInfo {
        var gone = ProcessIdentity.current
        gone.startTime += 1
        let fixed = [Tag(WellKnownTag.runner, gone.description), Tag(WellKnownTag.projectBackend, backend)]
        return try await store.createRun(RunCreation(experimentID: "0", startTime: 1, tags: fixed + tags)).info
    }

    @Test func `X-06 a dead runner's job elsewhere is named, and a pipeline's is left to its resume`() async throws {
        let alone = try await abandoned("kubernetes", [Tag(WellKnownTag.jobHandle, "ns/job-7/uid")])
        let step = try await abandoned("kubernetes", [Tag(WellKnownTag.launch, "sf-12345678-12345678-1")])
        let local = try await abandoned("local", [Tag(WellKnownTag.launch, "sf-12345678-12345678-2")])
        _ = try await endAbandonedRuns(in: store)
        let reason = try await store.run(id: alone.runID).data.tag(WellKnownTag.failureReason)
        #expect(reason?.contains("'ns/job-7/uid' may still run in 'kubernetes'") == true)
        #expect(try await store.run(id: step.runID).info.status == .running)
        #expect(try await store.run(id: local.runID).info.status == .failed)
    }

    @Test(arguments: Remains.allCases)
    func `jobs of a dead runner are found again and none runs twice`(remains: Remains) async throws {
        let end = end(0)
        let backend = ScriptedBackend(remains: remains) { _ in end }
        let launcher = launcher(backend)
        for number in 1...10 {
            let run = try await abandoned("scripted")
            var request = request()
            request.jobName = "job-\(number)"
            request.tags = [Tag("swiftflow.epoch", "2")]
            let result = try await launcher.reattach(
                try await launcher.prepare(request), run: run, handle: remains == .nothing ? nil : "handle")
            let recorded = try await store.run(id: run.runID)
            #expect(result.run.runID == run.runID)
            #expect(recorded.info.status == (remains == .gone || remains == .silent ? .failed : .finished))
            #expect(recorded.data.tag("swiftflow.epoch") == "2")
            #expect(recorded.data.tag(WellKnownTag.runner) == nil)
            let kind: String? =
                switch remains {
                case .gone: "lost"
                case .silent: "launch"
                case .running, .ended, .nothing: nil
                }
            #expect(recorded.data.tag(WellKnownTag.failureKind) == kind)
        }
        // Only what was never submitted is submitted, once and under the same name.
        #expect(backend.jobs.map(\.name) == (remains == .nothing ? (1...10).map { "job-\($0)" } : []))
        #expect(try await store.searchRuns(RunSearch(experimentIDs: ["0"])).elements.count == 10)
    }

    @Test(arguments: [Remains.running, .ended, .nothing])
    func `what is left of a job is cleared away once its end is recorded, not before`(remains: Remains) async throws {
        let run = try await abandoned("scripted")
        let store = store
        let statuses = Mutex<[RunStatus?]>([])
        let end = end(0)
        let backend = ScriptedBackend(
            remains: remains,
            onSettle: {
                let status = try? await store.run(id: run.runID).info.status
                statuses.withLock { $0.append(status) }
            }
        ) { _ in end }
        let launcher = launcher(backend)
        _ = try await launcher.reattach(
            try await launcher.prepare(request()), run: run, handle: remains == .nothing ? nil : "handle")
        #expect(statuses.withLock { $0 } == [.finished])
    }
}

/// What is left of a job whose runner died.
enum Remains: CaseIterable {
    case running, ended, nothing, gone
    /// The backend does not answer.
    case silent
}

/// Ends jobs as its script says, when the script says.
private final class ScriptedBackend: Backend {
    let name = "scripted"
    private let waitsForCancel: Bool
    private let script: @Sendable (Job) async throws -> JobEnd
    private let state = Mutex<(jobs: [Job], isCancelled: Bool)>(([], false))

    private let handle: String?
    private let remains: Remains
    private let onSettle: @Sendable () async -> Void

    init(
        waitsForCancel: Bool = false, handle: String? = nil, remains: Remains = .gone,
        onSettle: @escaping @Sendable () async -> Void = {},
        _ script: @escaping @Sendable (Job) async throws -> JobEnd
    ) {
        self.handle = handle
        self.remains = remains
        self.onSettle = onSettle
        self.waitsForCancel = waitsForCancel
        self.script = script
    }

    var jobs: [Job] { state.withLock { $0.jobs } }
    var wasCancelled: Bool { state.withLock { $0.isCancelled } }

    func reattach(_ job: Job, handle: String?) async throws -> Reattachment {
        switch remains {
        case .running:
            return .running(
                ScriptedJob(
                    handle: handle, end: try await script(job), cancelled: nil, onCancel: {}, onSettle: onSettle))
        case .ended:
            return .ended(
                ScriptedJob(
                    handle: handle, end: try await script(job), cancelled: nil, onCancel: {}, onSettle: onSettle))
        case .nothing: return .neverSubmitted
        case .gone: return .gone(reason: "it was deleted")
        case .silent: throw InvalidInput("the cluster does not answer")
        }
    }

    func submit(_ job: Job) async throws -> any SubmittedJob {
        let end = try await script(job)
        state.withLock { $0.jobs.append(job) }
        let (cancelled, continuation) = AsyncStream<Void>.makeStream()
        return ScriptedJob(
            handle: handle, end: end, cancelled: waitsForCancel ? cancelled : nil,
            onCancel: { [weak self] in
                self?.state.withLock { $0.isCancelled = true }
                continuation.finish()
            }, onSettle: onSettle)
    }
}

private struct ScriptedJob: SubmittedJob {
    let handle: String?
    let end: JobEnd
    let cancelled: AsyncStream<Void>?
    let onCancel: @Sendable () -> Void
    let onSettle: @Sendable () async -> Void

    func wait() async -> JobEnd {
        // The task that waits is cancelled too; the job ends only when it has been told to.
        if let cancelled { await Task { for await _ in cancelled {} }.value }
        return end
    }

    func cancel(grace: Duration) async { onCancel() }
    func kill() async { onCancel() }
    func settle() async { await onSettle() }
}

private struct NoProcesses: ProcessStarter {
    func start(_ specification: ProcessSpecification) async throws -> any RunningProcess {
        throw ProcessError("no process is started in this test")
    }
}
