package import Artifacts
package import Files
import Foundation
import NIOHTTP1
package import Processes

/// moto, a real S3 and STS of its own on loopback, with a bucket `artifacts`.
package struct S3Server: Sendable {
    /// The variables that lead a client there.
    package let environment: [String: String]
    /// Its address.
    package let endpoint: String
    private let process: ServerProcess

    package init(folder: TemporaryDirectory, starter: any ProcessStarter, http: OutgoingHTTP) async throws {
        let port = try freePort()
        process = try await ServerProcess(
            "moto_server", ["-H", "127.0.0.1", "-p", String(port)], port: port,
            environment: ProcessInfo.processInfo.environment, folder: folder.path, starter: starter,
            patience: .seconds(300))
        endpoint = "http://127.0.0.1:\(port)"
        environment = [
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "HOME": "/nonexistent",
            "MLFLOW_S3_ENDPOINT_URL": endpoint, "AWS_ENDPOINT_URL_STS": endpoint,
        ]
        // moto asks nobody who he is.
        let url = try HTTPURL("\(endpoint)/artifacts")
        let made = try await http.send(OutgoingRequest(.PUT, url))
        _ = try await made.collectedBody(limit: 1 << 20, from: url)
        guard made.status == .ok else { throw FixtureFailure("no bucket could be made: \(made.status)") }
    }

    package func stop() async { await process.stop() }
}
