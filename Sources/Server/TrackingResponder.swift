import HTTPTypes
import Hummingbird
import Logging
import NIOHTTP1

/// Answers requests: checks them, routes them, and turns whatever goes wrong into MLflow's error form.
struct TrackingResponder: HTTPResponder {
    private let requestGuard: RequestGuard
    private let router: RouterResponder<APIContext>
    private let table: RouteTable

    init(table: RouteTable, hosts: HostRules, credentials: Credentials?) {
        self.table = table
        requestGuard = RequestGuard(hosts: hosts, credentials: credentials, openPaths: table.openPaths)
        router = table.makeResponder()
    }

    /// Whether the request passes the checks in front of routing, so that its body is worth waiting for.
    func admits(_ request: Request) -> Bool {
        (try? requestGuard.check(request)) != nil
    }

    func respond(to request: Request, context: APIContext) async throws -> Response {
        var response: Response
        do {
            try requestGuard.check(request)
            response = try await router.respond(to: request, context: context)
        } catch let error as HTTPParserError {
            // The rest of the connection cannot be understood: it is answered 400 and closed where it is decoded.
            throw error
        } catch {
            let refusal = APIError(error)
            if refusal.isOurFault {
                context.logger.error(
                    "request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
            }
            response = refusal.response
        }
        SecurityHeaders.add(to: &response.headers)
        return response
    }
}
