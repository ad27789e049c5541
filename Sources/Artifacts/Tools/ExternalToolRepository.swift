import Diagnostics
package import Files
import NIOCore
package import Processes
package import SystemPackage

/// Artifacts in a store that is reached through its own command-line client, with that client's logins.
///
/// gs through gcloud or gsutil, Azure through az, sftp through OpenSSH, ftp through curl, dbfs through databricks, hdfs through hdfs. The
/// client gets argument vectors, never shell text, and works in a private folder; what it brings is taken over only as regular files.
package struct ExternalToolRepository: WholeFileTransfer {
    private let client: any ArtifactClient
    private let runner: ToolRunner

    package var location: String { client.location }

    /// - Throws: for a URI that does not fit its scheme; that the client is missing is an error of the first operation.
    package init(_ uri: String, environment: [String: String], tools: any ProcessStarter) throws {
        client = try makeArtifactClient(uri)
        runner = ToolRunner(environment: environment, tools: tools)
    }

    package func list(_ folder: RelativePath) async throws -> [ArtifactEntry] {
        let lines = try await client.list(folder, runner)
        let limit = TransferLimits.standard.count
        guard lines.count <= limit else {
            throw ArtifactError(.limit, "the listing of \(named(folder)) has more than \(limit) entries")
        }
        return try lines.map { line in
            do throws(PathRefusal) {
                let child = try RelativePath(line.name)
                guard child.components.count == 1, !line.name.hasSuffix("/") else {
                    throw PathRefusal(line.name, "is more than one name")
                }
                return ArtifactEntry(
                    path: folder.appending(child), isDirectory: line.isDirectory,
                    size: line.isDirectory ? nil : line.size)
            } catch {
                throw ArtifactError(
                    .untrustedAnswer,
                    "the listing of \(named(folder)) has an entry that is no safe path: '\(error.text.prefix(120))' \(error.reason)"
                )
            }
        }.sorted { $0.path.string < $1.path.string }
    }

    package func entry(_ path: RelativePath) async throws -> ArtifactEntry? {
        if path.isRoot { return ArtifactEntry(path: path, isDirectory: true) }
        guard client.canList else { return ArtifactEntry(path: path, isDirectory: false) }
        return try await list(path.parent).first { $0.path == path }
    }

    package func read(_ file: RelativePath, range: Range<Int64>?) async throws -> ArtifactContent {
        guard let entry = try await entry(file) else { throw notFound(file) }
        guard !entry.isDirectory else { throw ArtifactError(.wrongKind, "\(named(file)) is a folder") }
        // The clients write files; the copy lives as long as the stream that reads it.
        let folder = try TemporaryDirectory()
        let copy = folder.path.appending("file")
        try await client.fetch(file, to: copy, runner)
        let local = try await LocalFile.open(RelativePath("file"), in: folder.directory)
        let part = (range ?? 0..<local.size).clamped(to: 0..<local.size)
        return ArtifactContent(body: local.stream(part), length: Int64(part.count), totalSize: local.size)
    }

    package func write(_ file: RelativePath, _ content: ByteStream, length: Int64?) async throws {
        guard !file.isRoot else { throw ArtifactError(.wrongKind, "the root '\(location)' is a folder") }
        let folder = try TemporaryDirectory()
        try await LocalArtifactRepository(root: folder.path).write(RelativePath("file"), content, length: length)
        try await client.store(folder.path.appending("file"), as: file, runner)
    }

    package func delete(_ path: RelativePath) async throws {
        guard !path.isRoot else {
            throw ArtifactError(.invalidAddress, "the root '\(location)' itself is not deleted")
        }
        guard let entry = try await entry(path) else { return }
        try await client.delete(path, isDirectory: entry.isDirectory, runner)
    }

    func fetch(_ file: ArtifactEntry, to target: PartialFile, _ transfer: Transfer) async throws {
        let folder = try TemporaryDirectory(in: FilePath(target.folder))
        try await client.fetch(file.path, to: folder.path.appending("file"), runner)
        let copy = ArtifactEntry(path: try RelativePath("file"), isDirectory: false)
        try await LocalArtifactRepository(root: folder.path).fetch(copy, to: target, transfer)
    }

    func store(_ file: LocalFile, as path: RelativePath, _ transfer: Transfer) async throws {
        guard !path.isRoot else { throw ArtifactError(.wrongKind, "the root '\(location)' is a folder") }
        try await client.store(FilePath(file.shown), as: path, runner)
        try transfer.meter.add(bytes: Int(file.size))
    }

    package func download(_ path: RelativePath, into folder: Directory, _ transfer: Transfer) async throws -> FilePath {
        guard client.fetchesFolders, try await entry(path)?.isDirectory == true else {
            return try await TreeDownload(repository: self, folder: folder, transfer: transfer).run(path)
        }
        // One start of the client for the whole folder; then the same checks as for any other source.
        let holding = try TemporaryDirectory(in: folder.path)
        let name = path.lastComponent ?? "content"
        try await client.fetchFolder(path, to: holding.path.appending(name), runner)
        let local = LocalArtifactRepository(root: path.isRoot ? holding.path.appending(name) : holding.path)
        let brought = try path.isRoot ? RelativePath.root : RelativePath(name)
        return try await local.download(brought, into: folder, transfer)
    }
}

/// One line of a client's listing.
struct ToolEntry: Sendable, Hashable {
    var name: String
    var isDirectory: Bool
    var size: Int64?
}

/// How one kind of store is reached with its client.
protocol ArtifactClient: Sendable {
    var location: String { get }
    var canList: Bool { get }
    var fetchesFolders: Bool { get }

    /// The direct children; empty when nothing is there.
    func list(_ folder: RelativePath, _ runner: ToolRunner) async throws -> [ToolEntry]
    func fetch(_ file: RelativePath, to local: FilePath, _ runner: ToolRunner) async throws
    /// Makes `local`, which does not exist, a copy of a folder.
    func fetchFolder(_ folder: RelativePath, to local: FilePath, _ runner: ToolRunner) async throws
    func store(_ local: FilePath, as file: RelativePath, _ runner: ToolRunner) async throws
    func delete(_ path: RelativePath, isDirectory: Bool, _ runner: ToolRunner) async throws
}

extension ArtifactClient {
    var canList: Bool { true }
    var fetchesFolders: Bool { true }
}

func makeArtifactClient(_ uri: String) throws -> any ArtifactClient {
    switch ArtifactURI.schemeName(of: uri) {
    case "gs": return try GoogleStorageClient(uri)
    case "wasbs", "wasb", "abfss", "abfs": return try AzureStorageClient(uri)
    case "sftp": return try SFTPClient(uri)
    case "ftp", "ftps": return try FTPClient(uri)
    case "dbfs": return try DatabricksClient(uri)
    case "hdfs", "viewfs": return try HadoopClient(uri)
    default: throw ArtifactError(.unsupportedScheme, "'\(redactedURL(uri))' is reached through no client")
    }
}

/// Finds and runs the clients.
struct ToolRunner: Sendable {
    let environment: [String: String]
    let tools: any ProcessStarter

    /// The first of several programs that is installed.
    ///
    /// - Throws: `toolMissing`, naming them and how to get one.
    func find(_ names: [String], for what: String, install: String) throws -> (name: String, path: FilePath) {
        for name in names {
            if let path = findExecutable(name, searchPath: environment["PATH"]) { return (name, path) }
        }
        let list = names.map { "'\($0)'" }.joined(separator: " or ")
        throw ArtifactError(.toolMissing, "\(what) needs the program \(list), which is not on PATH", remedy: install)
    }

    /// Runs a client and returns its output.
    ///
    /// - Parameter isAbsence: whether a failure with this output means that nothing is there; then the result is `nil`.
    func run(
        _ program: (name: String, path: FilePath), _ arguments: [String], input: String? = nil, about what: String,
        isAbsence: (String) -> Bool = { _ in false }
    ) async throws -> String? {
        // Names come as UTF-8, and messages in the language we look for words in.
        let environment = environment.merging(["LC_ALL": "C.UTF-8"]) { $1 }
        let result = try await tools.runTool(
            program.path, arguments, environment: environment, workingDirectory: "/",
            standardInput: input.map { .bytes(Array($0.utf8)) } ?? .null, limit: 64 << 20)
        let output = String(decoding: result.output, as: UTF8.self)
        guard result.end.isSuccess else {
            let told = redactedText(result.lastLines.joined(separator: "\n"))
            if isAbsence(told + output) { return nil }
            throw ArtifactError(
                .toolFailed, "\(program.name) failed for \(what): \(told.isEmpty ? "no explanation" : told)",
                remedy: "check that \(program.name) works and is logged in")
        }
        guard !result.outputWasCut else {
            throw ArtifactError(.limit, "\(program.name) wrote more than 64 MiB for \(what)")
        }
        return output
    }
}
