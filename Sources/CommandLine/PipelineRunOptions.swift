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
    @Option(name: .customLong("params-file"), help: "A YAML or JSON file with params of a pipeline.")
    var paramsFile: String?

    @Option(help: ArgumentHelp("How many steps run at once.", valueName: "n"))
    var parallel: Int?

    @Option(help: ArgumentHelp("Only these steps (comma-separated).", valueName: "steps"))
    var only: String?

    @Option(help: ArgumentHelp("These steps and what follows from them.", valueName: "steps"))
    var from: String?

    @Option(help: ArgumentHelp("These steps and what they need.", valueName: "steps"))
    var until: String?

    @Option(help: ArgumentHelp("All but these steps.", valueName: "steps"))
    var skip: String?

    @Option(
        help: ArgumentHelp(
            "Run these steps even if an earlier result could be used; 'all' for all.", valueName: "steps"))
    var force: String?

    @Option(
        help: ArgumentHelp("The pipeline run whose results stand in for steps that are left out.", valueName: "run"))
    var using: String?

    @Flag(name: .customLong("no-cache"), help: "Use no earlier results, and leave none for later.")
    var ignoresCache = false

    @Option(
        name: .customLong("secrets-file"),
        help: ArgumentHelp(
            "Secrets of a pipeline as NAME=VALUE lines; the environment stands in for those it lacks.",
            valueName: "file"))
    var secretsFile: String?

    @Option(name: .customLong("max-cells"), help: ArgumentHelp("How many cells a matrix may have.", valueName: "n"))
    var maximumCells = 10_000

    @Option(help: "How progress is shown: live, plain, json or quiet.")
    var progress: ProgressStyle?

    func validate() throws {
        if let parallel, parallel < 1 { throw ValidationError("--parallel must be at least 1") }
        guard maximumCells >= 1 else { throw ValidationError("--max-cells must be at least 1") }
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
        var plan = PlanRequest()
        if let file = options.paramsFile {
            let path = request.workingDirectory.pushing(FilePath(file))
            plan.params = try PlanRequest.params(reading: try readFile(path, limit: 1 << 20), file: file)
        }
        // The command line has the last word.
        let given = request.parameters.map { PlanRequest.GivenValue($0.name, .text($0.value)) }
        plan.params.removeAll { old in given.contains { $0.name == old.name } }
        plan.params += given
        plan.maximumCells = options.maximumCells
        plan.part.only = names(options.only)
        plan.part.from = names(options.from)
        plan.part.until = names(options.until)
        plan.part.skip = names(options.skip)
        if options.force == "all" { plan.part.forceAll = true } else { plan.part.force = names(options.force) }
        plan.part.using = options.using
        return plan
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
        let given: [(String, Bool)] = [
            ("--params-file", options.paramsFile != nil), ("--parallel", options.parallel != nil),
            ("--only", options.only != nil), ("--from", options.from != nil), ("--until", options.until != nil),
            ("--skip", options.skip != nil), ("--force", options.force != nil), ("--using", options.using != nil),
            ("--no-cache", options.ignoresCache), ("--secrets-file", options.secretsFile != nil),
        ]
        if let option = given.first(where: \.1) {
            throw UsageError("\(option.0) is for pipelines, and this is a project", remedy: "leave it out")
        }
    }

    private func names(_ text: String?) -> [String] {
        (text ?? "").split(separator: ",").map { name in
            String(name.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
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
