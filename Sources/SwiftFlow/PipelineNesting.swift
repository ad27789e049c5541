import Diagnostics
import Digests
import Execution
import Files
import Pipelines
import Projects
import Scheduling
import SystemPackage
import Tracking

extension StandardServices {
    /// Prepares the pipeline that a step is, and records its run or takes up the one that an earlier runner left.
    func nest(_ step: NestedStep, launcher: Launcher, digests: DigestCache) async throws -> PipelineRun {
        let artifacts = ResolvedRunArtifacts(
            resolver: artifacts, digests: DigestCache(at: nil), localFolder: { localFolder(ofArtifactURI: $0) })
        return try await beginNested(
            step, by: StandardNesting(services: self, launcher: launcher, digests: digests), artifacts: artifacts,
            in: try await store.get(), at: currentTimeMilliseconds())
    }

    /// Reads and plans the pipeline that a step is, and begins nothing.
    func prepareNested(_ step: NestedStep, launcher: Launcher, digests: DigestCache) async throws -> PreparedNesting {
        let source = try await nestedSource(step, launcher)
        try NestedPipelines.check(source.key, step.place, in: step.options.ancestors.map { ($0, $0) })
        var request = RunRequest(
            uri: source.uri, environment: step.options.environment, workingDirectory: step.options.workingDirectory)
        request.environmentManager = step.options.environmentManager
        let content = try readFile(source.file, limit: Pipeline.sizeLimit)
        var planRequest = PlanRequest()
        planRequest.maximumCells = step.options.maximumCells
        planRequest.part.forceAll = step.isForced
        planRequest.params = given(step, for: Pipeline.read(content, file: source.file.string).0)
        var prepared = try prepare(
            source, request: request, planRequest: planRequest, content: content,
            secrets: step.options.givenSecrets, report: { step.observe(.warning($0)) })
        place(&prepared, in: step)
        let parts = try await pipelineServices(
            options: prepared.options, launcher: launcher, digests: digests, observe: step.observe)
        return PreparedNesting(plan: prepared.plan, options: prepared.options, services: parts)
    }

    /// The pipeline as it was begun, and whether the step has the same params now.
    fileprivate func recordedNesting(
        _ known: Run, _ step: NestedStep, _ launcher: Launcher, _ digests: DigestCache
    ) async throws -> (prepared: PreparedNesting, hasSameParams: Bool) {
        var prepared = try await prepareResume(
            known, environment: step.options.environment, isUpdated: step.options.usesUpdatedFiles,
            secrets: step.options.givenSecrets, launcher: launcher, report: { step.observe(.warning($0)) })
        let recorded = prepared.plan.request.params.map { PlanRequest.GivenValue($0.name, $0.content) }
        let hasSameParams = recorded == given(step, for: prepared.plan.pipeline)
        place(&prepared, in: step)
        let parts = try await pipelineServices(
            options: prepared.options, launcher: launcher, digests: digests, observe: step.observe)
        return (PreparedNesting(plan: prepared.plan, options: prepared.options, services: parts), hasSameParams)
    }

    private func place(_ prepared: inout PreparedPipeline, in step: NestedStep) {
        prepared.options.enclosing = step.enclosing
        prepared.options.parentRunID = step.enclosing.parentRunID
        prepared.options.runName = step.node
        prepared.options.usesCache = step.options.usesCache
        prepared.options.usesUpdatedFiles = step.options.usesUpdatedFiles
        prepared.options.ancestors = step.options.ancestors + prepared.options.ancestors
        prepared.options.parallel = nil
    }

    /// The params of the step as the nested pipeline takes them: what is a path there counts from the outer file's folder.
    private func given(_ step: NestedStep, for pipeline: Pipeline?) -> [PlanRequest.GivenValue] {
        let kinds = Dictionary((pipeline?.parameters ?? []).map { ($0.name, $0.kind) }) { first, _ in first }
        return step.params.map { param in
            guard kinds[param.name] == .path || kinds[param.name] == .uri, case .string(let text) = param.value,
                !text.isEmpty, !text.hasPrefix("/"), !text.contains(":")
            else { return .init(param.name, .value(param.value)) }
            let path = step.options.folder.pushing(FilePath(text)).lexicallyNormalized()
            return .init(param.name, .value(.string(path.string)))
        }
    }

    // MARK: The source

    private func nestedSource(_ step: NestedStep, _ launcher: Launcher) async throws -> PipelineSource {
        let folder = step.options.folder
        func load(_ uri: String, _ version: String?) async throws -> LoadedProject {
            var request = RunRequest(uri: uri, environment: step.options.environment, workingDirectory: folder)
            request.version = version
            return try await launcher.load(request)
        }
        // A pipeline that was fetched names files of its own commit, which others may have in use in another place.
        var home = folder
        var checkout: GitCheckout?
        if let version = step.options.version {
            let outer = try await load(step.options.project, version)
            home = outer.checkout.root.pushing(FilePath(step.options.file)).removingLastComponent()
            checkout = outer.checkout.git
        }
        let nested = NestedPipelines(of: home.appending("pipeline"), shown: "", boundary: checkout?.folder)
        if let file = try nested.file(step.place) {
            let name = file.lastComponent?.string ?? NestedPipelines.standardFile
            if step.version == nil, let checkout {
                let uri = try projectURI(of: file, in: checkout, step.options)
                let loaded = try await load(uri, checkout.commit)
                var source = PipelineSource(file: loaded.checkout.root.appending(name), loaded: loaded)
                source.uri = uri
                return source
            }
            let project = file.removingLastComponent().string
            let loaded = try await load(project, step.version)
            var source = PipelineSource(file: loaded.checkout.root.appending(name), loaded: loaded)
            if loaded.checkout.git != nil { source.uri = project }
            return source
        }
        let loaded = try await load(step.place, step.version)
        guard let source = PipelineSource(in: loaded, entryPoint: "main", uri: step.place) else {
            throw InvalidInput(
                "the project '\(loaded.uri.redactedText)' is no pipeline",
                remedy: "its MLproject must say 'main: {pipeline: FILE}', or it must have a 'pipeline.yaml'")
        }
        return source
    }

    /// The project's URI with another folder of the same repository.
    private func projectURI(
        of file: FilePath, in checkout: GitCheckout, _ options: PipelineOptions
    ) throws -> String {
        let location = options.project.prefix { $0 != "#" }
        var rest = resolvedPath(file.removingLastComponent()) ?? file.removingLastComponent()
        guard let base = resolvedPath(checkout.folder), rest.removePrefix(base) else {
            throw InvalidInput("the pipeline '\(file.lastComponent?.string ?? "")' is not in its project's repository")
        }
        return rest.isEmpty ? String(location) : "\(location)#\(rest.string)"
    }
}

/// Pipelines as files and projects hold them.
private struct StandardNesting: NestedPlanning {
    let services: StandardServices
    let launcher: Launcher
    let digests: DigestCache

    func planned(_ step: NestedStep) async throws -> PreparedNesting {
        try await services.prepareNested(step, launcher: launcher, digests: digests)
    }

    func recorded(_ known: Run, _ step: NestedStep) async throws -> (prepared: PreparedNesting, hasSameParams: Bool) {
        try await services.recordedNesting(known, step, launcher, digests)
    }
}
