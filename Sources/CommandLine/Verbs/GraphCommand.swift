import ArgumentParser
import Diagnostics
import Pipelines

struct GraphCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "graph", abstract: "Draw a pipeline: its steps and what they wait for.",
        discussion: """
            Examples:
              swiftflow graph pipeline.yaml                  (mermaid, for a README)
              swiftflow graph . --format svg > pipeline.svg
              swiftflow graph . --format dot --expand | dot -Tpng -o cells.png
            """)

    @OptionGroup var options: PlanOptions

    @Argument(help: "A pipeline's file, or the folder of one.", completion: .file(extensions: ["yaml", "yml"]))
    var file = "."

    @Option(help: "mermaid, dot, json or svg.")
    var format = PipelineGraph.Format.mermaid

    @Flag(help: "Draw every cell of a fan-out instead of one box for all.")
    var expand = false

    @Flag(help: "Draw a nested pipeline as one box instead of its steps.")
    var flat = false

    func run() throws {
        let file = try PipelineFile.find(file)
        let made = file.plan(try options.request(), isCheck: true, looksAtProjects: false)
        file.show(made.findings)
        guard let plan = made.plan else { throw ExitStatus(code: 2) }
        let graph = try PipelineGraph(plan, isExpanded: expand, inside: { flat ? nil : $1.nested?.plan })
        Output.write(graph.text(as: format))
    }
}

extension PipelineGraph.Format: ExpressibleByArgument {}
