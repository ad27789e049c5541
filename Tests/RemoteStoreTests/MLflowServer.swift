import Files
import Glibc
import Processes
import Synchronization
import SystemPackage
import TestSupport

@testable import SQLiteStore

/// A real `mlflow server` over a SQLite file, from the virtual environment that `SWIFTFLOW_TEST_MLFLOW` names.
struct MLflowServer: Sendable {
    let url: String
    private let folder: TemporaryDirectory
    private let process: any RunningProcess
    /// The tables that a new file has rows in, apart from `experiments`: they are left alone.
    private let initialTables: Set<String>

    static var python: FilePath? {
        guard let folder = environmentVariable("SWIFTFLOW_TEST_MLFLOW") else { return nil }
        let path = FilePath(folder).appending("bin/python")
        return fileStatus(path) == nil ? nil : path
    }

    /// Whether tests against it run: always where engines are required, so that a missing one fails them.
    static var isWanted: Bool { python != nil || environmentVariable("SWIFTFLOW_REQUIRE_ENGINES") == "1" }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Starts a server and returns when it serves.
    static func start() async throws -> MLflowServer {
        guard let python else {
            throw Failure(description: "SWIFTFLOW_TEST_MLFLOW names no virtual environment; run 'make test-tools'")
        }
        let folder = try TemporaryDirectory(prefix: "swiftflow-mlflow")
        let port = try freePort()
        let seen = Mutex<[UInt8]>([])
        let (started, start) = AsyncStream.makeStream(of: Bool.self)
        let process = try await Keeper.launch().start(
            ProcessSpecification(
                executable: python,
                arguments: [
                    "-m", "mlflow", "server", "--backend-store-uri", "sqlite:///\(databasePath(folder))",
                    "--default-artifact-root", folder.path.appending("artifacts").string, "--host", "127.0.0.1",
                    "--port", String(port), "--workers", "1",
                ],
                environment: [
                    "PATH": "/usr/bin:/bin", "HOME": folder.path.string, "TMPDIR": folder.path.string,
                    "LANG": "C.UTF-8",
                    "DO_NOT_TRACK": "true",
                    "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONDONTWRITEBYTECODE": "1", "GIT_PYTHON_REFRESH": "quiet",
                ],
                workingDirectory: folder.path,
                output: OutputHandling { _, bytes in
                    let text = seen.withLock { seen in
                        unsafe bytes.withUnsafeBytes { unsafe seen.append(contentsOf: $0) }
                        return String(decoding: seen, as: UTF8.self)
                    }
                    if text.contains("Application startup complete") { start.yield(true) }
                }))
        let watcher = Task {
            _ = await process.wait()
            start.yield(false)
        }
        defer { watcher.cancel() }
        for await isServing in started {
            guard isServing else {
                throw Failure(
                    description: "mlflow server ended:\n\(seen.withLock { String(decoding: $0, as: UTF8.self) })")
            }
            break
        }
        let initial = try await withDatabase(folder) { store in
            try await store.read { connection in
                Set(try connection.tables().filter { try connection.exists("SELECT 1 FROM \"\($0)\"") })
            }
        }
        return MLflowServer(
            url: "http://127.0.0.1:\(port)", folder: folder, process: process,
            initialTables: initial.subtracting(["experiments"]))
    }

    func stop() async {
        await process.stop(grace: .zero)
        _ = await process.wait()
    }

    /// Takes the store back to what a new one holds, which is much quicker than another server.
    func reset() async throws {
        try await Self.withDatabase(folder) { store in
            try await store.write { connection in
                try connection.run("PRAGMA defer_foreign_keys = ON")
                for table in try connection.tables() where !initialTables.contains(table) {
                    try connection.run(
                        "DELETE FROM \"\(table)\"\(table == "experiments" ? " WHERE experiment_id != 0" : "")")
                }
            }
        }
    }

    private static func databasePath(_ folder: TemporaryDirectory) -> String {
        folder.path.appending("mlflow.db").string
    }

    private static func withDatabase<T: Sendable>(
        _ folder: TemporaryDirectory, _ body: (SQLiteStore) async throws -> T
    ) async throws -> T {
        let store = try await SQLiteStore.open(
            FilePath(databasePath(folder)), options: SQLiteStore.Options(workingDirectory: folder.path))
        do {
            let result = try await body(store)
            await store.close()
            return result
        } catch {
            await store.close()
            throw error
        }
    }
}

extension Connection {
    fileprivate func tables() throws -> [String] {
        try all("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'") { $0.text(0) }
    }
}
