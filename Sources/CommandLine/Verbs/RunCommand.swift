import ArgumentParser
import Diagnostics
import Execution
import Files
import SwiftFlow
import SystemPackage

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run an MLflow project from a folder, a zip archive or a git URL.",
        discussion: """
            Examples:
              swiftflow run . -P alpha=0.5
              swiftflow run https://git.example.org/team/model.git#train -v v1.2 -e main -P alpha=0.5
              swiftflow run . --dry-run
            """)

    @ParentCommand var parent: Swiftflow
    @OptionGroup var store: StoreOptions

    @Argument(help: "A folder, a zip archive or a git URL, with an optional #subdirectory.", completion: .directory)
    var uri: String

    @Option(
        name: [.short, .customLong("entry-point")], help: "The entry point, or a .py, .sh or .R script of the project.")
    var entryPoint = "main"

    @Option(name: [.short, .customLong("version")], help: "A branch, tag or commit of a git project.")
    var version: String?

    @Option(
        name: [.customShort("P", allowingJoined: true), .customLong("param-list")],
        help: "A parameter, as NAME=VALUE (repeatable).")
    var parameters: [String] = []

    @Option(name: .customLong("experiment-name"), help: "Record the run in this experiment; created when missing.")
    var experimentName: String?

    @Option(name: .customLong("experiment-id"), help: "Record the run in this experiment.")
    var experimentID: String?

    @Option(name: .shortAndLong, help: "Where to run.")
    var backend = "local"

    @Option(
        name: [.customShort("c"), .customLong("backend-config")], help: "A .json file or JSON text for the backend.")
    var backendConfiguration: String?

    @Option(name: .customLong("env-manager"), help: "local, virtualenv, uv or conda; default: what the project needs.")
    var environmentManager: String?

    @Option(
        name: .customLong("storage-dir"), help: "Keep downloaded 'path' parameters here (default: a temporary folder).")
    var storageDirectory: String?

    @Option(name: .customLong("run-id"), help: "Use this existing run instead of creating one.")
    var runID: String?

    @Option(name: .customLong("run-name"), help: "The name of the run.")
    var runName: String?

    @OptionGroup var container: ContainerOptions

    @Flag(name: .customLong("dry-run"), help: "Show checkout, environment, parameters and command; run nothing.")
    var isDryRun = false

    @Flag(help: "Run in the background, independent of this terminal; print the run's id.")
    var detach = false

    @Flag(help: "Let the command read this terminal's standard input instead of /dev/null.")
    var interactive = false

    @Option(help: ArgumentHelp("Seconds between TERM and KILL when the run is stopped.", valueName: "seconds"))
    var grace = 10

    @Option(
        name: .customLong("child-tracking"),
        help: "How the command reaches the store: 'endpoint' (a server of ours) or 'direct' (the store's own URI).")
    var childTracking = ChildTrackingChoice.endpoint

    @OptionGroup(title: "Options for pipelines") var pipeline: PipelineRunOptions

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard experimentName == nil || experimentID == nil else {
            throw ValidationError("give either --experiment-name or --experiment-id, not both")
        }
        guard (0...86_400).contains(grace) else { throw ValidationError("--grace must be between 0 and 86400 seconds") }
        _ = try namedValues(parameters, option: "-P")
    }

    func run() async throws {
        var environment = try environmentWithFile(parent.environmentFile)
        // Meant for this program alone, not for one that its command may start.
        environment[DetachedRun.folderVariable] = nil
        let request = try makeRequest(environment)
        let session = try RunSession(
            request: request, trackingURI: store.trackingURI, format: output.format,
            childTracksDirectly: childTracking == .direct, pipelineChoices: pipeline.choices)
        if isDryRun {
            try await session.showPlan()
        } else if detach {
            try await DetachedRun.start(
                arguments: Array(CommandLine.arguments.dropFirst()), environment: environment, format: output.format)
        } else {
            try await session.run()
        }
    }

    private func makeRequest(_ environment: [String: String]) throws -> RunRequest {
        let experiment: ExperimentChoice =
            if let name = experimentName, !name.isEmpty { .name(name) } else if let id = experimentID { .id(id) } else {
                .unspecified
            }
        var request = RunRequest(
            uri: uri, entryPoint: entryPoint, version: version,
            parameters: try namedValues(parameters, option: "-P"), experiment: experiment,
            backend: backend, backendConfiguration: try BackendConfiguration(option: backendConfiguration),
            environmentManager: environmentManager,
            storageDirectory: storageDirectory.map { FilePath($0) }, runID: runID, runName: runName,
            environment: environment, workingDirectory: currentDirectory(), inheritsStandardInput: interactive,
            grace: .seconds(grace))
        container.apply(to: &request)
        return request
    }
}

enum ChildTrackingChoice: String, ExpressibleByArgument, CaseIterable {
    case endpoint, direct
}

/// Splits `NAME=VALUE` at the first `=`; the same name twice is an error.
private func namedValues(_ texts: [String], option: String) throws -> [(
    name: String, value: String
)] {
    var values: [(name: String, value: String)] = []
    for text in texts {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else {
            throw ValidationError("invalid value for \(option): '\(text)' is not of the form NAME=VALUE")
        }
        guard let name = parts.first, !name.isEmpty else {
            throw ValidationError("invalid value for \(option): '\(text)' has no name before '='")
        }
        guard !values.contains(where: { $0.name == name }) else {
            throw ValidationError("\(option) gives '\(name)' twice")
        }
        values.append((name, parts[1]))
    }
    return values
}
