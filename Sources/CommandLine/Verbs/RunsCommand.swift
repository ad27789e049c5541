import ArgumentParser
import Diagnostics
import Execution
import SwiftFlow
import Tracking

struct RunsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs", abstract: "List, show, follow, cancel, delete and restore runs.",
        discussion: "A run may be named by the first characters of its id, as long as they are unambiguous.",
        subcommands: [List.self, Show.self, Logs.self, Cancel.self, Delete.self, Restore.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List runs, newest first.",
            discussion: """
                Example: swiftflow runs list --filter "metrics.rmse < 60 and params.alpha = '0.5'" --order-by "metrics.rmse ASC"
                """)

        @OptionGroup var store: StoreOptions
        @OptionGroup var output: OutputOptions

        @Option(name: .customLong("experiment-name"), help: "Only runs of this experiment (repeatable).")
        var experimentNames: [String] = []
        @Option(name: .customLong("experiment-id"), help: "Only runs of this experiment (repeatable).")
        var experimentIDs: [String] = []
        @Option(help: "A filter in MLflow's search language.")
        var filter = ""
        @Option(
            name: .customLong("order-by"), help: "A column and ASC or DESC, such as 'metrics.rmse ASC' (repeatable).")
        var orderBy: [String] = []
        @Option(name: [.customShort("n"), .long], help: "At most this many runs.")
        var limit = 20
        @Flag(help: "List deleted runs instead of active ones.")
        var deleted = false

        func validate() throws {
            guard (1...50_000).contains(limit) else { throw ValidationError("--limit must be between 1 and 50000") }
        }

        func run() async throws {
            try await store.withStore { store in
                let experiments = try await ExperimentNames(
                    in: store, restrictedTo: experimentNames, ids: experimentIDs, includingDeleted: deleted)
                let page = try await store.searchRuns(
                    RunSearch(
                        experimentIDs: experiments.ids, filter: filter, orderBy: orderBy,
                        viewType: deleted ? .deletedOnly : .activeOnly, maxResults: limit))
                try Output.render(
                    page.elements.map { RunRow($0, experimentName: experiments.name($0.info.experimentID)) },
                    as: output.format, whenEmpty: "no runs")
                if page.nextPageToken != nil, output.format == .table {
                    Messages.note("there are more runs; see --limit and --filter")
                }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Show everything a run recorded.",
            discussion: "Example: swiftflow runs show 5be1a0c2")

        @OptionGroup var store: StoreOptions
        @OptionGroup var output: OutputOptions
        @Argument(help: "The run's id, or its first characters.")
        var run: String

        func run() async throws {
            try await store.withServices { services in
                let store = try await services.store.get()
                let found = try await findRun(run, in: store)
                let experiment = try await store.experiment(id: found.info.experimentID)
                let artifacts = await artifacts(of: found, services)
                let report = RunReport(found, experimentName: experiment.name, artifacts: artifacts.map(\.path))
                switch output.format {
                case .json: try Output.renderJSON(report)
                case .table: Output.write(report.text)
                }
            }
        }

        /// A run whose artifacts cannot be reached is still worth showing; that they are missing is said.
        private func artifacts(of run: Run, _ services: StandardServices) async -> [ArtifactRow] {
            do {
                let tree = try await artifactTree(of: run.info.artifactURI, services)
                if !tree.isComplete { Messages.warning("only the first \(tree.rows.count) artifacts are listed") }
                return tree.rows
            } catch {
                Messages.warning("the run's artifacts cannot be listed:")
                Messages.show(error)
                return []
            }
        }
    }

    struct Logs: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "logs", abstract: "Print what a run's command wrote.",
            discussion: "Example: swiftflow runs logs --follow 5be1a0c2")

        @OptionGroup var store: StoreOptions
        @Flag(name: .shortAndLong, help: "Go on printing until the run has ended.")
        var follow = false
        @Argument(help: "The run's id, or its first characters.")
        var run: String

        func run() async throws {
            try await store.withServices { services in
                let found = try await findRun(run, in: try await services.store.get())
                try await printLog(of: found, services, follow: follow)
            }
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "cancel", abstract: "End running runs; their status becomes KILLED.",
            discussion: "Example: swiftflow runs cancel 5be1a0c2")

        @OptionGroup var store: StoreOptions
        @Argument(help: "Ids of runs, or their first characters.")
        var runs: [String]

        func run() async throws {
            try await store.forEachRun(runs) { run, store in
                try await cancelRun(run, in: store)
                Messages.note("run \(run.info.runID) is being cancelled")
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "delete", abstract: "Move runs to the bin; 'restore' brings them back.",
            discussion: "Example: swiftflow runs delete 5be1a0c2")

        @OptionGroup var store: StoreOptions
        @Argument(help: "Ids of runs, or their first characters.")
        var runs: [String]

        func run() async throws {
            try await store.forEachRun(runs) { run, store in
                try await store.deleteRun(id: run.info.runID)
                Messages.note("deleted run \(run.info.runID)")
            }
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "restore", abstract: "Bring deleted runs back.",
            discussion: "Example: swiftflow runs restore 5be1a0c2")

        @OptionGroup var store: StoreOptions
        @Argument(help: "Ids of runs, or their first characters.")
        var runs: [String]

        func run() async throws {
            try await store.forEachRun(runs) { run, store in
                try await store.restoreRun(id: run.info.runID)
                Messages.note("restored run \(run.info.runID)")
            }
        }
    }
}
