import Files
import Foundation
import Processes
import SystemPackage
import TestSupport
import Testing

@testable import Artifacts

/// The whole MLflow, which has a server; the small one among the test tools has none.
private let mlflow = environmentVariable("SWIFTFLOW_TEST_MLFLOW").map { "\($0)/bin/mlflow" }
private let isRequired = environmentVariable("SWIFTFLOW_REQUIRE_ENGINES") == "1"

@Suite(.timeLimit(.minutes(10)), .enabled(if: mlflow != nil || isRequired))
struct `artifacts behind MLflow's own server` {
    @Test func `the conformance kit passes`() async throws {
        try await withDownloads(stall: .seconds(30)) { folder, http in
            let keeper = Keeper(executable: try BuiltProducts.path("swiftflow-keeper"))
            let port = try freePort()
            let server = try await ServerProcess(
                try #require(mlflow, "SWIFTFLOW_TEST_MLFLOW is not set"),
                [
                    "server", "--host", "127.0.0.1", "--port", String(port), "--workers", "1", "--backend-store-uri",
                    "sqlite:///\(folder.path)/mlflow.db", "--artifacts-destination", "\(folder.path)/artifacts",
                ], port: port,
                // It leaves a lock there.
                environment: ProcessInfo.processInfo.environment.merging(["TMPDIR": folder.path.string]) { $1 },
                folder: folder.path, starter: keeper, patience: .seconds(500))
            let repository = try MLflowArtifactsRepository(
                "mlflow-artifacts:/1/run/artifacts", server: "http://127.0.0.1:\(port)", environment: [:], http: http)
            do {
                try await ArtifactRepositoryKit(
                    repository, scratch: folder.path.appending("scratch"),
                    // MLflow refuses '#' in paths, and reads '%' a second time.
                    names: ArtifactRepositoryKit.ordinaryNames.filter { !$0.contains("#") && !$0.contains("%") }
                ).run()
            } catch {
                Issue.record("\(error)\nThe server: \(server.log)")
            }
            await server.stop()
        }
    }
}
