import ArgumentParser
import Diagnostics
import Execution
import Files
import Pipelines
import Scheduling
import SwiftFlow
import SystemPackage

extension ProgressStyle: ExpressibleByArgument {}

/// What `run` can be told about a pipeline.
struct PipelineRunOptions: ParsableArguments {
    @OptionGroup var plan: PlanChoices

    @Option(help: ArgumentHelp("How many steps run at once.", valueName: "n"))
    var parallel: Int?

    @Flag(name: .customLong("no-cache"), help: "Use no earlier results, and leave none for later.")
    var ignoresCache = false

    @Option(
        name: .customLong("secrets-file"),
        help: ArgumentHelp(
            "Secrets of a pipeline as NAME=VALUE lines; the environment stands in for those it lacks.",
            valueName: "file"))
    var secretsFile: String?

    @Option(help: "How progress is shown: live, plain, json or quiet.")
    var progress: ProgressStyle?

    func validate() throws {
        if let parallel, parallel < 1 { throw ValidationError("--parallel must be at least 1") }
    }

    var choices: PipelineChoices { PipelineChoices(options: self) }
}

/// The same, for whoever starts the pipeline.
struct PipelineChoices {
    let options: PipelineRunOptions

    func style(_ format: OutputFormat) -> ProgressStyle {
        options.progress ?? .standard(format)
    }

    func planRequest(_ request: RunRequest) throws -> PlanRequest {
        try options.plan.request(given: request.parameters.map { .init($0.name, .text($0.value)) })
    }

    /// The secrets of the file that was named.
    func secrets(_ environment: [String: String]) throws -> [String: String] {
        try secretsOfFile(options.secretsFile, environment)
    }

    func applied(to prepared: PreparedPipeline) -> PreparedPipeline {
        var prepared = prepared
        prepared.options.parallel = options.parallel
        prepared.options.usesCache = !options.ignoresCache
        return prepared
    }

    /// Options that mean nothing for the run of a single project.
    func checkUnused() throws {
        let others: [(String, Bool)] = [
            ("--parallel", options.parallel != nil), ("--no-cache", options.ignoresCache),
            ("--secrets-file", options.secretsFile != nil),
        ]
        let given = options.plan.given + others.filter(\.1).map(\.0)
        if let option = given.first {
            throw UsageError("\(option) is for pipelines, and this is a project", remedy: "leave it out")
        }
    }
}

/// What a `--secrets-file` says.
func secretsOfFile(_ file: String?, _ environment: [String: String]) throws -> [String: String] {
    guard let file else { return [:] }
    let secrets = try EnvironmentFile(contentsOf: FilePath(file), over: environment, option: "--secrets-file").variables
    if let mode = fileStatus(currentDirectory().pushing(FilePath(file)))?.permissions, mode & 0o077 != 0 {
        Messages.show(
            Diagnostic(
                .warning, "--secrets-file: other users of this machine can read '\(file)'", remedy: "chmod 600 it"))
    }
    return secrets
}
