import HTTPTypes
import Hummingbird
import Logging
import NIOHTTP1

/// Answers requests: checks them, routes them, and turns whatever goes wrong into MLflow's error form.
struct TrackingResponder: HTTPResponder {
    private let requestGuard: RequestGuard
    private let router: RouterResponder<APIContext>
    private let crossOrigin: CrossOriginAnswers?
    private let prefix: StaticPrefix?
    private let frameOptions: String?
    private let noteFault: @Sendable () -> Void

    init(table: RouteTable, hosts: HostRules, settings: ServerSettings) {
        requestGuard = RequestGuard(hosts: hosts, credentials: settings.credentials, openPaths: table.openPaths)
        router = table.makeResponder(messageLimit: settings.messageLimit)
        crossOrigin = hosts.allowedOrigins.isEmpty ? nil : CrossOriginAnswers(hosts: hosts)
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
            response = try await answer(request, context)
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
        crossOrigin?.add(to: &response.headers, for: request)
        return response
    }

    private func answer(_ request: Request, _ context: APIContext) async throws -> Response {
        if let crossOrigin {
            try requestGuard.checkAddress(request)
            if let preflight = crossOrigin.preflight(request) { return preflight }
        }
        try requestGuard.check(request)
        return try await router.respond(to: request, context: context)
    }

    private func withoutPrefix(_ request: Request) -> Request? {
        guard let prefix else { return request }
        return prefix.remove(from: request)
    }
}
