import Diagnostics
import Execution
import Files
import FoundationEssentials
import Glibc
import Processes
import SystemPackage

/// `run --detach`: the same program with the same arguments goes on in the background, in a session of its own.
///
/// The one in front waits until the run exists, so mistakes are still shown at the terminal, prints the run's id and ends. The two
/// meet in a private folder: the background one writes `run` there as soon as there is a run, and its messages to `messages`.
enum DetachedRun {
    /// Names the folder to the program in the background.
    static let folderVariable = "SWIFTFLOW_DETACHED_FOLDER"

    /// Starts the program in the background and waits for its run.
    ///
    /// - Throws: `ExitStatus` when it ended without creating one, after showing what it said.
    static func start(arguments: [String], environment: [String: String], format: OutputFormat) async throws {
        let folder = try stateFolder(environment).appending(randomName())
        try makeFolders(folder)
        let messages = folder.appending("messages")
        var variables = environment
        variables[folderVariable] = folder.string
        let process = try startDetached(
            runningExecutable(), arguments: arguments.filter { $0 != "--detach" }, environment: variables,
            workingDirectory: currentDirectory(), log: messages)
        while true {
            if let bytes = try? readFile(folder.appending("run"), limit: 4096) {
                let report = try JSONDecoder().decode(Report.self, from: Data(bytes))
                switch format {
                case .json: try Output.renderJSON(report)
                case .table:
                    Output.write("\(report.runID)\n")
                    Messages.note(
                        "the run goes on in the background (process \(process)); follow it with: swiftflow runs logs -f \(report.runID.prefix(8))"
                    )
                }
                return
            }
            var status: Int32 = 0
            if unsafe waitpid(process, &status, WNOHANG) == process {
                let said = (try? readFile(messages, limit: 1 << 20)) ?? []
                _ = writeAll(said[...], to: STDERR_FILENO)
                throw ExitStatus(code: status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F))
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Tells the one in front, if there is one, which run this program has created.
    static func report(_ runID: String) {
        guard let folder = environmentVariable(folderVariable) else { return }
        let report = Report(runID: runID, processID: getpid(), messages: "\(folder)/messages")
        guard let bytes = try? JSONEncoder().encode(report), let name = try? RelativePath("run") else { return }
        // The run is more important than the note about it; whoever waits sees the program end.
        try? Directory(opening: FilePath(folder)).writeFile(name, Array(bytes))
    }

    private static func stateFolder(_ environment: [String: String]) throws -> FilePath {
        let base: String
        if let named = environment["XDG_STATE_HOME"], named.hasPrefix("/") {
            base = named
        } else if let home = environment["HOME"], home.hasPrefix("/") {
            base = "\(home)/.local/state"
        } else {
            throw UsageError(
                "there is no place for the messages of a detached run", remedy: "set HOME or XDG_STATE_HOME")
        }
        return FilePath(base).appending("swiftflow").appending("detached")
    }

    private struct Report: Codable {
        let runID: String
        let processID: Int32
        let messages: String
    }
}
