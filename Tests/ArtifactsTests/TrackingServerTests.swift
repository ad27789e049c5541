import Files
import Foundation
import Processes
import SystemPackage
import TestSupport
import Testing

@testable import Artifacts

/// The whole MLflow has a server; the small one that `make` installs for tests has not.
///
/// So this runs where the former is the tools folder.
private func hasMLflowServer() -> Bool {
    guard let program = findEngine("mlflow"),
        let library = try? Directory(opening: program.removingLastComponent().removingLastComponent().appending("lib"))
    else { return false }
    return ((try? library.list()) ?? []).contains { entry in
        fileStatus(library.path.appending(entry.name).appending("site-packages").appending("flask")) != nil
    }
}

@Suite(.timeLimit(.minutes(5)), .enabled(if: hasMLflowServer())) struct `artifacts behind MLflow's own server` {
    @Test func `the conformance kit passes`() async throws {
        try await withDownloads(stall: .seconds(30)) { folder, http in
            let keeper = Keeper(executable: try BuiltProducts.path("swiftflow-keeper"))
            let port = try freePort()
            let server = try await ServerProcess(
                "mlflow",
                [
                    "server", "--host", "127.0.0.1", "--port", String(port), "--workers", "1", "--backend-store-uri",
                    "sqlite:///\(folder.path)/mlflow.db", "--artifacts-destination", "\(folder.path)/artifacts",
                ], port: port, environment: ProcessInfo.processInfo.environment, folder: folder.path, starter: keeper,
                patience: .seconds(120))
            let repository = try MLflowArtifactsRepository(
                "mlflow-artifacts:/1/run/artifacts", server: "http://127.0.0.1:\(port)", environment: [:], http: http)
            try await ArtifactRepositoryKit(
                repository, scratch: folder.path.appending("scratch"),
                // MLflow refuses '#' in paths, and reads '%' a second time.
                names: ArtifactRepositoryKit.ordinaryNames.filter { !$0.contains("#") && !$0.contains("%") }
            ).run()
            await server.stop()
        }
    }
}
