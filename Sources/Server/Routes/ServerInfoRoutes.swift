import Hummingbird
import JSON

/// What the server says of itself.
struct ServerInfoRoutes: RouteProvider {
    let roots: ArtifactRoots
    let uploadLimit: Int64?

    var routes: [Route] {
        [
            Route(.get, "/health", access: .everybody) { _ in .text("OK") },
            Route(.get, "/version", access: .everybody) { _ in .text(MLflowAPI.version) },
        ] + Route.call(.get, "mlflow/server-info", version: "3.0", handler: serverInfo)
    }

    @Sendable private func serverInfo(_ request: APIRequest) async throws -> Response {
        // Clients may send parts of large files to the storage themselves, and fetch them there, where it can be reached.
        let isDirect = roots.served?.directAccess != nil
        return .json {
            $0.field("store_type", "SqlStore")
            $0.field("workspaces_enabled", false)
            $0.field("trace_archival_enabled", false)
            $0.field("multipart_uploads_enabled", isDirect && uploadLimit == nil)
            $0.field("multipart_downloads_enabled", isDirect)
            $0.field("presigned_upload_run_id_supported", false)
            $0.field("presigned_upload_model_id_supported", false)
            $0.field("features_enabled") { $0.field("gateway", false) }
        }
    }
}
