import Diagnostics
import Environments
import Files
import Processes
import Projects
import SystemPackage
import Tracking

/// A job with the things that must live until it has ended: temporary folders, the lease on its environment.
struct HeldJob: Sendable {
    var job: Job
    var heldUntilEnd: [any Sendable]
}

extension Launcher {
    /// Builds the environment, downloads what `path` parameters name, and writes the command.
    func makeJob(_ prepared: PreparedLaunch, record: RunRecord, log: RunLog) async throws -> HeldJob {
        let environment = try await prepareEnvironment(prepared, log)
        let (downloads, place) = try await download(prepared, record.info)
        var command = try prepared.resolution.command(downloaded: downloads)
        if let prefix = environment?.shellPrefix { command = "\(prefix) && \(command)" }

        let request = prepared.request
        var own = request.variables
        own["MLFLOW_RUN_ID"] = record.info.runID
        own["MLFLOW_EXPERIMENT_ID"] = record.info.experimentID
        if let manager = request.environmentManager { own[EnvironmentChoice.inheritedVariable] = manager }
        var variables = environment?.applied(to: request.environment) ?? request.environment
        variables.merge(own) { _, new in new }
        var job = Job(
            run: record.info, name: request.jobName, projectName: prepared.project.name,
            entryPoint: prepared.entryPoint.name, command: command, workingDirectory: prepared.checkout.root,
            environment: variables, ownVariables: own,
            standardInput: request.inheritsStandardInput ? .inherited : .null,
            output: OutputHandling(mirrorsTerminal: true) { stream, bytes in log.receive(stream, bytes) },
            container: prepared.container, resources: request.resources, source: prepared.jobSource,
            artifactFolder: services.artifactFolder(record.info), report: services.observe)
        job.pipelineRunID = request.pipelineRunID
        job.paths = prepared.paths
        job.downloadFolder = place?.root
        let held: [(any Sendable)?] = [environment, place?.temporary, prepared.checkout]
        return HeldJob(job: job, heldUntilEnd: held.compactMap { $0 })
    }

    private func prepareEnvironment(_ prepared: PreparedLaunch, _ log: RunLog) async throws -> PreparedEnvironment? {
        guard case .manager(let name, _) = prepared.environmentChoice, name != .local else { return nil }
        return try await name.manager.prepare(
            environmentRequest(prepared) { stream, bytes in log.receive(stream, bytes) })
    }

    /// Downloads to `<storage folder>/<random>/param_<position>/`, as MLflow lays it out.
    private func download(
        _ prepared: PreparedLaunch, _ run: RunInfo
    ) async throws -> (paths: [String: FilePath], place: DownloadPlace?) {
        let wanted = prepared.resolution.downloads
        guard !wanted.isEmpty else { return ([:], nil) }
        let place = try DownloadPlace(for: prepared.request)
        var paths: [String: FilePath] = [:]
        for (index, parameter) in prepared.parameters.enumerated() {
            guard case .download(let uri) = parameter.substitution else { continue }
            services.observe(.note("downloading '\(redactedURL(uri))' for parameter '\(parameter.name)'"))
            do {
                paths[parameter.name] = try await services.download(uri, place.folder(forParameterAt: index))
            } catch let error as any ExplainedError {
                throw InvalidInput(
                    error.diagnostics.map { diagnostic in
                        var named = diagnostic
                        named.message = "parameter '\(parameter.name)': \(diagnostic.message)"
                        return named
                    })
            }
        }
        return (paths, place)
    }
}

/// The folder the downloads of one run go to: below `--storage-dir` or `MLFLOW_TMP_DIR`, where it stays, or a temporary one.
private struct DownloadPlace {
    let root: FilePath
    let temporary: TemporaryDirectory?

    init(for request: RunRequest) throws {
        let configured =
            request.storageDirectory
            ?? request.environment["MLFLOW_TMP_DIR"].flatMap { $0.isEmpty ? nil : FilePath($0) }
        if let configured {
            root = request.workingDirectory.pushing(configured).appending("tmp\(randomName())")
            try makeFolders(root)
            temporary = nil
        } else {
            let folder = try TemporaryDirectory()
            root = folder.path
            temporary = folder
        }
    }

    func folder(forParameterAt index: Int) throws -> FilePath {
        let path = root.appending("param_\(index)")
        try makeFolders(path)
        return path
    }
}
