import Files
import Processes
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Server

/// The real MLflow client, from a virtual environment that `make` creates.
enum PythonClient: String, CaseIterable, CustomTestStringConvertible {
    case mlflow3 = "SWIFTFLOW_TEST_TOOLS"
    case mlflow2 = "SWIFTFLOW_TEST_MLFLOW2"
    /// With everything that MLflow brings along, scikit-learn among it; slow to load.
    case completeMLflow = "SWIFTFLOW_TEST_MLFLOW"

    var testDescription: String { "\(self)" }

    var python: FilePath? {
        guard let folder = environmentVariable(rawValue) else { return nil }
        let path = FilePath(folder).appending("bin/python")
        return fileStatus(path) == nil ? nil : path
    }

    /// The light ones that are there; all of them where engines are required, so that a missing one fails.
    static var available: [PythonClient] { present(among: [.mlflow3, .mlflow2]) }

    static func present(among wanted: [PythonClient]) -> [PythonClient] {
        environmentVariable("SWIFTFLOW_REQUIRE_ENGINES") == "1" ? wanted : wanted.filter { $0.python != nil }
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Runs a script of `Tests/Conformance` against an endpoint; it must say `OK` at its end.
    func run(
        _ script: String, against endpoint: TrackingEndpoint, in folder: FilePath, variables: [String: String] = [:]
    ) async throws {
        let address = ["MLFLOW_TRACKING_URI": endpoint.uri, "MLFLOW_TRACKING_TOKEN": endpoint.token]
        try await run(script, in: folder, variables: address.merging(variables) { $1 })
    }

    func run(_ script: String, in folder: FilePath, variables: [String: String]) async throws {
        guard let python else {
            throw Failure(description: "\(rawValue) names no virtual environment; run 'make test-tools'")
        }
        let scripts = FilePath(#filePath).removingLastComponent().removingLastComponent().appending("Conformance")
        var environment = [
            "PATH": "/usr/bin:/bin", "HOME": folder.string, "TMPDIR": folder.string, "LANG": "C.UTF-8",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "PYTHONDONTWRITEBYTECODE": "1", "GIT_PYTHON_REFRESH": "quiet",
        ]
        environment.merge(variables) { $1 }
        let seen = Mutex<[UInt8]>([])
        let keeper = try Keeper.launch()
        let process = try await keeper.start(
            ProcessSpecification(
                executable: python, arguments: [scripts.appending(script).string], environment: environment,
                workingDirectory: folder,
                output: OutputHandling { _, bytes in
                    seen.withLock { seen in
                        unsafe bytes.withUnsafeBytes { unsafe seen.append(contentsOf: $0) }
                    }
                }))
        let end = await process.wait()
        let output = seen.withLock { String(decoding: $0, as: UTF8.self) }
        guard end.isSuccess, output.hasSuffix("OK\n") else {
            throw Failure(description: "\(script) failed (\(end.termination)):\n\(output)")
        }
    }
}
