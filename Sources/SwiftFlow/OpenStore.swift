import Diagnostics
import SQLiteStore
package import SystemPackage
package import Tracking

extension StoreLocation {
    /// Opens the store; a missing SQLite file is created.
    ///
    /// - Parameter workingDirectory: below it, in `mlruns`, new experiments of a SQLite store keep their artifacts.
    package func open(environment: [String: String], workingDirectory: FilePath) async throws -> any TrackingStore {
        switch self {
        case .sqlite(let path):
            return try await SQLiteStore.open(
                path, options: SQLiteStore.Options(workingDirectory: workingDirectory, environment: environment))
        case .server(let url):
            throw InvalidInput(
                "recording on the tracking server '\(redactedURL(url))' is not possible yet",
                remedy: "use a SQLite store: MLFLOW_TRACKING_URI=sqlite:///mlflow.db")
        }
    }
}
