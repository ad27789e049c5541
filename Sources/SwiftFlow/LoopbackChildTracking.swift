import Diagnostics
import Execution
import Server
import SystemPackage

/// Serves the store to a command over MLflow's REST API on a port of its own, with a token nobody else knows.
///
/// It listens on the loopback address, or where the backend's jobs can reach it, such as the engine's bridge; nowhere else.
///
/// So a project pinned to any MLflow version logs into the same store, and there is one writer.
struct LoopbackChildTracking: ChildTracking {
    let store: OnceOpened
    /// Artifacts are served from `mlruns` and `mlartifacts` in it, MLflow's own names, and from nowhere else.
    let workingDirectory: FilePath

    func open(for reach: TrackingReach) async throws -> ChildTrackingAccess {
        if case .none(let reason) = reach {
            throw InvalidInput(
                "the run's store is a file of this machine, which its job cannot reach: \(reason)",
                remedy:
                    "start 'swiftflow server' where the job can reach it, and set MLFLOW_TRACKING_URI to its address"
            )
        }
        let roots = ArtifactRoots(
            served: workingDirectory.appending("mlartifacts"), local: [workingDirectory.appending("mlruns")])
        var place = (address: "127.0.0.1", host: "127.0.0.1")
        if case .address(let bind, let host) = reach { place = (bind, host) }
        let endpoint = try TrackingEndpoint(
            store: try await store.get(), address: place.address, host: place.host,
            settings: ServerSettings(artifactRoots: roots))
        return ChildTrackingAccess(
            variables: [
                "MLFLOW_TRACKING_URI": endpoint.uri, "MLFLOW_TRACKING_TOKEN": endpoint.token,
                // Python's client prefers a name and password to a token, also those of ~/.mlflow/credentials; so it gets both.
                "MLFLOW_TRACKING_USERNAME": "swiftflow", "MLFLOW_TRACKING_PASSWORD": endpoint.token,
                // The client would print links to an address that is gone when anybody reads them.
                "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
            ],
            // They belong to a server elsewhere, and would keep the client from talking to ours.
            removedVariables: [
                "MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4", "MLFLOW_TRACKING_INSECURE_TLS",
                "MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_CLIENT_CERT_PATH",
            ],
            close: { await endpoint.close() })
    }
}
