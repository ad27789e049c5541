import JSON
import NIOHTTP1

/// One call of MLflow's REST API, before it is sent.
struct APICall: Sendable {
    /// What happens when the call arrives twice: it decides after which failures it may be sent again.
    enum Effect: Sendable {
        /// It only reads.
        case none
        /// The second time changes nothing more.
        case repeatable
        /// As `repeatable`, but the second time answers that there is nothing (any more) to do it to.
        case removal
        /// It would be done twice, or refused although it was done.
        case once
    }

    let effect: Effect
    let method: HTTPMethod
    /// Below the server's address; not encoded yet.
    let path: [String]
    let query: [(name: String, value: String)]
    /// A JSON object; nil for a call without a body.
    let body: [UInt8]?

    private init(
        effect: Effect, method: HTTPMethod, path: [String], query: [(name: String, value: String)], body: [UInt8]?
    ) {
        self.effect = effect
        self.method = method
        self.path = path
        self.query = query
        self.body = body
    }

    /// A call without a body, whose fields are in the query.
    static func get(_ path: String..., fields: [(String, String?)] = []) -> APICall {
        let query = fields.compactMap { name, value in value.map { (name, $0) } }
        return APICall(effect: .none, method: .GET, path: apiPath(path), query: query, body: nil)
    }

    // Calls whose fields are in a JSON body, also those that delete.

    static func post(_ path: String..., effect: Effect, fields: (inout JSONWriter) -> Void) -> APICall {
        APICall(effect, .POST, path, fields)
    }

    static func patch(_ path: String..., effect: Effect, fields: (inout JSONWriter) -> Void) -> APICall {
        APICall(effect, .PATCH, path, fields)
    }

    static func delete(_ path: String..., effect: Effect, fields: (inout JSONWriter) -> Void) -> APICall {
        APICall(effect, .DELETE, path, fields)
    }

    private init(_ effect: Effect, _ method: HTTPMethod, _ path: [String], _ fields: (inout JSONWriter) -> Void) {
        var writer = JSONWriter()
        writer.object(fields)
        self.effect = effect
        self.method = method
        self.path = Self.apiPath(path)
        query = []
        body = writer.bytes
    }

    /// A call that only the web pages of the reference know, and which is served under their prefix alone.
    func underWebPrefix() -> APICall {
        APICall(effect: effect, method: method, path: ["ajax-api"] + path.dropFirst(), query: query, body: body)
    }

    /// `["runs/get"]` → `api`, `2.0`, `mlflow`, `runs`, `get`; further texts are one component each.
    private static func apiPath(_ path: [String]) -> [String] {
        let call = path.first?.split(separator: "/").map(String.init) ?? []
        return ["api", "2.0", "mlflow"] + call + path.dropFirst()
    }
}
