package import Artifacts
import Tracking

/// The stores of runs and models behind a tracking server, MLflow's or ours, over MLflow's REST API.
///
/// How it works, from the bottom: `HTTP/` sends one call, tries it again where that is safe, and turns whatever comes back into an
/// `AnswerMessage` or a `TrackingError`; `Answers/` reads the vocabulary of Tracking from such messages; `Calls/` holds the operations,
/// one file per area. Values are checked by Tracking's own rules before anything is sent, so that every store refuses the same things
/// in the same words.
///
/// What the API has no single call for is several calls here, in an order in which none of the states between them is a lie: see
/// `createRun` and `updateRun`.
///
/// A write that was begun is not abandoned when its task is cancelled; but then it is given up after `ServerConnection.graceAfterCancellation`.
package struct RemoteStore: Sendable {
    var server: ServerConnection
    let longValues: LongValues

    /// Where the store is, for messages: without secrets.
    package var location: String { server.base.description }

    /// Prepares a store; nothing is sent before its first use.
    ///
    /// - Parameters:
    ///   - url: the tracking server's address; a name and password in it are used when the environment has none, and never shown.
    ///   - environment: credentials, TLS options, proxies, time limit and retries (`MLFLOW_TRACKING_*`, `MLFLOW_HTTP_REQUEST_*`).
    ///   - http: connections to share; the store does not end them. Without it the store has its own, which `close()` ends.
    /// - Throws: `InvalidInput` or `ArtifactError` for an address or settings that cannot be used.
    package init(_ url: String, environment: [String: String], http: OutgoingHTTP? = nil) throws {
        server = try ServerConnection(url, environment: environment, http: http)
        longValues = LongValues(environment: environment)
    }

    /// Prepares a store as `init` does, also with the name and password of `~/.mlflow/credentials`, which MLflow's clients use.
    package static func open(
        _ url: String, environment: [String: String], http: OutgoingHTTP? = nil
    ) async throws -> RemoteStore {
        let complete = try await CredentialsFile.completing(environment)
        return try RemoteStore(url, environment: complete, http: http)
    }

    package func close() async {
        await server.close()
    }
}

extension RemoteStore: TrackingStore, ModelRegistryStore, LoggedModelStore {}
