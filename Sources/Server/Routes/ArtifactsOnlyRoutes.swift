import HTTPTypes
import Hummingbird
import Tracking

/// Stands where the tracking API would be on a server that only serves artifacts (`--artifacts-only`).
struct ArtifactsOnlyRoutes: RouteProvider {
    var routes: [Route] {
        ["/api", "/ajax-api"].flatMap { base in
            ["2.0", "3.0"].flatMap { version in
                [HTTPRequest.Method.get, .post, .put, .patch, .delete].map { method in
                    Route(method, "\(base)/\(version)/mlflow/**") { request in
                        throw APIError(
                            .temporarilyUnavailable,
                            "Endpoint: \(request.request.uri.path) disabled due to the mlflow server running in "
                                + "`--artifacts-only` mode. To enable tracking server functionality, run `mlflow server` "
                                + "without `--artifacts-only`")
                    }
                }
            }
        }
    }
}
