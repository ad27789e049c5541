import ArgumentParser
import Artifacts
import Diagnostics
import Files
import Processes
import SQLiteStore
import SwiftFlow

struct GarbageCollectionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc",
        abstract: "Remove deleted runs, logged models and experiments for good, with their artifacts.",
        discussion: """
            What is removed cannot be brought back; --dry-run shows what would go. Without ids everything that is deleted goes; each of
            --run-ids, --experiment-ids and --logged-model-ids limits its own kind only, as in mlflow gc. Artifacts go first and rows last,
            so a collection that was interrupted is simply run again.
            Examples:
              swiftflow gc --older-than 30d --dry-run
              swiftflow gc --backend-store-uri sqlite:////srv/mlflow.db --artifacts-destination s3://bucket/artifacts
              swiftflow gc --run-ids 5be1a0c2d3f44c6c9f0a7e1b2c3d4e5f,0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f
            """)

    @Option(
        name: .customLong("older-than"),
        help: "Only what was deleted so long ago: days, hours, minutes and seconds, such as 30d or 1d2h3m4s.")
    var olderThan: String?
    @Option(
        name: .customLong("backend-store-uri"),
        help:
            "The store; default: MLFLOW_BACKEND_STORE_URI, else MLFLOW_TRACKING_URI where it names a file, else sqlite:///mlflow.db."
    )
    var backendStoreURI: String?
    @Option(
        name: .customLong("artifacts-destination"),
        help:
            "Where the tracking server keeps what it calls mlflow-artifacts: (a folder or s3://…); default: MLFLOW_ARTIFACTS_DESTINATION."
    )
    var artifactsDestination: String?
    @Option(name: .customLong("run-ids"), help: "Only these runs, with commas between them.")
    var runIDs: String?
    @Option(
        name: .customLong("experiment-ids"),
        help: "Only these experiments, with all of their runs and models; with commas between them.")
    var experimentIDs: String?
    @Option(name: .customLong("logged-model-ids"), help: "Only these logged models, with commas between them.")
    var modelIDs: String?
    @Option(
        name: .customLong("tracking-uri"),
        help: "The server through which mlflow-artifacts: are removed; default: MLFLOW_TRACKING_URI.")
    var trackingURI: String?
    @Flag(name: .customLong("dry-run"), help: "Show what would be removed, and how much it is; remove nothing.")
    var isDryRun = false
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let environment = processEnvironment()
        let maintenance = try StoreMaintenance(
            backendStoreURI: backendStoreURI, trackingURI: trackingURI, environment: environment,
            workingDirectory: currentDirectory())
        try await maintenance.withCollection(
            destination: artifactsDestination ?? value("MLFLOW_ARTIFACTS_DESTINATION", environment)
        ) { collection in
            let items = try await collection.plan(try selection())
            if isDryRun { try await show(items, collection) } else { try await remove(items, collection) }
        }
    }

    private func selection() throws -> GarbageCollection.Selection {
        let age = try olderThan.map { text in
            guard let age = Age(text) else {
                throw UsageError(
                    "'\(text)' is no span of time",
                    remedy: "write days, hours, minutes and seconds: 8h, 2d8h5m20s, 2m4s")
            }
            return age
        }
        return GarbageCollection.Selection(
            runIDs: list(runIDs), experimentIDs: list(experimentIDs), modelIDs: list(modelIDs), olderThan: age)
    }

    /// MLflow takes an empty list for none.
    private func list(_ text: String?) -> [String]? {
        guard let text, !text.isEmpty else { return nil }
        var known: Set<String> = []
        return text.split(separator: ",").map { $0.filter { $0 != " " } }.filter { known.insert($0).inserted }
    }

    private func value(_ name: String, _ environment: [String: String]) -> String? {
        environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    private func show(_ items: [GarbageCollection.Item], _ collection: GarbageCollection) async throws {
        var rows: [CollectionRow] = []
        for item in items {
            var row = CollectionRow(item)
            do {
                (row.files, row.bytes) = try await collection.size(of: item)
            } catch {
                // Counting is a service; what cannot be counted may still be removed.
                row.note = message(error)
                Messages.warning("\(item.kind.rawValue) \(item.id): \(message(error))")
            }
            rows.append(row)
        }
        try Output.render(rows, as: output.format, whenEmpty: "nothing is deleted")
        guard !rows.isEmpty, output.format == .table else { return }
        let bytes = rows.reduce(0) { $0 + ($1.bytes ?? 0) }
        Messages.note(
            "\(rows.count) would be removed, with \(rows.reduce(0) { $0 + ($1.files ?? 0) }) files of \(byteText(bytes))"
        )
    }

    private func remove(_ items: [GarbageCollection.Item], _ collection: GarbageCollection) async throws {
        var rows: [CollectionRow] = []
        var failures = 0
        var failedExperiments = false
        for item in items {
            var row = CollectionRow(item)
            // An experiment takes the rows of its runs and models along; while files of one of them are left, it stays.
            if item.kind == .experiment, failedExperiments {
                row.outcome = "kept"
                rows.append(row)
                Messages.warning("experiment \(item.id) stays until everything else could be removed")
                continue
            }
            switch await collection.remove(item) {
            case .removed: row.outcome = "removed"
            case .removedWithoutArtifacts(let why):
                row.outcome = "removed"
                row.note = why
                Messages.warning("\(why); its artifacts, if there are any, are left where they are")
            case .kept(let error):
                row.outcome = "kept"
                row.note = message(error)
                failures += 1
                failedExperiments = true
                Messages.show(error)
            }
            if row.outcome == "removed", output.format == .table { Output.write(item.sentence) }
            rows.append(row)
        }
        if output.format == .json { try Output.renderJSON(rows) }
        if items.isEmpty { Messages.note("nothing is deleted") }
        guard failures == 0 else {
            Messages.note(
                "\(failures) could not be removed and stay deleted; run the command again when the cause is gone")
            throw ExitStatus(code: 1)
        }
    }

    private func message(_ error: any Error) -> String {
        (error as? any ExplainedError)?.diagnostics.first?.message ?? "\(error)"
    }
}

extension GarbageCollection.Item {
    /// What MLflow says, word by word: scripts read it.
    fileprivate var sentence: String {
        switch kind {
        case .run: "Run with ID \(id) has been permanently deleted.\n"
        case .model: "Logged model with ID \(id) has been permanently deleted.\n"
        case .experiment: "Experiment with ID \(id) has been permanently deleted.\n"
        }
    }
}

private struct CollectionRow: Listable {
    static let columns = ["KIND", "ID", "NAME", "FILES", "SIZE", "ARTIFACTS"]

    let kind: String
    let id: String
    let name: String
    let artifactURI: String?
    var files: Int?
    var bytes: Int64?
    var outcome: String?
    var note: String?

    init(_ item: GarbageCollection.Item) {
        kind = item.kind.rawValue
        id = item.id
        name = item.name
        artifactURI = item.artifactURI.map(redactedURL)
    }

    var cells: [String] {
        [kind, id, name, files.map(String.init) ?? "?", bytes.map(byteText) ?? "?", artifactURI ?? ""]
    }
}
