import Diagnostics
import Files
import SQLiteStore
package import SystemPackage
import Tracking

/// Where runs are recorded: a tracking URI, understood.
package enum StoreLocation: Sendable, Hashable {
    /// A SQLite file; its artifacts lie beside it under `mlruns`.
    case sqlite(FilePath)
    /// The REST API of a tracking server.
    case server(url: String)

    /// Understands `given`, else `MLFLOW_TRACKING_URI`, else `sqlite:///mlflow.db` in the current folder.
    ///
    /// - Throws: `InvalidInput` for a URI no store of ours can open.
    package init(_ given: String?, environment: [String: String], workingDirectory: FilePath = currentDirectory())
        throws
    {
        let fromEnvironment = environment["MLFLOW_TRACKING_URI"].flatMap { $0.isEmpty ? nil : $0 }
        let text = given ?? fromEnvironment ?? "sqlite:///mlflow.db"
        let lower = text.lowercased()
        if lower.hasPrefix("sqlite:") {
            self = .sqlite(try Self.sqlitePath(text, workingDirectory))
        } else if lower.hasPrefix("http://") || lower.hasPrefix("https://") {
            self = .server(url: text)
        } else {
            throw InvalidInput(
                "the tracking URI '\(redactedURL(text))' cannot be opened",
                remedy: "use sqlite:///FILE or the http(s) address of a tracking server")
        }
    }

    /// `sqlite:///relative` and `sqlite:////absolute`, as SQLAlchemy reads them.
    private static func sqlitePath(_ text: String, _ workingDirectory: FilePath) throws -> FilePath {
        let withoutQuery = text.prefix { $0 != "?" }
        guard withoutQuery.lowercased().hasPrefix("sqlite:///"), withoutQuery.count > "sqlite:///".count else {
            throw InvalidInput(
                "the tracking URI '\(text)' names no file",
                remedy: "write sqlite:///mlflow.db or sqlite:////absolute/mlflow.db")
        }
        let path = String(withoutQuery.dropFirst("sqlite:///".count))
        guard path != ":memory:" else {
            throw InvalidInput("a store in memory would be lost at once", remedy: "use sqlite:///mlflow.db")
        }
        return workingDirectory.pushing(FilePath(path)).lexicallyNormalized()
    }

    /// The URI a child in any folder can use.
    package var uri: String {
        switch self {
        case .sqlite(let path): "sqlite:///\(path)"
        case .server(let url): url
        }
    }
}
