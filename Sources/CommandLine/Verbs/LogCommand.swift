import ArgumentParser
import Diagnostics
import Execution
import Files
import Tracking

/// Lets shell scripts log what Python code logs with MLflow.
struct LogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Log a metric, a param or a tag from a shell script.",
        discussion: """
            Inside a run's command the run is known; elsewhere name it with --run-id.
            Example: swiftflow log metric rmse 0.71
            """,
        subcommands: [LogMetric.self, LogParam.self, LogTag.self])

    struct LogMetric: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "metric", abstract: "Log a metric.")
        @OptionGroup var target: LogTarget
        @Argument var name: String
        @Argument(help: "A number; NaN and inf are numbers too.", transform: number)
        var value: Double
        @Option(help: "The step it belongs to.")
        var step: Int64 = 0

        func run() async throws {
            try await target.log { store, run in
                try await store.logMetric(
                    Metric(name, value, timestamp: currentTimeMilliseconds(), step: step), runID: run)
            }
        }
    }

    struct LogParam: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "param", abstract: "Log a param.")
        @OptionGroup var target: LogTarget
        @Argument var name: String
        @Argument var value: String

        func run() async throws {
            try await target.log { store, run in try await store.logParam(Param(name, value), runID: run) }
        }
    }

    struct LogTag: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "tag", abstract: "Set a tag.")
        @OptionGroup var target: LogTarget
        @Argument var name: String
        @Argument var value: String

        func run() async throws {
            try await target.log { store, run in try await store.setTag(Tag(name, value), runID: run) }
        }
    }
}

/// The run that something is logged to.
struct LogTarget: ParsableArguments {
    @OptionGroup var store: StoreOptions
    @Option(name: .customLong("run-id"), help: "The run; default: MLFLOW_RUN_ID.")
    var runID: String?

    func log(_ write: (any TrackingStore, String) async throws -> Void) async throws {
        guard let run = runID ?? environmentVariable("MLFLOW_RUN_ID"), !run.isEmpty else {
            throw UsageError(
                "it is not known to which run this is to be logged",
                remedy: "call it from a run's command, or give --run-id")
        }
        try await store.withStore { store in try await write(store, run) }
    }
}

/// Reads a number as Python's `float` does.
private func number(_ text: String) throws -> Double {
    guard let number = Double(text) else { throw ValidationError("'\(text)' is no number") }
    return number
}
