package import Diagnostics
import Digests
package import Execution
import Files
import Pipelines
import Projects
import Scheduling
import SystemPackage
package import Tracking

extension StandardServices {
    /// The latest run of the same pipeline whose runner is gone.
    package func interruptedRun(like prepared: PreparedPipeline) async throws -> Run? {
        let now = currentTimeMilliseconds()
        let source = redactedURL(prepared.options.project)
        return try await activePipelines(in: try await store.get())
            .filter { run in
                guard run.data.tag(NodeTag.pipeline) == prepared.plan.name,
                    run.data.tag(WellKnownTag.sourceName) == source
                else { return false }
                return run.data.tag(NodeTag.lease).flatMap { Lease($0) }?.isExpired(at: now) ?? true
            }
            .max { $0.info.startTime < $1.info.startTime }
    }

    /// Plans a recorded pipeline again, as it was started or as its file is now.
    ///
    /// - Parameter isUpdated: whether the file of today is used; otherwise one that has changed is an error.
    /// - Throws: `InvalidInput` when the file has changed, or the pipeline cannot be planned any more.
    package func prepareResume(
        _ run: Run, environment: [String: String], isUpdated: Bool, from steps: [String] = [],
        secrets: [String: String] = [:],
        launcher: Launcher,
        report: (Diagnostic) -> Void
    ) async throws -> PreparedPipeline {
        let runArtifacts = ResolvedRunArtifacts(
            resolver: artifacts, digests: DigestCache(at: nil), localFolder: { localFolder(ofArtifactURI: $0) })
        let record: LaunchRecord
        let recorded: [UInt8]
        do {
            record = try LaunchRecord(
                reading: try await runArtifacts.read(LaunchRecord.path, of: run.info, limit: 1 << 20))
            recorded = try await runArtifacts.read("pipeline/pipeline.yaml", of: run.info, limit: 16 << 20)
        } catch {
            // A runner that died before it had said what it would run has started nothing: its run is not left RUNNING.
            let now = currentTimeMilliseconds()
            if !run.info.status.isTerminal, (try? PipelineRun.checkResumable(run, at: now)) != nil {
                let journal = try await Journal(of: run.info, in: store.get())
                if journal.nodes.isEmpty {
                    try await endAbandonedPipeline(
                        run, "its runner died before anything was started", in: store.get(), at: now)
                }
            }
            throw InvalidInput(
                "what the pipeline's run \(run.info.runID) was started with cannot be read: \(error)",
                remedy: "run the pipeline anew")
        }
        var request = RunRequest(
            uri: record.project, environment: environment, workingDirectory: FilePath(record.workingDirectory))
        request.version = record.version
        request.environmentManager = record.environmentManager
        let loaded = try await launcher.load(request)
        var source = PipelineSource(
            file: loaded.checkout.root.pushing(FilePath(record.file)), loaded: loaded)
        source.uri = record.project
        source.entryPoint = record.entryPoint
        let current = try? readFile(source.file, limit: 16 << 20)
        if !isUpdated, let current, current != recorded {
            throw InvalidInput(
                "'\(source.file)' has changed since the run was started: \(firstDifference(recorded, current))",
                remedy: "add --updated to use the new file, or put the old one back")
        }
        // What was asked then, values with their types; the run's params stand in for a plan that cannot be read.
        var planRequest = PlanRequest()
        planRequest.params = run.data.pipelineParams.map { .init($0.key, .text($0.value)) }
        let written = try? await runArtifacts.read("pipeline/plan.json", of: run.info, limit: 256 << 20)
        if let written, let plan = try? Plan(reading: written) { planRequest = plan.request }
        var prepared = try prepare(
            source, request: request, planRequest: planRequest, content: isUpdated ? nil : recorded,
            secrets: secrets, report: report)
        if !isUpdated, let written {
            let then = Plan.nestedDigests(recorded: written)
            let now = prepared.plan.nestedDigests
            let changed = then.filter { now[$0.key] != nil && now[$0.key] != $0.value }.keys.sorted()
            if let first = changed.first {
                throw InvalidInput(
                    "the file of the pipeline that step '\(first)' is has changed since the run was started",
                    remedy: "add --updated to use the new file, or put the old one back")
            }
        }
        prepared.options.parallel = record.parallel
        prepared.options.usesUpdatedFiles = isUpdated
        let problems = steps.compactMap { prepared.plan.problem(ofStep: $0, option: "--from") }
        guard problems.isEmpty else { throw InvalidInput(problems) }
        prepared.options.forcedSteps = Set(steps)
        return prepared
    }

    private func firstDifference(_ old: [UInt8], _ new: [UInt8]) -> String {
        let oldLines = old.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let newLines = new.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let line = zip(oldLines, newLines).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        return "line \((line ?? min(oldLines.count, newLines.count)) + 1) is the first that differs"
    }
}
