import Diagnostics
import SQLiteStore
package import SystemPackage
package import Tracking

/// The store behind a server.
package struct ServedStore: Sendable {
    package let store: any TrackingStore
    /// Why nothing can be written any more, once that is so: the server should end.
    package let failure: @Sendable () -> TrackingError?
}

extension StoreLocation {
    /// Opens the store for a server; a missing SQLite file is created.
    ///
    /// - Parameter artifactRoot: the location below which new experiments get theirs.
    package func openForServing(
        artifactRoot: String, environment: [String: String], workingDirectory: FilePath
    ) async throws -> ServedStore {
        switch self {
        case .sqlite(let path):
            let store = try await SQLiteStore.open(
                path,
                options: SQLiteStore.Options(
                    workingDirectory: workingDirectory, artifactRoot: artifactRoot, environment: environment))
            return ServedStore(store: store) { store.failure }
        case .server(let url):
            throw UsageError(
                "'\(redactedURL(url))' is a server itself, not a store",
                remedy: "give --backend-store-uri the file of a store: sqlite:///mlflow.db")
        }
    }
}
