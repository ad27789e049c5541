import Diagnostics
package import Digests
package import Execution
import Files
import Glibc
import JSON
import Pipelines
import Processes
import Projects
import Synchronization
import SystemPackage
package import Tracking

/// Runs attempts through `Execution.Launcher`, which starts everything that is ever started.
///
/// Each project is fetched and read once, and all commands share one access to the store.
package final class LauncherStepRunner: StepRunner {
    let services: LaunchServices
    let options: PipelineOptions
    let digests: DigestCache
    /// Digests of projects' code, each computed once: what a step writes there later is not its code.
    let codeDigests = CodeDigests()
    private let artifacts: any RunArtifacts
    private let tracking: SharedChildTracking
    /// What has been said already: many steps of one project say the same.
    private let said = SaidOnce()
    private let projects = Mutex<[ProjectKey: Task<LoadedProject, any Error>]>([:])

    private struct ProjectKey: Hashable {
        var uri: String
        var version: String?
    }

    package init(
        services: LaunchServices, options: PipelineOptions, artifacts: any RunArtifacts, digests: DigestCache
    ) {
        self.digests = digests
        var services = services
        tracking = SharedChildTracking(services.childTracking)
        services.childTracking = tracking
        // Runs of dead runners are looked for once, by whoever starts the pipeline.
        services.endsAbandonedRuns = false
        self.services = services
        self.options = options
        self.artifacts = artifacts
    }

    package func close() async {
        digests.save()
        await tracking.close()
    }

    // MARK: Running

    package func run(_ attempt: StepAttempt, control: StepControl) async -> StepResult {
        do {
            switch attempt.resolved.action {
            case .entryPoint, .command: return try await launch(attempt, control)
            case .register(let registration): return try await register(registration, attempt)
            case .search(let search): return try await self.search(search, attempt)
            case .pipeline:
                throw InvalidInput("step '\(attempt.node)' is a pipeline, which is no command to be launched")
            }
        } catch {
            let failure = NodeFailure(.launch, messages(of: error))
            return await recordUnlaunched(attempt, failure)
        }
    }

    package func adopt(_ attempt: StepAttempt, run: Run, control: StepControl) async -> StepResult {
        do {
            var result = try await launch(attempt, control, again: run)
            // What could not be asked for may still run: a second one beside it would be worse than none.
            result.mayRetry = result.failure?.reason != .launch
            return result
        } catch {
            let reason = "its job could not be found again, and may still run: \(messages(of: error))"
            return await recordUnfound(attempt, run.info, NodeFailure(.launch, reason))
        }
    }

    private func recordUnfound(_ attempt: StepAttempt, _ run: RunInfo, _ failure: NodeFailure) async -> StepResult {
        var result = StepResult(run: run, failure: failure, endTime: currentTimeMilliseconds())
        result.mayRetry = false
        do {
            result.run = try await services.store().updateRun(
                RunUpdate(
                    runID: run.runID, status: .failed, endTime: result.endTime,
                    tags: failure.tags, removedTags: [WellKnownTag.runner]))
        } catch {
            attempt.report(.warning("its failure could not be recorded: \(messages(of: error))"))
        }
        return result
    }

    private func launch(
        _ attempt: StepAttempt, _ control: StepControl, again known: Run? = nil
    ) async throws -> StepResult {
        let ending = AttemptEnding(
            attempt, artifacts: artifacts, control: control, store: services.store)
        let loaded = try await project(of: attempt)
        var request = try makeRequest(attempt, loaded)
        request.conclude = { run, outcome in await ending.conclude(run, outcome, loaded.checkout.root) }
        var services = services
        services.observe = { [said] event in
            switch event {
            case .created(let run, _, _): attempt.report(.created(run))
            case .starting: attempt.report(.launched)
            case .launched(let processID):
                if let processID { attempt.report(.process(processID)) }
            case .note(let text):
                if said.isNew(text) { attempt.report(.note(text)) }
            // A failure has its reason in the run; nobody must read it twice.
            case .warning(let diagnostic):
                guard diagnostic.severity == .warning else { return }
                if said.isNew(diagnostic.message) {
                    attempt.report(.warning(diagnostic.message))
                }
            case .progress, .progressEnded, .ended: break
            }
        }
        let launcher = Launcher(services: services)
        let prepared = try await launcher.prepare(request, in: loaded, entryPoint: try entryPoint(of: attempt))
        try makePlaces(attempt)
        let result: RunResult
        if let known {
            result = try await launcher.reattach(
                prepared, run: known.info, handle: known.data.tag(WellKnownTag.jobHandle), control: control.control)
        } else {
            result = try await launcher.run(prepared, control: control.control)
        }
        return StepResult(
            run: result.run, failure: failure(of: result), end: result.outcome.end,
            outputs: result.isSuccess ? ending.outputs : [:], endTime: result.run.endTime)
    }

    private func failure(of result: RunResult) -> NodeFailure? {
        guard !result.isSuccess else { return nil }
        var exitCode: Int32?
        if case .exited(let code)? = result.outcome.end?.termination { exitCode = code }
        let kind = result.outcome.kind ?? (result.status == .killed ? .stopped : .exit)
        let text = result.outcome.reason ?? "its run is \(result.status.rawValue)"
        return NodeFailure(kind, text, exitCode: exitCode)
    }

    /// What could not even be prepared has a run that says why.
    private func recordUnlaunched(_ attempt: StepAttempt, _ failure: NodeFailure) async -> StepResult {
        do {
            return try await attempt.recordUnstarted(
                failure, environment: options.environment, at: currentTimeMilliseconds(),
                in: try await services.store())
        } catch {
            attempt.report(.warning("its failure could not be recorded: \(messages(of: error))"))
            return StepResult(run: nil, failure: failure)
        }
    }

    // MARK: The project

    func project(of attempt: StepAttempt) async throws -> LoadedProject {
        let key: ProjectKey
        if let given = attempt.resolved.project {
            let isPlace = given.hasPrefix("/") || !given.contains(":")
            let uri = isPlace ? options.folder.pushing(FilePath(given)).string : given
            key = ProjectKey(uri: uri, version: attempt.resolved.version)
        } else {
            key = ProjectKey(uri: options.project, version: attempt.resolved.version ?? options.version)
        }
        return try await project(key)
    }

    /// The project of the pipeline itself.
    func ownProject() async throws -> LoadedProject {
        try await project(ProjectKey(uri: options.project, version: options.version))
    }

    private func project(_ key: ProjectKey) async throws -> LoadedProject {
        let task = projects.withLock { projects in
            if let task = projects[key] { return task }
            // Shared by all attempts, so it is not cancelled with the one that came first.
            let task = Task { [services, options] in
                var request = RunRequest(
                    uri: key.uri, environment: options.environment, workingDirectory: options.workingDirectory)
                request.version = key.version
                return try await Launcher(services: services).load(request)
            }
            projects[key] = task
            return task
        }
        return try await task.value
    }

    /// The entry point of a `command`; nil for one that the project declares.
    private func entryPoint(of attempt: StepAttempt) throws -> EntryPoint? {
        guard case .command(let text) = attempt.resolved.action else { return nil }
        let declarations = attempt.resolved.params.map { param in
            ParameterDeclaration(name: param.name, type: declaredType(of: param.value, attempt))
        }
        var location: SourceLocation?
        if case .command(let command) = attempt.step.step.action { location = command.location }
        return EntryPoint(
            name: attempt.step.name, parameters: declarations, command: .inline(text, location: location))
    }

    /// A command is given artifacts as local paths, unless the file says `uri(…)`.
    private func declaredType(of value: Value, _ attempt: StepAttempt) -> ParameterType {
        guard case .artifact(let artifact) = value, artifact.form != .uri else { return .string }
        return .path
    }

    // MARK: The request

    private func makeRequest(_ attempt: StepAttempt, _ loaded: LoadedProject) throws -> RunRequest {
        let resolved = attempt.resolved
        var name = "main"
        var declared: EntryPoint?
        switch resolved.action {
        case .entryPoint(let entryPoint):
            name = entryPoint
            declared = try loaded.project.entryPoint(named: entryPoint, shell: options.environment["SHELL"])
        default: name = attempt.step.name
        }
        var request = RunRequest(
            uri: options.project, entryPoint: name,
            parameters: resolved.params.map { param in
                (name: param.name, value: text(of: param.value, for: param.name, declared, attempt))
            }, experiment: .known(id: attempt.experimentID), backend: resolved.backend,
            backendConfiguration: try backendConfiguration(resolved),
            environmentManager: resolved.environmentManager ?? options.environmentManager, runName: attempt.node,
            parentRunID: attempt.parentRunID, environment: stepEnvironment(), workingDirectory: loaded.checkout.root,
            grace: resolved.grace)
        request.runID = attempt.runID
        request.completesRun = attempt.resolved.usesOwnRun
        request.jobName = attempt.launchName
        request.pipelineRunID = attempt.pipelineRunID
        request.image = resolved.image
        // The processor that every step takes of this machine is no wish of the file's: elsewhere it would be a limit.
        let namesProcessors = attempt.step.step.resources.contains { $0.name == "cpu" }
        request.resources = ResourceRequest(
            processors: namesProcessors ? resolved.resources["cpu"] : nil,
            memory: resolved.resources["memory"].map { Int64($0) },
            graphicsProcessors: resolved.resources["gpu"].map { Int($0.rounded(.up)) },
            disk: resolved.resources["disk"].map { Int64($0) })
        request.variables = variables(attempt)
        request.tags = attempt.tags
        request.launchTags = [Tag(NodeTag.state, NodeState.running.rawValue)]
        if case .command = resolved.action {
            for param in resolved.params {
                guard case .list(let items) = param.value else { continue }
                request.lists[param.name] = items.map { text(of: $0, for: param.name, nil, attempt) }
                request.listedPaths += items.compactMap { listedPath($0, in: param.name, attempt) }
            }
        }
        return request
    }

    /// The caller's environment without what belongs to a run around us.
    private func stepEnvironment() -> [String: String] {
        var environment = options.environment
        for name in ["MLFLOW_RUN_ID", "SWIFTFLOW_PREVIOUS_RUN_ID", "SWIFTFLOW_OUTPUT"] { environment[name] = nil }
        return environment
    }

    private func variables(_ attempt: StepAttempt) -> [String: String] {
        var variables = attempt.inherited
        for variable in attempt.resolved.environment { variables[variable.name] = variable.value }
        variables.merge(attempt.secrets) { _, secret in secret }
        variables["SWIFTFLOW_OUTPUT"] = attempt.outputFile.string
        variables["SWIFTFLOW_ATTEMPT"] = String(attempt.number)
        if let previous = attempt.previousRunID { variables["SWIFTFLOW_PREVIOUS_RUN_ID"] = previous }
        if !attempt.devices.isEmpty {
            variables["CUDA_VISIBLE_DEVICES"] = attempt.devices.map(String.init).joined(separator: ",")
        }
        return variables
    }

    /// The text of a value as its param takes it.
    private func text(of value: Value, for name: String, _ declared: EntryPoint?, _ attempt: StepAttempt) -> String {
        guard case .artifact(let artifact) = value else { return value.text ?? "" }
        let type = declared?.parameters.first { $0.name == name }?.type
        let wantsPath =
            switch artifact.form {
            case .path: true
            case .uri: false
            case .asAsked: declared == nil || type == .path
            }
        return wantsPath ? attempt.localPaths[artifact.uri]?.string ?? artifact.uri : artifact.uri
    }

    /// The local file that an element of a list names.
    private func listedPath(_ item: Value, in param: String, _ attempt: StepAttempt) -> PathParameter? {
        guard case .artifact(let artifact) = item, artifact.form != .uri else { return nil }
        return attempt.localPaths[artifact.uri].map { PathParameter(name: param, value: artifact.uri, path: $0) }
    }

    private func backendConfiguration(_ resolved: ResolvedStep) throws -> BackendConfiguration {
        switch resolved.backendConfiguration {
        case nil: return BackendConfiguration()
        case .values(let object):
            var writer = JSONWriter()
            writer.value(.object(object))
            return BackendConfiguration(json: String(decoding: writer.bytes, as: UTF8.self))
        case .file(let path):
            let bytes = try readFile(options.folder.pushing(FilePath(path)), limit: 1 << 20)
            return BackendConfiguration(json: String(decoding: bytes, as: UTF8.self))
        }
    }

    /// Folders for the outputs whose places the step's params name.
    private func makePlaces(_ attempt: StepAttempt) throws {
        guard !attempt.places.isEmpty else { return }
        let asked = Set(
            attempt.step.step.references.compactMap { use in
                if case .output(let name) = use.reference { name } else { nil }
            })
        for (name, place) in attempt.places where asked.contains(name) {
            try makeFolders(place.removingLastComponent())
        }
    }
}

/// Remembers what has been said.
private final class SaidOnce: Sendable {
    private let texts = Mutex<Set<String>>([])

    func isNew(_ text: String) -> Bool {
        texts.withLock { $0.insert(text).inserted }
    }
}

/// One access to the store for all commands of a pipeline, opened with the first and closed with the last.
final class SharedChildTracking: ChildTracking {
    private let base: any ChildTracking
    private let opened = Mutex<[TrackingReach: Task<ChildTrackingAccess, any Error>]>([:])

    init(_ base: any ChildTracking) {
        self.base = base
    }

    func open(for reach: TrackingReach) async throws -> ChildTrackingAccess {
        let task = opened.withLock { opened in
            if let task = opened[reach] { return task }
            // Owned by `close`.
            let task = Task { [base] in try await base.open(for: reach) }
            opened[reach] = task
            return task
        }
        var access = try await task.value
        access.close = {}
        return access
    }

    func close() async {
        let tasks = opened.withLock { opened in
            defer { opened = [:] }
            return Array(opened.values)
        }
        for task in tasks { await (try? task.value)?.close() }
    }
}
