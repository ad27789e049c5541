import Diagnostics
import Files
package import SQLiteStore
package import SystemPackage

/// The verbs that care for a store's file: they work where the file is, not through a server.
package struct StoreMaintenance: Sendable {
    /// The file of the store.
    package let path: FilePath
    let trackingURI: String?
    let environment: [String: String]
    let workingDirectory: FilePath

    /// - Parameters:
    ///   - backendStoreURI: nil for `MLFLOW_BACKEND_STORE_URI`, else `MLFLOW_TRACKING_URI` where it names a file, else `sqlite:///mlflow.db`.
    ///   - trackingURI: the server behind which artifacts may be; nil for `MLFLOW_TRACKING_URI`.
    /// - Throws: `InvalidInput` for a store that is no file.
    package init(
        backendStoreURI: String?, trackingURI: String? = nil, environment: [String: String], workingDirectory: FilePath
    ) throws {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        let server = trackingURI ?? value("MLFLOW_TRACKING_URI")
        let file = server.flatMap { $0.lowercased().hasPrefix("sqlite:") ? $0 : nil }
        let uri = backendStoreURI ?? value("MLFLOW_BACKEND_STORE_URI") ?? file ?? "sqlite:///mlflow.db"
        let location = try StoreLocation(uri, environment: environment, workingDirectory: workingDirectory)
        guard case .sqlite(let path) = location else {
            throw InvalidInput(
                "'\(redactedURL(uri))' is a server; this is done to the file of a store",
                remedy: "run it where the file is, and name it as sqlite:///FILE")
        }
        self.path = path
        self.trackingURI = server.flatMap { $0 == file ? nil : $0 }
        self.environment = environment
        self.workingDirectory = workingDirectory
    }

    private var options: SQLiteStore.Options {
        SQLiteStore.Options(workingDirectory: workingDirectory, environment: environment, createsFile: false)
    }

    /// Opens the store, which must be there, for the length of `body`.
    package func withStore<Result>(_ body: (SQLiteStore) async throws -> Result) async throws -> Result {
        let store = try await SQLiteStore.open(path, options: options)
        do {
            let result = try await body(store)
            await store.close()
            return result
        } catch {
            await store.close()
            throw error
        }
    }

    package func inspect() async throws -> StoreInspection {
        try await SQLiteStore.inspect(path, options: options)
    }
}
