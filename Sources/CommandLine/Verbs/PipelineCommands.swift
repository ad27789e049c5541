import ArgumentParser
import Diagnostics
import Execution
import Files
import Pipelines
import Scheduling
import SwiftFlow
import Tracking

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Go on with a pipeline that was interrupted, failed or cancelled.",
        discussion: """
            Steps that have succeeded are not run again, unless --from says so.
            Examples:
              swiftflow resume 5be1a0c2
              swiftflow resume 5be1a0c2 --from train
              swiftflow resume 5be1a0c2 --from prepare/clean    (a step of a nested pipeline)
            """)

    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions
    @Flag(help: "Use the pipeline's file as it is now.")
    var updated = false
    @Option(help: ArgumentHelp("Do these steps again, and what follows from them.", valueName: "steps"))
    var from: String?
    @Option(
        name: .customLong("secrets-file"),
        help: ArgumentHelp("Secrets as NAME=VALUE lines.", valueName: "file"))
    var secretsFile: String?
    @Option(help: "How progress is shown: live, plain, json or quiet.")
    var progress: ProgressStyle?
    @Flag(help: "Go on in the background, independent of this terminal; print the run's id.")
    var detach = false
    @Argument(help: "The pipeline's run: its id, or its first characters.")
    var run: String

    func run() async throws {
        var environment = processEnvironment()
        environment[DetachedRun.folderVariable] = nil
        let services = try StandardServices(
            trackingURI: store.trackingURI, environment: environment, workingDirectory: currentDirectory())
        let found = try await findRun(run, in: try await services.store.get())
        // A mistake is said at the terminal, also where the work goes on elsewhere.
        let steps = StepPath.names(inList: from ?? "")
        try PipelineRun.checkResumable(found, at: currentTimeMilliseconds(), mayHaveSucceeded: !steps.isEmpty)
        if detach {
            return try await DetachedRun.start(
                arguments: Array(CommandLine.arguments.dropFirst()), environment: environment, format: output.format)
        }
        try services.warmUp()
        let launcher = services.launcher(receiveOutput: { _, _ in }, observe: { _ in })
        let session = PipelineSession(
            services: services, style: PipelineDisplay(style: progress ?? .standard(output.format)).style)
        try await session.resume(
            found, from: steps, isUpdated: updated, secrets: try secretsOfFile(secretsFile, environment),
            environment: environment, launcher: launcher)
    }
}

struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Stop a pipeline, some of its steps, or any running run.",
        discussion: """
            The wish is recorded in the store, so it works from any machine; the pipeline's runner sees it within two seconds.
            Examples:
              swiftflow cancel 5be1a0c2
              swiftflow cancel 5be1a0c2 train
            """)

    @OptionGroup var store: StoreOptions
    @Argument(help: "The run's id, or its first characters.")
    var run: String
    @Argument(help: "Steps of the pipeline; none for all of it.")
    var steps: [String] = []

    func run() async throws {
        try await store.withStore { store in
            let found = try await findRun(run, in: store)
            guard found.data.tag(NodeTag.pipeline) != nil else {
                guard steps.isEmpty else {
                    throw InvalidInput("run \(found.info.runID) is no pipeline, so it has no steps")
                }
                try await cancelRun(found, in: store)
                return Messages.note("run \(found.info.runID) is being cancelled")
            }
            try await cancelPipeline(found, steps: steps, in: store)
            let what = steps.isEmpty ? "" : " (\(steps.joined(separator: ", ")))"
            Messages.note("pipeline \(found.info.runID)\(what) is being cancelled")
        }
    }
}

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show what a pipeline is doing, or list the active ones.",
        discussion: "Example: swiftflow status 5be1a0c2 --watch")

    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions
    @Flag(help: "Show it again whenever something changes, until the pipeline has ended.")
    var watch = false
    @Argument(help: "The pipeline's run: its id, or its first characters.")
    var run: String?

    func run() async throws {
        try await store.withStore { store in
            guard let run else {
                let active = try await activePipelines(in: store)
                let last = active.isEmpty ? try await newestPipeline(in: store) : nil
                return try Output.render(
                    active.map(PipelineRow.init), as: output.format, whenEmpty: Self.noActivePipelines(last: last))
            }
            let found = try await findRun(run, in: store)
            guard found.data.tag(NodeTag.pipeline) != nil else {
                throw InvalidInput(
                    "run \(found.info.runID) is not the run of a pipeline",
                    remedy: "see 'swiftflow runs show \(found.info.runID.prefix(8))'")
            }
            var shown: [UInt8]?
            while true {
                let status = try await PipelineStatus(of: found.info.runID, in: store, at: currentTimeMilliseconds())
                let text = output.format == .json ? status.json + "\n" : PipelineStatusText(status).text
                if shown != Array(text.utf8) { Output.write(text) }
                shown = Array(text.utf8)
                guard watch, !status.run.info.status.isTerminal, status.state != .interrupted else { return }
                try await Task.sleep(for: .seconds(1))
            }
        }
    }
}

extension StatusCommand {
    /// What is said instead of an empty list, with the way to the pipeline most likely meant.
    private static func noActivePipelines(last: Run?) -> String {
        guard let last else { return "no active pipelines" }
        let name = escapedForTerminal(last.data.tag(NodeTag.pipeline) ?? last.info.runName)
        let command = "swiftflow status \(last.info.runID.prefix(8))"
        return "no active pipelines; the last one was \(name), \(last.info.status.rawValue): see '\(command)'"
    }
}

struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Print what a run, or a step of a pipeline, wrote.",
        discussion: """
            Without a step: the logs of the steps that failed, else those of all.
            Examples:
              swiftflow logs 5be1a0c2
              swiftflow logs 5be1a0c2 train -f
            """)

    @OptionGroup var store: StoreOptions
    @Flag(name: .shortAndLong, help: "Go on printing until the run has ended.")
    var follow = false
    @Argument(help: "The run's id, or its first characters.")
    var run: String
    @Argument(help: "A step, or one of its cells such as 'train[fold=2]'.")
    var step: String?

    func run() async throws {
        try await store.withServices { services in
            let store = try await services.store.get()
            let found = try await findRun(run, in: store)
            guard found.data.tag(NodeTag.pipeline) != nil else {
                return try await printLog(of: found, services, follow: follow)
            }
            let status = try await PipelineStatus(of: found.info.runID, in: store, at: currentTimeMilliseconds())
            let wanted = try chosen(status)
            for node in wanted {
                guard let attempt = node.run else { continue }
                if wanted.count > 1 {
                    Messages.note("==> \(escapedForTerminal(node.id)) (\(attempt.info.runID)) <==")
                }
                try await printLog(of: attempt, services, follow: follow)
            }
        }
    }

    /// The nodes that are meant; those that only hold others have no log of their own.
    private func chosen(_ status: PipelineStatus) throws -> [PipelineStatus.Node] {
        let nodes = status.nodes.filter { $0.run != nil }
        let withLogs = nodes.filter { !$0.isGroup && $0.run?.data.tag(NodeTag.pipeline) == nil }
        guard let step else {
            let failed = withLogs.filter { $0.state == .failed }
            return failed.isEmpty ? withLogs : failed
        }
        let inside = "\(step)/"
        let named = withLogs.filter {
            $0.id == step || $0.step == step || $0.id.hasPrefix(inside) || $0.step.hasPrefix(inside)
        }
        guard !named.isEmpty else {
            let known = Set(nodes.map(\.step) + nodes.map(\.id)).sorted()
            throw InvalidInput(
                "the pipeline has no run of a step '\(step)'",
                remedy: suggestion(for: step, among: known, kind: "steps"))
        }
        return named
    }
}
