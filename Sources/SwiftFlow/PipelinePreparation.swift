package import Diagnostics
package import Digests
package import Execution
import Files
package import Pipelines
import Projects
package import Scheduling
package import SystemPackage
import Tracking

/// A pipeline that has been read and planned, with what is needed to run it.
package struct PreparedPipeline: Sendable {
    package var plan: Plan
    package var options: PipelineOptions
}

/// A pipeline that cannot be run as it was asked for: everything that is wrong with its file, and with the request.
package struct InvalidPipeline: ExplainedError {
    package let diagnostics: [Diagnostic]
    /// What the file holds, and its name in the diagnostics: the lines that are wrong can be shown.
    package let content: [UInt8]
    package let name: String

    init(_ diagnostics: [Diagnostic], in content: [UInt8], of name: String) {
        self.diagnostics = diagnostics
        self.content = content
        self.name = name
    }
}

/// Where a pipeline's file is, and the project it belongs to.
package struct PipelineSource: Sendable {
    package var file: FilePath
    /// The project its steps belong to unless they say otherwise.
    package var loaded: LoadedProject
    /// The project as it is named to the launcher.
    package var uri: String
    /// The entry point that is the pipeline, if one is.
    package var entryPoint: String?

    /// The pipeline that the entry point of a project is, or that stands in for a missing `main`; nil when it is a command.
    package init?(in loaded: LoadedProject, entryPoint: String, uri: String) {
        let root = loaded.checkout.root
        let declared = loaded.project.entryPoints.first { $0.name == entryPoint }
        if let declared {
            guard let pipeline = declared.pipeline else { return nil }
            file = root.pushing(FilePath(pipeline))
            self.entryPoint = entryPoint
        } else {
            let standard = root.appending("pipeline.yaml")
            guard entryPoint == "main", fileStatus(standard)?.kind == .file else { return nil }
            file = standard
        }
        self.loaded = loaded
        // A relative folder is meant from where the user is, and its steps may be elsewhere.
        self.uri = loaded.uri.isFolder && loaded.checkout.git == nil ? root.string : uri
    }

    /// A pipeline file by itself; its folder is its project.
    package init(file: FilePath, loaded: LoadedProject) {
        self.file = file
        self.loaded = loaded
        uri = loaded.checkout.root.string
    }

    /// What tells it from other pipelines; a commit is the same wherever it has been checked out.
    var key: String {
        guard let git = loaded.checkout.git, let path = resolvedPath(file), let base = resolvedPath(git.folder) else {
            return NestedPipelines.key(of: file)
        }
        var rest = path
        return rest.removePrefix(base) ? "\(git.commit):\(rest.string)" : path.string
    }

    /// Whether the text names a pipeline file on this machine.
    package static func isPipelineFile(_ text: String, in folder: FilePath) -> Bool {
        guard text.hasSuffix(".yaml") || text.hasSuffix(".yml") else { return false }
        return fileStatus(folder.pushing(FilePath(text)))?.kind == .file
    }
}

extension StandardServices {
    /// Reads and plans a pipeline.
    ///
    /// - Parameter content: the file's text, where it is not the one of today.
    /// - Throws: `InvalidPipeline` with everything that is wrong with the file and with what was asked.
    package func prepare(
        _ source: PipelineSource, request: RunRequest, planRequest: PlanRequest, content: [UInt8]? = nil,
        secrets: [String: String] = [:], report: (Diagnostic) -> Void
    ) throws -> PreparedPipeline {
        let bytes = try content ?? readFile(source.file, limit: Pipeline.sizeLimit)
        let shown = shownPath(source.file, from: request.workingDirectory)
        let (pipeline, findings) = Pipeline.read(bytes, file: shown)
        guard let pipeline, !findings.contains(where: { $0.severity == .error }) else {
            throw InvalidPipeline(findings, in: bytes, of: shown)
        }
        var planRequest = planRequest
        let folder = source.file.removingLastComponent()
        planRequest.defaultName =
            source.loaded.project.name ?? folder.lastComponent?.string ?? planRequest.defaultName
        var surroundings = PlanSurroundings()
        let environment = request.environment
        surroundings.hasSecret = { secrets[$0] != nil || environment[$0] != nil }
        surroundings.look(
            at: pipeline,
            in: NestedPipelines(of: source.file, shown: shown, boundary: source.loaded.checkout.git?.folder),
            searchPath: environment["PATH"])
        // The file's own project has been loaded already; it may be another folder than the file's.
        let (own, others) = (source.loaded.project, surroundings.project)
        surroundings.project = { (given, version) throws(InvalidInput) in
            if let given { try others(given, version) } else { own }
        }
        let (plan, planFindings) = Plan.make(
            pipeline, source: bytes, request: planRequest, surroundings: surroundings)
        guard let plan else { throw InvalidPipeline(findings + planFindings, in: bytes, of: shown) }
        (findings + planFindings).filter { $0.severity == .warning }.forEach(report)
        return PreparedPipeline(plan: plan, options: options(for: plan, source, request, secrets))
    }

    private func options(
        for plan: Plan, _ source: PipelineSource, _ request: RunRequest, _ secrets: [String: String]
    ) -> PipelineOptions {
        var options = PipelineOptions(
            environment: request.environment, workingDirectory: request.workingDirectory, project: source.uri,
            folder: source.file.removingLastComponent())
        options.version = source.loaded.checkout.git?.commit
        options.file = shownPath(source.file, from: source.loaded.checkout.root)
        options.entryPoint = source.entryPoint
        options.experiment = request.experiment
        options.environmentManager = request.environmentManager
        options.runName = request.runName
        options.parentRunID =
            request.parentRunID
            ?? request.environment["MLFLOW_RUN_ID"].flatMap { isRunID($0) ? $0 : nil }
        for secret in plan.pipeline.secrets {
            options.secrets[secret.value] = secrets[secret.value] ?? request.environment[secret.value]
        }
        options.givenSecrets = secrets
        options.maximumCells = plan.request.maximumCells
        options.ancestors = [source.key]
        options.sourceTags = source.loaded.sourceTags
        return options
    }

    private func shownPath(_ path: FilePath, from folder: FilePath) -> String {
        var rest = path
        return rest.removePrefix(folder) ? rest.string : path.string
    }

    /// Where digests of files are kept between runs; losing it costs time only.
    private func digestFile(_ environment: [String: String]) -> FilePath? {
        if let base = environment["SWIFTFLOW_CACHE"], base.hasPrefix("/") {
            return FilePath(base).appending("digests.db")
        }
        if let base = environment["XDG_CACHE_HOME"], base.hasPrefix("/") {
            return FilePath(base).appending("swiftflow").appending("digests.db")
        }
        guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
        return FilePath(home).appending(".cache").appending("swiftflow").appending("digests.db")
    }

    /// Puts together what a pipeline is run with.
    package func pipelineServices(
        options: PipelineOptions, launcher: Launcher, digests: DigestCache? = nil,
        observe: @escaping @Sendable (PipelineEvent) -> Void
    ) async throws -> PipelineServices {
        let digests = digests ?? DigestCache(at: digestFile(options.environment))
        let runArtifacts = ResolvedRunArtifacts(
            resolver: artifacts, digests: digests, localFolder: { localFolder(ofArtifactURI: $0) })
        var parts = PipelineServices(
            store: try await store.get(),
            runner: LauncherStepRunner(
                services: launcher.services, options: options, artifacts: runArtifacts, digests: digests),
            artifacts: runArtifacts, observe: observe)
        parts.nest = { [self] step in try await nest(step, launcher: launcher, digests: digests) }
        parts.prepareNested = { [self] step in
            try await prepareNested(step, launcher: launcher, digests: digests)
        }
        parts.conclude = { [self] run in
            let report = try await pipelineReport(of: run.runID)
            try await runArtifacts.write(report, to: "pipeline/report.html", of: run)
        }
        return parts
    }
}

extension LoadedProject {
    /// Where a pipeline's run comes from, as MLflow's project runs say it.
    var sourceTags: [Tag] {
        var tags: [Tag] = []
        let commit = checkout.git?.commit ?? source.flatMap { $0.isIgnored ? nil : $0.commit }
        if let commit { tags.append(Tag(WellKnownTag.gitCommit, commit)) }
        if let branch = checkout.git?.branch { tags.append(Tag(WellKnownTag.gitBranch, branch)) }
        if checkout.git == nil, source?.isDirty == true { tags.append(Tag(WellKnownTag.gitDirty, "true")) }
        if case .git(let location) = uri.location {
            tags.append(Tag(WellKnownTag.gitRepositoryURL, redactedURL(location)))
        } else if let url = source?.remoteURL {
            tags.append(Tag(WellKnownTag.gitRepositoryURL, url))
        }
        return tags
    }
}
