import Diagnostics
import Files
import FoundationEssentials
import SystemPackage

/// Google Cloud Storage through `gcloud storage`, else gsutil; both take the same words.
struct GoogleStorageClient: ArtifactClient {
    private let root: String
    var location: String { root }

    init(_ uri: String) throws {
        try refuseWildcards(uri)
        root = uri.hasSuffix("/") ? String(uri.dropLast()) : uri
        guard uri.lowercased().hasPrefix("gs://"), root.utf8.count > 5 else {
            throw ArtifactError(.invalidAddress, "'\(uri)' names no bucket", remedy: "write gs://BUCKET/PATH")
        }
    }

    func list(_ folder: RelativePath, _ runner: ToolRunner) async throws -> [ToolEntry] {
        let url = try url(folder) + "/"
        let output = try await run(["ls", "-l", url], runner, about: url, isAbsence: Self.isAbsence)
        return (output ?? "").split(whereSeparator: \.isNewline).compactMap { line in
            // `        12  2026-11-21T08:40:00Z  gs://bucket/a/b`, `   gs://bucket/a/c/`, `TOTAL: …`
            guard let start = line.firstRange(of: "gs://") else { return nil }
            let listed = line[start.lowerBound...]
            guard listed.hasPrefix(url), listed.count > url.count, !listed.hasSuffix(":") else { return nil }
            let name = listed.dropFirst(url.count)
            let size = line[..<start.lowerBound].split(separator: " ").first.flatMap { Int64($0) }
            return name.hasSuffix("/")
                ? ToolEntry(name: String(name.dropLast()), isDirectory: true)
                : ToolEntry(name: String(name), isDirectory: false, size: size)
        }
    }

    func fetch(_ file: RelativePath, to local: FilePath, _ runner: ToolRunner) async throws {
        _ = try await run(["cp", try url(file), local.string], runner, about: try url(file))
    }

    func fetchFolder(_ folder: RelativePath, to local: FilePath, _ runner: ToolRunner) async throws {
        try makeFolders(local)
        // With the wildcard the content comes, without the folder around it.
        _ = try await run(["cp", "-r", try url(folder) + "/*", local.string], runner, about: try url(folder))
    }

    func store(_ local: FilePath, as file: RelativePath, _ runner: ToolRunner) async throws {
        _ = try await run(["cp", local.string, try url(file)], runner, about: try url(file))
    }

    func delete(_ path: RelativePath, isDirectory: Bool, _ runner: ToolRunner) async throws {
        let arguments = isDirectory ? ["rm", "-r", try url(path)] : ["rm", try url(path)]
        _ = try await run(arguments, runner, about: try url(path), isAbsence: Self.isAbsence)
    }

    private static func isAbsence(_ output: String) -> Bool {
        output.contains("matched no objects") || output.contains("No URLs matched") || output.contains("404")
    }

    private func url(_ path: RelativePath) throws -> String {
        try refuseWildcards(path.string)
        return path.isRoot ? root : "\(root)/\(path.string)"
    }

    private func run(
        _ arguments: [String], _ runner: ToolRunner, about url: String, isAbsence: (String) -> Bool = { _ in false }
    ) async throws -> String? {
        let program = try runner.find(
            ["gcloud", "gsutil"], for: "'\(root)'",
            install: "install the Google Cloud CLI (https://cloud.google.com/sdk), then: gcloud auth login")
        let first = program.name == "gcloud" ? ["storage"] : ["-q"]
        return try await runner.run(program, first + arguments, about: "'\(url)'", isAbsence: isAbsence)
    }
}

/// Azure Blob Storage and Data Lake through `az`.
struct AzureStorageClient: ArtifactClient {
    private let container: String
    private let account: String
    private let endpoint: String
    private let prefix: String
    let location: String

    init(_ uri: String) throws {
        location = uri
        let rest = uri[(uri.firstRange(of: "://")?.upperBound ?? uri.endIndex)...]
        let authority = rest.prefix { $0 != "/" }.split(separator: "@", omittingEmptySubsequences: false)
        let isName: (Substring) -> Bool = { text in
            !text.isEmpty && !text.hasPrefix("-")
                && text.utf8.allSatisfy {
                    (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || [0x24, 0x2D, 0x2E].contains($0)
                }
        }
        guard authority.count == 2, isName(authority[0]), isName(authority[1]),
            let account = authority[1].split(separator: ".").first
        else {
            throw ArtifactError(
                .invalidAddress, "'\(uri)' does not name an Azure container",
                remedy: "write wasbs://CONTAINER@ACCOUNT.blob.core.windows.net/PATH")
        }
        container = String(authority[0])
        self.account = String(account)
        // A Data Lake account answers as blob storage too.
        endpoint = "https://" + authority[1].replacing(".dfs.", with: ".blob.")
        let path = rest.drop { $0 != "/" }.drop { $0 == "/" }
        prefix = path.hasSuffix("/") ? String(path.dropLast()) : String(path)
    }

    func list(_ folder: RelativePath, _ runner: ToolRunner) async throws -> [ToolEntry] {
        struct Blob: Decodable {
            struct Properties: Decodable {
                var contentLength: Int64?
            }
            var name: String
            var properties: Properties?
        }
        let prefix = name(folder).isEmpty ? "" : name(folder) + "/"
        let output = try await run(
            ["list", "--container-name=\(container)", "--prefix=\(prefix)", "--delimiter=/", "--num-results=*"], runner,
            about: folder)
        guard let blobs = try? JSONDecoder().decode([Blob].self, from: Data((output ?? "").utf8)) else {
            throw ArtifactError(.toolFailed, "az did not answer a listing of '\(location)' with JSON")
        }
        return try blobs.compactMap { blob in
            guard blob.name.hasPrefix(prefix) else {
                throw ArtifactError(
                    .untrustedAnswer, "the listing of '\(location)' has the foreign name '\(blob.name)'")
            }
            let name = blob.name.dropFirst(prefix.count)
            guard !name.isEmpty else { return nil }
            return name.hasSuffix("/")
                ? ToolEntry(name: String(name.dropLast()), isDirectory: true)
                : ToolEntry(name: String(name), isDirectory: false, size: blob.properties?.contentLength)
        }
    }

    var fetchesFolders: Bool { false }

    func fetch(_ file: RelativePath, to local: FilePath, _ runner: ToolRunner) async throws {
        _ = try await run(
            ["download", "--container-name=\(container)", "--name=\(name(file))", "--file=\(local)", "--no-progress"],
            runner, about: file)
    }

    func fetchFolder(_ folder: RelativePath, to local: FilePath, _ runner: ToolRunner) async throws {}

    func store(_ local: FilePath, as file: RelativePath, _ runner: ToolRunner) async throws {
        _ = try await run(
            [
                "upload", "--container-name=\(container)", "--name=\(name(file))", "--file=\(local)",
                "--overwrite=true",
                "--no-progress",
            ], runner, about: file)
    }

    func delete(_ path: RelativePath, isDirectory: Bool, _ runner: ToolRunner) async throws {
        guard isDirectory else {
            _ = try await run(
                ["delete", "--container-name=\(container)", "--name=\(name(path))"], runner, about: path,
                isAbsence: { $0.contains("BlobNotFound") })
            return
        }
        for entry in try await list(path, runner) {
            try await delete(path.appending(entry.name), isDirectory: entry.isDirectory, runner)
        }
    }

    private func name(_ path: RelativePath) -> String {
        [prefix, path.isRoot ? "" : path.string].filter { !$0.isEmpty }.joined(separator: "/")
    }

    private func run(
        _ arguments: [String], _ runner: ToolRunner, about path: RelativePath,
        isAbsence: (String) -> Bool = { _ in false }
    ) async throws -> String? {
        let program = try runner.find(
            ["az"], for: "'\(location)'", install: "install the Azure CLI (https://aka.ms/azure-cli), then: az login")
        // az reads AZURE_STORAGE_KEY, _SAS_TOKEN and _CONNECTION_STRING itself; without them the login counts.
        let secrets = ["AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_CONNECTION_STRING"]
        var account = ["--output=json", "--only-show-errors"]
        if !secrets.contains(where: { runner.environment[$0]?.isEmpty == false }) {
            account.append("--auth-mode=login")
        }
        if runner.environment["AZURE_STORAGE_CONNECTION_STRING"]?.isEmpty != false {
            account += ["--account-name=\(self.account)", "--blob-endpoint=\(endpoint)"]
        }
        return try await runner.run(
            program, ["storage", "blob"] + arguments + account, about: "'\(path)' of '\(location)'",
            isAbsence: isAbsence)
    }
}

/// What a client would take for a pattern is refused.
private func refuseWildcards(_ text: String) throws(ArtifactError) {
    if let wildcard = text.first(where: { "*?[]{}".contains($0) }) {
        throw ArtifactError(
            .invalidAddress, "'\(text)' has the character '\(wildcard)', which the store's client takes for a pattern",
            remedy: "rename the artifact")
    }
}
