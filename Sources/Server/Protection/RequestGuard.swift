import HTTPTypes
import Hummingbird
import Tracking

/// What is checked of every request before it is routed (rules R16 and R17): target, host, origin, credentials.
struct RequestGuard: Sendable {
    /// A request target longer than this is refused.
    static let targetLimit = 16 << 10

    private static let hostField = HTTPField.Name("Host") ?? .from

    var hosts: HostRules
    var credentials: Credentials?
    /// Paths that answer without credentials.
    var openPaths: Set<String>

    func check(_ request: Request) throws(APIError) {
        try checkAddress(request)
        if !Self.readingMethods.contains(request.method) {
            let origins = request.headers[values: .origin]
            guard origins.allSatisfy(hosts.allows(origin:)) else {
                throw APIError(.permissionDenied, "Cross-origin request blocked")
            }
        }
        try checkCredentials(request)
    }

    /// Target and host alone: whether the request is meant for us at all.
    func checkAddress(_ request: Request) throws(APIError) {
        guard (request.head.path ?? "").utf8.count <= Self.targetLimit else {
            throw APIError(.badRequest, "The request target is too long.", status: .uriTooLong)
        }
        guard request.head.path?.hasPrefix("/") == true else {
            throw APIError(.badRequest, "The request target must be a path.")
        }
        // The first Host field is the authority; a second one stays among the others.
        guard request.headers[values: Self.hostField].isEmpty, let host = request.head.authority,
            hosts.allows(host: host)
        else {
            throw APIError(.permissionDenied, "Invalid Host header - possible DNS rebinding attack detected")
        }
    }

    private func checkCredentials(_ request: Request) throws(APIError) {
        guard let credentials, !openPaths.contains(request.uri.path) else { return }
        let given = request.headers[values: .authorization]
        guard given.count == 1, let authorization = given.first, credentials.accept(authorization) else {
            throw APIError(
                .unauthenticated,
                "You are not authenticated. Please see https://www.mlflow.org/docs/latest/auth/index.html for how to "
                    + "authenticate.",
                headers: [.wwwAuthenticate: credentials.challenge])
        }
    }

    /// These change nothing, so a foreign page may cause them; it cannot read the answers.
    private static let readingMethods: Set<HTTPRequest.Method> = [.get, .head, .options]
}

/// Headers of every answer: nothing we send is to be run, framed or guessed at by a browser.
enum SecurityHeaders {
    private static let frameOptionsField = HTTPField.Name("X-Frame-Options") ?? .contentSecurityPolicy

    static func add(to headers: inout HTTPFields, frameOptions: String?) {
        headers[.xContentTypeOptions] = "nosniff"
        if let frameOptions { headers[frameOptionsField] = frameOptions }
        if headers[.contentSecurityPolicy] == nil {
            headers[.contentSecurityPolicy] = "sandbox; default-src 'none'"
        }
    }
}
