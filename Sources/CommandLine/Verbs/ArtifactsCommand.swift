import ArgumentParser
import Artifacts
import Diagnostics
import Files
import SwiftFlow
import SystemPackage
import Tracking

struct ArtifactsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "artifacts", abstract: "List and fetch what runs have kept.", subcommands: [List.self, Get.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List the artifacts of a run, a model or an address.",
            discussion: """
                Examples:
                  swiftflow artifacts list 5be1a0c2 model
                  swiftflow artifacts list models:/diabetes@champion
                """)

        @OptionGroup var store: StoreOptions
        @OptionGroup var output: OutputOptions
        @Argument(help: "A run's id (or its first characters), or the URI of artifacts: runs:/…, models:/…, s3://….")
        var source: String
        @Argument(help: "Only what is below this path.")
        var path: String?

        func run() async throws {
            try await store.withServices { services in
                let tree = try await artifactTree(of: try await artifactRoot(services), below: path, services)
                try Output.render(tree.rows, as: output.format, whenEmpty: "no artifacts")
                if !tree.isComplete {
                    Messages.warning("only the first \(tree.rows.count) are listed; name a folder to see what is in it")
                }
            }
        }

        private func artifactRoot(_ services: StandardServices) async throws -> String {
            guard !source.contains(":") else { return source }
            return try await findRun(source, in: try await services.store.get()).info.artifactURI
        }
    }

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "get", abstract: "Fetch an artifact, a file or a whole folder, and print where it is.",
            discussion: """
                Examples:
                  swiftflow artifacts get 5be1a0c2 model -o ./models
                  swiftflow artifacts get s3://bucket/data/train.csv
                """)

        @OptionGroup var store: StoreOptions
        @Option(name: .shortAndLong, help: "The folder to put it in.", completion: .directory)
        var output = "."
        @Argument(help: "A run's id (or its first characters), or the URI of an artifact.")
        var source: String
        @Argument(help: "The path below the run's artifacts.")
        var path: String?

        func run() async throws {
            try await store.withServices { services in
                let folder = currentDirectory().pushing(FilePath(output)).lexicallyNormalized()
                let uri = try await artifactURI(services)
                let transfer = Transfer(onProgress: { progress in
                    Messages.progress("\(byteText(progress.bytes)) of '\(redactedURL(uri))'")
                })
                let place = try await services.artifacts.download(uri, into: folder, transfer)
                Messages.endProgress()
                Output.write("\(place)\n")
            }
        }

        private func artifactURI(_ services: StandardServices) async throws -> String {
            guard !source.contains(":") else { return source }
            let run = try await findRun(source, in: try await services.store.get())
            let below = try path.map { try RelativePath($0).string }
            return "runs:/\(run.info.runID)" + (below.map { "/\($0)" } ?? "")
        }
    }
}

/// A file or folder of `artifacts list`.
struct ArtifactRow: Listable {
    static let columns = ["PATH", "SIZE"]

    let path: String
    let isDirectory: Bool
    let size: Int64?

    var cells: [String] { [isDirectory ? "\(path)/" : path, size.map(byteText) ?? ""] }
}

/// What `artifacts list` shows of a tree.
struct ArtifactTree {
    let rows: [ArtifactRow]
    /// Whether it is all there is.
    let isComplete: Bool
}

/// Everything below an artifact URI, folders before what is in them.
///
/// Ends after some 10,000 entries: a listing is for reading.
func artifactTree(of uri: String, below: String? = nil, _ services: StandardServices) async throws -> ArtifactTree {
    let repository = try await services.artifacts.repository(at: uri)
    var rows: [ArtifactRow] = []
    var folders = [try below.map { try RelativePath($0) } ?? .root]
    var isComplete = true
    while rows.count < 10_000, let folder = folders.popLast() {
        let entries = try await repository.list(folder)
        rows += entries.map { ArtifactRow(path: $0.path.string, isDirectory: $0.isDirectory, size: $0.size) }
        let inner = entries.filter(\.isDirectory).map(\.path)
        folders += inner.filter { $0.components.count < 64 }
        isComplete = isComplete && inner.allSatisfy { $0.components.count < 64 }
    }
    return ArtifactTree(rows: rows.sorted { $0.path < $1.path }, isComplete: isComplete && folders.isEmpty)
}

/// `512 B`, `14.2 KiB`, `3.0 GiB`.
func byteText(_ bytes: Int64) -> String {
    guard bytes >= 1024 else { return "\(bytes) B" }
    var value = Double(bytes) / 1024
    for unit in ["KiB", "MiB", "GiB"] {
        if value < 1024 { return "\((value * 10).rounded() / 10) \(unit)" }
        value /= 1024
    }
    return "\((value * 10).rounded() / 10) TiB"
}
