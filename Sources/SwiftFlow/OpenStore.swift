package import Artifacts
import RemoteStore
import SQLiteStore
package import SystemPackage
package import Tracking

extension StoreLocation {
    /// Opens the store; a missing SQLite file is created.
    ///
    /// - Parameter workingDirectory: below it, in `mlruns`, new experiments of a SQLite store keep their artifacts.
    package func open(
        environment: [String: String], workingDirectory: FilePath, http: OutgoingHTTP
    ) async throws -> any TrackingStore {
        switch self {
        case .sqlite(let path):
            return try await SQLiteStore.open(
                path, options: SQLiteStore.Options(workingDirectory: workingDirectory, environment: environment))
        case .server(let url):
            return try await RemoteStore.open(url, environment: environment, http: http)
        }
    }
}
