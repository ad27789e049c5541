import HTTPTypes
import Hummingbird

/// Lets the pages of web origins that were named (`--cors-allowed-origins`) read our answers, as browsers ask for it.
///
/// Nobody else gets these headers, not even pages of this machine (row A-21).
struct CrossOriginAnswers: Sendable {
    private static let methods = "GET, POST, PUT, PATCH, DELETE, OPTIONS"

    let hosts: HostRules

    /// The answer to a browser that asks whether a page may make a request; it shows no credentials with that question.
    func preflight(_ request: Request) -> Response? {
        guard request.method == .options, request.headers.contains(.accessControlRequestMethod),
            allowedOrigin(of: request) != nil
        else { return nil }
        var headers: HTTPFields = [.accessControlAllowMethods: Self.methods, .accessControlMaxAge: "600"]
        if let wanted = request.headers[.accessControlRequestHeaders] { headers[.accessControlAllowHeaders] = wanted }
        return Response(status: .noContent, headers: headers)
    }

    func add(to headers: inout HTTPFields, for request: Request) {
        guard let origin = allowedOrigin(of: request) else { return }
        if hosts.allowedOrigins.contains("*") {
            // Together with credentials this would hand every page what the user may see.
            headers[.accessControlAllowOrigin] = "*"
        } else {
            headers[.accessControlAllowOrigin] = origin
            headers[.accessControlAllowCredentials] = "true"
            headers[.vary] = "Origin"
        }
        headers[.accessControlExposeHeaders] = "*"
    }

    private func allowedOrigin(of request: Request) -> String? {
        let origins = request.headers[values: .origin]
        guard origins.count == 1, let origin = origins.first, hosts.lists(origin: origin) else { return nil }
        return origin
    }
}
