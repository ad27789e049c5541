import HTTPTypes
import Hummingbird

/// One entry of the server's table of routes.
struct Route: Sendable {
    typealias Handler = @Sendable (APIRequest) async throws -> Response

    /// Who may call a route when the server asks for credentials.
    enum Access: Sendable {
        case everybody
        case authenticated
    }

    let method: HTTPRequest.Method
    /// `{name}` stands for one component, a final `**` for any number of them.
    let path: String
    let access: Access
    let handler: Handler

    init(_ method: HTTPRequest.Method, _ path: String, access: Access = .authenticated, handler: @escaping Handler) {
        self.method = method
        self.path = path
        self.access = access
        self.handler = handler
    }

    /// A call of MLflow's REST API, which is served under `/api` and, for the web pages, under `/ajax-api`.
    static func call(
        _ method: HTTPRequest.Method, _ path: String, version: String = "2.0", handler: @escaping Handler
    ) -> [Route] {
        ["/api", "/ajax-api"].map { Route(method, "\($0)/\(version)/\(path)", handler: handler) }
    }
}

/// A part of the API that brings its routes.
protocol RouteProvider: Sendable {
    var routes: [Route] { get }
}
