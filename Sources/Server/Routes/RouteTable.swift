import HTTPTypes
import Hummingbird
import Tracking

/// All routes of a server, in one list that tests can walk.
struct RouteTable: Sendable {
    let routes: [Route]

    init(_ providers: [any RouteProvider]) {
        routes = providers.flatMap(\.routes)
    }

    /// Paths that anybody may read.
    var openPaths: Set<String> {
        Set(routes.filter { $0.access == .everybody }.map(\.path))
    }

    func makeResponder(messageLimit: Int) -> RouterResponder<APIContext> {
        let router = Router(context: APIContext.self)
        router.add(middleware: UnknownRoutes(table: self))
        for route in routes {
            let handler = route.handler
            let isExact = !route.path.hasSuffix("**")
            router.on(RouterPath(route.path), method: route.method) { request, context in
                // The router overlooks empty components; to MLflow a path with one is another path.
                if isExact, route.path != "/", request.uri.path.hasSuffix("/") || request.uri.path.contains("//") {
                    throw APIError.endpointNotFound
                }
                return try await handler(
                    APIRequest(request: request, context: context, messageLimit: messageLimit))
            }
        }
        return router.buildResponder()
    }

    /// The methods under which some route answers that path.
    func methods(for path: String) -> [HTTPRequest.Method] {
        let components = path.split(separator: "/", omittingEmptySubsequences: false)
        return routes.filter { Self.matches(components, $0.path) }.map(\.method)
    }

    private static func matches(_ components: [Substring], _ pattern: String) -> Bool {
        let parts = pattern.split(separator: "/", omittingEmptySubsequences: false)
        if parts.last == "**" {
            guard components.count >= parts.count else { return false }
            return zip(components, parts.dropLast()).allSatisfy { $1.hasPrefix("{") || $0 == $1 }
        }
        return components.count == parts.count && zip(components, parts).allSatisfy { $1.hasPrefix("{") || $0 == $1 }
    }
}

/// Answers what no route answers: 404 in a form from which clients learn that the server is older than they are, or 405.
private struct UnknownRoutes: RouterMiddleware {
    let table: RouteTable

    // Hummingbird's middleware runs on the concurrent executor, as its handlers do.
    @concurrent func handle(
        _ request: Request, context: APIContext, next: @concurrent (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            let methods = table.methods(for: request.uri.path)
            guard methods.isEmpty || methods.contains(request.method) else {
                throw APIError(
                    .badRequest, "The method is not allowed for the requested URL.", status: .methodNotAllowed,
                    headers: [.allow: methods.map(\.rawValue).joined(separator: ", ")])
            }
            throw APIError.endpointNotFound
        }
    }
}
