import ArgumentParser
import Diagnostics
import Execution
import Files
import Glibc
import SQLiteStore
import SwiftFlow
import SystemPackage
import Tracking

struct DatabaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "db", abstract: "Check, back up and export a store.",
        subcommands: [Check.self, Backup.self, Export.self])

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check", abstract: "Look for damage, another schema and rows without parents; change nothing.",
            discussion: """
                Ends with 0 when all is well, and with 1 when something is wrong. The store may be in use.
                Example: swiftflow db check --tracking-uri sqlite:////srv/mlflow.db
                """)

        @OptionGroup var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let report = InspectionReport(try await store.maintenance().inspect())
            switch output.format {
            case .json: try Output.renderJSON(report)
            case .table: Output.write(report.text)
            }
            for problem in report.problems {
                Messages.show(Diagnostic(.error, "store '\(report.path)': \(problem.message)", remedy: problem.remedy))
            }
            guard report.problems.isEmpty else { throw ExitStatus(code: 1) }
        }
    }

    struct Backup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "backup", abstract: "Copy the state of one moment to a new file, while others go on writing.",
            discussion: """
                The copy is a store itself. It is checked and synced before it gets its name; a name that is taken is refused without --force.
                Example: swiftflow db backup backups/mlflow-2026-11-21.db
                """)

        @OptionGroup var store: StoreOptions
        @Flag(help: "Replace the file of that name.")
        var force = false
        @Argument(help: "The file to write.", completion: .file())
        var destination: String

        func run() async throws {
            let path = currentDirectory().pushing(FilePath(destination)).lexicallyNormalized()
            try await store.maintenance().withStore { store in
                guard path != store.path else { throw UsageError("a store cannot be copied onto itself") }
                try await store.backUp(to: path, replacing: force)
            }
            Output.write("\(path)\n")
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "export", abstract: "Write everything as lines of JSON that any program can read.",
            discussion: """
                Experiments, runs with params, tags, inputs and whole metric histories, logged models, registered models and versions, one
                JSON object a line; also from a tracking server. Artifacts are not part of it.
                Examples:
                  swiftflow db export store.jsonl
                  swiftflow db export - --experiment-name pricing | jq 'select(.kind == "run") | .params'
                """)

        @OptionGroup var store: StoreOptions
        @Option(name: .customLong("experiment-name"), help: "Only this experiment (repeatable).")
        var experimentNames: [String] = []
        @Option(name: .customLong("experiment-id"), help: "Only this experiment (repeatable).")
        var experimentIDs: [String] = []
        @Option(name: .customLong("run-id"), help: "Only this run, by its id or first characters (repeatable).")
        var runIDs: [String] = []
        @Flag(help: "Replace the file of that name.")
        var force = false
        @OptionGroup var output: OutputOptions
        @Argument(help: "The file to write; - for standard output.", completion: .file())
        var destination: String

        func validate() throws {
            guard runIDs.isEmpty || (experimentNames.isEmpty && experimentIDs.isEmpty) else {
                throw ValidationError("--run-id cannot be used together with experiments")
            }
            guard !(output.isJSON && destination == "-") else {
                throw ValidationError("--json prints a summary, and standard output holds the export")
            }
        }

        func run() async throws {
            let target = try ExportTarget(destination, replacing: force)
            try await store.withStore { store in
                var selection = StoreExport.Selection()
                if !experimentNames.isEmpty || !experimentIDs.isEmpty {
                    selection.experimentIDs = try await ExperimentNames(
                        in: store, restrictedTo: experimentNames, ids: experimentIDs, includingDeleted: true
                    ).ids
                }
                for name in runIDs { selection.runIDs.append(try await findRun(name, in: store).info.runID) }
                var export = StoreExport(store: store) { try target.write($0) }
                try await export.run(selection, at: currentTimeMilliseconds())
                try target.commit()
                let counts = export.counts
                switch output.format {
                case .json: try Output.renderJSON(counts)
                case .table:
                    Messages.note(
                        "wrote \(counts.experiments) experiments, \(counts.runs) runs, \(counts.metrics) metric values, \(counts.loggedModels) logged models, \(counts.registeredModels) registered models and \(counts.modelVersions) versions"
                    )
                }
            }
        }
    }
}

extension StoreOptions {
    /// For verbs that work on the file of a store.
    fileprivate func maintenance() throws -> StoreMaintenance {
        let environment = processEnvironment()
        let given = trackingURI ?? environment["MLFLOW_TRACKING_URI"].flatMap { $0.isEmpty ? nil : $0 }
        return try StoreMaintenance(
            backendStoreURI: given ?? "sqlite:///mlflow.db", environment: environment,
            workingDirectory: currentDirectory())
    }
}

/// Where an export goes: a file that appears when it is complete, or standard output.
private final class ExportTarget {
    private let file: AtomicFile?
    private var gathered: [UInt8] = []

    init(_ destination: String, replacing: Bool) throws {
        guard destination != "-" else {
            file = nil
            return
        }
        let path = currentDirectory().pushing(FilePath(destination)).lexicallyNormalized()
        guard replacing || fileStatus(path) == nil else {
            throw InvalidInput("'\(path)' exists already", remedy: "choose another name, or replace it with --force")
        }
        let folder = try Directory(opening: path.removingLastComponent())
        file = try AtomicFile(at: RelativePath(path.lastComponent?.string ?? ""), in: folder)
    }

    func write(_ bytes: [UInt8]) throws {
        gathered += bytes
        if gathered.count >= 1 << 18 { try flush() }
    }

    func commit() throws {
        try flush()
        try file?.commit()
    }

    private func flush() throws {
        if let file {
            try file.write(gathered)
        } else if !Output.write(gathered[...]) {
            // The reader has seen enough (`| head`).
            throw ExitStatus(code: 0)
        }
        gathered.removeAll(keepingCapacity: true)
    }
}

private struct InspectionReport: Encodable {
    struct Problem: Encodable {
        let message: String
        let remedy: String
    }

    let path: String
    let isSound: Bool
    let schema: String?
    let expectedSchema: String
    let bytes: Int64
    let rows: [String: Int64]
    let problems: [Problem]
    private let shownRows: String

    private enum CodingKeys: String, CodingKey {
        case path, isSound, schema, expectedSchema, bytes, rows, problems
    }

    init(_ inspection: StoreInspection) {
        path = inspection.path.string
        isSound = inspection.problems.isEmpty
        schema = inspection.revision
        expectedSchema = inspection.expectedRevision
        bytes = inspection.bytes
        rows = Dictionary(inspection.rows.map { ($0.table, $0.count) }) { first, _ in first }
        problems = inspection.problems.map { Problem(message: $0.message, remedy: $0.remedy) }
        shownRows = inspection.rows.map { "\($0.count) \($0.table)" }.joined(separator: ", ")
    }

    var text: String {
        """
        store    \(path) (\(byteText(bytes)))
        schema   \(schema ?? "none")
        rows     \(shownRows)
        verdict  \(isSound ? "sound" : "\(problems.count) problems")

        """
    }
}
