import ArgumentParser
import Diagnostics
import Files
import Pipelines
import Processes
import Projects
import SystemPackage

/// What every verb that plans a pipeline can be told of it: its params, and which of its steps are meant.
struct PlanChoices: ParsableArguments {
    @Option(
        name: .customLong("params-file"),
        help: ArgumentHelp("Params from a YAML or JSON file; -P wins.", valueName: "file"), completion: .file())
    var paramsFile: String?

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

    @Option(name: .customLong("max-cells"), help: ArgumentHelp("How many cells a matrix may have.", valueName: "n"))
    var maximumCells = 10_000

    func validate() throws {
        guard maximumCells >= 1 else { throw ValidationError("--max-cells must be at least 1") }
    }

    /// - Parameter given: params of the command line, which has the last word.
    func request(given: [PlanRequest.GivenValue]) throws -> PlanRequest {
        var request = PlanRequest()
        if let paramsFile {
            let path = currentDirectory().pushing(FilePath(paramsFile))
            guard let bytes = try? readFile(path, limit: Pipeline.sizeLimit) else {
                throw UsageError("the file of params '\(paramsFile)' cannot be read", remedy: "check the path")
            }
            request.params = try PlanRequest.params(reading: bytes, file: paramsFile)
        }
        request.params.removeAll { old in given.contains { $0.name == old.name } }
        request.params += given
        request.maximumCells = maximumCells
        request.part.only = names(only)
        request.part.from = names(from)
        request.part.until = names(until)
        request.part.skip = names(skip)
        if force == "all" { request.part.forceAll = true } else { request.part.force = names(force) }
        request.part.using = using
        return request
    }

    /// The options that were given, by their names.
    var given: [String] {
        let all: [(String, String?)] = [
            ("--params-file", paramsFile), ("--only", only), ("--from", from), ("--until", until), ("--skip", skip),
            ("--force", force), ("--using", using),
        ]
        return all.filter { $0.1 != nil }.map(\.0)
    }

    private func names(_ list: String?) -> [String] {
        StepPath.names(inList: list ?? "").map { name in
            String(name.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
    }
}

/// The same with params as `plan` and `graph` are given them.
struct PlanOptions: ParsableArguments {
    @Option(
        name: [.customShort("P", allowingJoined: true), .customLong("param-list")],
        help: "A param, as NAME=VALUE (repeatable); a list as JSON.")
    var parameters: [String] = []

    @OptionGroup var choices: PlanChoices

    func request() throws -> PlanRequest {
        let given = GivenParameters(parsing: parameters)
        guard given.problems.isEmpty else { throw InvalidInput(given.problems) }
        return try choices.request(given: given.parameters.map { .init($0.name, .text($0.value)) })
    }
}
