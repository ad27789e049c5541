import ArgumentParser
import Diagnostics
import Files
import Scheduling
import SwiftFlow
import SystemPackage
import Tracking

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Write a page about a pipeline's run: graph, timeline, steps, reasons.",
        discussion: """
            The page needs nothing else and can be passed around. It is made from what the store knows, so it works for any run \
            of a pipeline, also while it runs or after its runner has died.
            Examples:
              swiftflow report 5be1a0c2
              swiftflow report 5be1a0c2 -o - > report.html
            """)

    @OptionGroup var store: StoreOptions
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "The file; '-' for standard output. Default: NAME-RUN.html in this folder.", valueName: "file"))
    var output: String?
    @Argument(help: "The pipeline's run: its id, or its first characters.")
    var run: String

    func run() async throws {
        try await store.withServices { services in
            let found = try await findRun(run, in: try await services.store.get())
            let page = try await services.pipelineReport(of: found.info.runID)
            guard output != "-" else {
                _ = Output.write(page[...])
                return
            }
            let path = currentDirectory().pushing(FilePath(output ?? standardName(found)))
            guard let name = path.lastComponent else {
                throw UsageError("'\(path)' is no file", remedy: "name a file with -o")
            }
            try Directory(opening: path.removingLastComponent())
                .writeFile(RelativePath(name.string), page, mode: 0o644)
            Messages.note("written to \(escapedForTerminal(output ?? standardName(found)))")
        }
    }

    /// Made of harmless characters whatever the pipeline is called.
    private func standardName(_ run: Run) -> String {
        let name = (run.data.tag(NodeTag.pipeline) ?? "pipeline").unicodeScalars.filter {
            $0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil || $0 == "-" || $0 == "_")
        }
        let text = String(String.UnicodeScalarView(name.prefix(60)))
        return "\(text.isEmpty ? "pipeline" : text)-\(run.info.runID.prefix(8)).html"
    }
}
