import ArgumentParser
import Diagnostics
import Pipelines

struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show what a pipeline would run or reuse, and why; start nothing.",
        discussion: """
            Examples:
              swiftflow plan pipeline.yaml -P hidden_units=32
              swiftflow plan . --from train --json
              swiftflow plan . --check    (exit code 3 if anything would run)
            """)

    @OptionGroup var output: OutputOptions
    @OptionGroup var options: PlanOptions

    @Argument(help: "A pipeline's file, or the folder of one.", completion: .file(extensions: ["yaml", "yml"]))
    var file = "."

    @Flag(help: "End with exit code 3 if anything would run.")
    var check = false

    func run() throws {
        let file = try PipelineFile.find(file)
        let made = file.plan(try options.request())
        file.show(made.findings)
        guard let plan = made.plan else { throw ExitStatus(code: 2) }
        let forecast = PlanForecast(plan)
        switch output.format {
        case .json: Output.write(forecast.json)
        case .table: Output.write(PipelinePlanReport(forecast).text)
        }
        if check, forecast.hasWork { throw ExitStatus(code: 3) }
    }
}
