import HTTPTypes
import Hummingbird
import Logging
import NIOHTTP1

/// Answers requests: checks them, routes them, and turns whatever goes wrong into MLflow's error form.
struct TrackingResponder: HTTPResponder {
    private let requestGuard: RequestGuard
    private let router: RouterResponder<APIContext>
    private let prefix: StaticPrefix?
    private let frameOptions: String?
    private let noteFault: @Sendable () -> Void

    init(table: RouteTable, hosts: HostRules, settings: ServerSettings) {
        requestGuard = RequestGuard(hosts: hosts, credentials: settings.credentials, openPaths: table.openPaths)
        router = table.makeResponder(messageLimit: settings.messageLimit)
        prefix = settings.staticPrefix
        frameOptions = settings.frameOptions
        noteFault = settings.noteFault
    }

    /// Whether the request passes the checks in front of routing, so that its body is worth waiting for.
    func admits(_ request: Request) -> Bool {
        guard let request = withoutPrefix(request) else { return false }
        return (try? requestGuard.check(request)) != nil
    }

    func respond(to request: Request, context: APIContext) async throws -> Response {
        var response: Response
        do {
            guard let request = withoutPrefix(request) else { throw APIError.endpointNotFound }
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
                noteFault()
            }
            response = refusal.response
        }
        SecurityHeaders.add(to: &response.headers, frameOptions: frameOptions)
        return response
    }

    private func withoutPrefix(_ request: Request) -> Request? {
        guard let prefix else { return request }
        return prefix.remove(from: request)
    }
}
