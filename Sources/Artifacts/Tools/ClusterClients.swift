import Diagnostics
import Files
import FoundationEssentials
import SystemPackage

/// Databricks' file system through the databricks command.
struct DatabricksClient: ArtifactClient {
    private let root: String
    var location: String { root }

    init(_ uri: String) throws {
        let path = uri.dropFirst("dbfs:".count)
        guard path.hasPrefix("/"), !path.hasPrefix("//") else {
            throw ArtifactError(
                .invalidAddress, "'\(redactedURL(uri))' does not name a path", remedy: "write dbfs:/PATH")
        }
        root = uri.hasSuffix("/") ? String(uri.dropLast()) : uri
    }

    func list(_ folder: RelativePath, _ runner: ToolRunner) async throws -> [ToolEntry] {
        struct File: Decodable {
            var name: String
            var is_directory: Bool
            var size: Int64?
        }
        guard
            let output = try await run(
                ["ls", url(folder), "--long", "--output=json"], runner,
                isAbsence: { $0.contains("no such") || $0.contains("not a directory") })
        else { return [] }
        guard let files = try? JSONDecoder().decode([File].self, from: Data(output.utf8)) else {
            throw ArtifactError(.toolFailed, "databricks did not answer a listing of '\(location)' with JSON")
        }
        return files.map { ToolEntry(name: $0.name, isDirectory: $0.is_directory, size: $0.size) }
    }

    func fetch(_ file: RelativePath, to local: FilePath, _ runner: ToolRunner) async throws {
        _ = try await run(["cp", url(file), local.string], runner)
    }

    func fetchFolder(_ folder: RelativePath, to local: FilePath, _ runner: ToolRunner) async throws {
        _ = try await run(["cp", url(folder), local.string, "--recursive"], runner)
    }

    func store(_ local: FilePath, as file: RelativePath, _ runner: ToolRunner) async throws {
        _ = try await run(["mkdir", url(file.parent)], runner)
        _ = try await run(["cp", local.string, url(file), "--overwrite"], runner)
    }

    func delete(_ path: RelativePath, isDirectory: Bool, _ runner: ToolRunner) async throws {
        _ = try await run(
            ["rm", url(path)] + (isDirectory ? ["--recursive"] : []), runner, isAbsence: { $0.contains("no such") })
    }

    private func url(_ path: RelativePath) -> String { path.isRoot ? root : "\(root)/\(path.string)" }

    private func run(
        _ arguments: [String], _ runner: ToolRunner, isAbsence: (String) -> Bool = { _ in false }
    ) async throws -> String? {
        let program = try runner.find(
            ["databricks"], for: "'\(root)'",
            install:
                "install the Databricks CLI (https://docs.databricks.com/dev-tools/cli), then: databricks configure")
        return try await runner.run(program, ["fs"] + arguments, about: "'\(location)'", isAbsence: isAbsence)
    }
}

/// Hadoop's file system through `hdfs dfs`.
struct HadoopClient: ArtifactClient {
    private let root: String
    var location: String { redactedURL(root) }

    init(_ uri: String) throws {
        guard uri.contains(":/"), !uri.contains(where: { "*?[]{}".contains($0) }) else {
            throw ArtifactError(
                .invalidAddress, "'\(redactedURL(uri))' does not name a path, or has a wildcard",
                remedy: "write hdfs://HOST:PORT/PATH")
        }
        root = uri.hasSuffix("/") ? String(uri.dropLast()) : uri
    }

    func list(_ folder: RelativePath, _ runner: ToolRunner) async throws -> [ToolEntry] {
        let output = try await run(
            ["-ls", url(folder)], runner, isAbsence: { $0.contains("No such file or directory") })
        return (output ?? "").split(whereSeparator: \.isNewline).compactMap { line in
            // -rw-r--r--   3 user group       1234 2026-11-21 08:40 hdfs://host/path/name with blanks
            guard let kind = line.first, kind == "-" || kind == "d" else { return nil }
            let fields = line.split(separator: " ", maxSplits: 7)
            guard fields.count == 8, let slash = fields[7].lastIndex(of: "/") else { return nil }
            let name = String(fields[7][fields[7].index(after: slash)...])
            // Of a file, `-ls` lists the file itself.
            if kind == "-", name == folder.lastComponent, fields[7].hasSuffix("/\(folder.string)"),
                !fields[7].hasSuffix("/\(folder.string)/\(name)")
            {
                return nil
            }
            return ToolEntry(name: name, isDirectory: kind == "d", size: Int64(fields[4]))
        }
    }

    func fetch(_ file: RelativePath, to local: FilePath, _ runner: ToolRunner) async throws {
        _ = try await run(["-get", url(file), local.string], runner)
    }

    func fetchFolder(_ folder: RelativePath, to local: FilePath, _ runner: ToolRunner) async throws {
        _ = try await run(["-get", url(folder), local.string], runner)
    }

    func store(_ local: FilePath, as file: RelativePath, _ runner: ToolRunner) async throws {
        _ = try await run(["-mkdir", "-p", url(file.parent)], runner)
        _ = try await run(["-put", "-f", local.string, url(file)], runner)
    }

    func delete(_ path: RelativePath, isDirectory: Bool, _ runner: ToolRunner) async throws {
        _ = try await run(["-rm", "-f"] + (isDirectory ? ["-r"] : []) + [url(path)], runner)
    }

    private func url(_ path: RelativePath) -> String { path.isRoot ? root : "\(root)/\(path.string)" }

    private func run(
        _ arguments: [String], _ runner: ToolRunner, isAbsence: (String) -> Bool = { _ in false }
    ) async throws -> String? {
        let program = try runner.find(
            ["hdfs"], for: "'\(location)'", install: "install Hadoop's client and put its bin folder on PATH")
        return try await runner.run(program, ["dfs"] + arguments, about: "'\(location)'", isAbsence: isAbsence)
    }
}

/// Single files over ftp through curl.
struct FTPClient: ArtifactClient {
    private let root: String
    let location: String
    var canList: Bool { false }
    var fetchesFolders: Bool { false }

    init(_ uri: String) throws {
        guard uri.contains("://"), !uri.utf8.contains(where: { $0 <= 0x20 || $0 == 0x22 || $0 == 0x5C || $0 == 0x7F })
        else {
            throw ArtifactError(
                .invalidAddress, "'\(redactedURL(uri))' is not an ftp address", remedy: "write ftp://HOST/PATH")
        }
        root = uri.hasSuffix("/") ? String(uri.dropLast()) : uri
        location = redactedURL(uri)
    }

    func list(_ folder: RelativePath, _ runner: ToolRunner) async throws -> [ToolEntry] {
        throw ArtifactError(
            .wrongKind, "'\(location)' is reached over ftp, which brings single files only", remedy: "name one file")
    }

    func fetch(_ file: RelativePath, to local: FilePath, _ runner: ToolRunner) async throws {
        try await run(["output = \"\(local)\""], file, runner)
    }

    func fetchFolder(_ folder: RelativePath, to local: FilePath, _ runner: ToolRunner) async throws {}

    func store(_ local: FilePath, as file: RelativePath, _ runner: ToolRunner) async throws {
        try await run(["upload-file = \"\(local)\"", "ftp-create-dirs"], file, runner)
    }

    func delete(_ path: RelativePath, isDirectory: Bool, _ runner: ToolRunner) async throws {
        throw ArtifactError(.denied, "nothing is deleted over ftp ('\(location)')")
    }

    private func run(_ settings: [String], _ file: RelativePath, _ runner: ToolRunner) async throws {
        let program = try runner.find(["curl"], for: "'\(location)'", install: "install curl: apt install curl")
        let path = file.components.map { percentEncoded($0) }.joined(separator: "/")
        // The address may hold a password: it goes through standard input, not through the list of processes.
        let config = ["url = \"\(path.isEmpty ? root : "\(root)/\(path)")\""] + settings
        let arguments = [
            "--fail", "--silent", "--show-error", "--globoff", "--proto", "=ftp,ftps", "--connect-timeout", "10",
            "--speed-time", "30", "--speed-limit", "32", "--config", "-",
        ]
        _ = try await runner.run(
            program, arguments, input: config.joined(separator: "\n") + "\n", about: "'\(file)' of '\(location)'")
    }
}
