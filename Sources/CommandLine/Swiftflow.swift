import ArgumentParser
import Diagnostics
import Glibc
import Processes
import Server
import SwiftFlow

/// The `swiftflow` program: parses the command line, runs one verb, and maps every outcome to an exit code.
///
/// 0 success · 1 failure · 2 wrong usage, or errors in a pipeline · 128 + N stopped by signal N.
///
/// Every command says its name, also where it is that of its type: to derive one takes 0.2 ms of each start of the program.
@main
struct Swiftflow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swiftflow",
        abstract: "Runs MLflow projects from a folder or a git URL and records every run.",
        discussion: """
            Example: swiftflow run https://git.example.org/team/model.git#train -v v1.2 -P alpha=0.5
            """,
        version: "0.1.0",
        subcommands: [
            RunCommand.self, CheckCommand.self, PlanCommand.self, GraphCommand.self, StatusCommand.self,
            ReportCommand.self,
            LogsCommand.self, ResumeCommand.self, CancelCommand.self, LogCommand.self, RunsCommand.self,
            ExperimentsCommand.self, ArtifactsCommand.self, ServerCommand.self, GarbageCollectionCommand.self,
            DatabaseCommand.self, CacheCommand.self, EnvironmentsCommand.self, DoctorCommand.self,
        ])

    @Option(
        name: .customLong("env-file"), help: "Load environment variables from this file first; they never override.")
    var environmentFile: String?

    static func main() async {
        // Files we open must never land on 0, 1 or 2 of a caller that closed them.
        openStandardDescriptors()
        // A reader that goes away (`| head`) must not end the program before it has cleaned up.
        _ = signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            Glibc.exit(0)
        } catch {
            Glibc.exit(report(error))
        }
    }

    /// Shows the error and returns the exit code it stands for.
    private static func report(_ error: any Error) -> Int32 {
        if let ended = error as? ExitStatus { return ended.code }
        let isParserError = exitCode(for: error) == .validationFailure
        let isHelp = exitCode(for: error) == .success
        if isHelp || isParserError {
            let text = fullMessage(for: error)
            if isHelp { Output.write(text + "\n") } else { Messages.note(text) }
            return isHelp ? 0 : 2
        }
        if let invalid = error as? InvalidPipeline {
            Messages.show(invalid.diagnostics, in: invalid.content, of: invalid.name)
            return 2
        }
        Messages.show(error)
        return error is UsageError || error is ListenError ? 2 : 1
    }
}

/// Ends the program with a code after everything has been said.
struct ExitStatus: Error {
    let code: Int32
}
