import Files
import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import Tracking

/// What hummingbird keeps for one request; we add nothing.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
    }
}

/// A request on its way into a handler, with the few ways in which handlers look at it.
struct APIRequest: Sendable {
    let request: Request
    let context: APIContext
    /// A message larger than this is refused unread (rule R11).
    let messageLimit: Int

    /// A parameter of the route's path, decoded once.
    func pathParameter(_ name: String) throws(APIError) -> String {
        guard let raw = context.parameters.get(name), let text = percentDecoded(raw), !text.isEmpty,
            !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F })
        else { throw .invalidParameter("Invalid value for the path parameter '\(name)'.") }
        return text
    }

    /// The fields of the request: of the query for GET, else of the JSON body.
    func message() async throws -> RequestMessage {
        if request.method == .get, let query = request.uri.query, !query.isEmpty {
            return RequestMessage(try Query.fields(query), isQuery: true)
        }
        try checkContentType()
        return RequestMessage(try Self.object(try await body()))
    }

    /// POST and PUT must say that they carry JSON; other methods may be silent, but not say otherwise (row A-22).
    private func checkContentType() throws(APIError) {
        guard let type = request.headers[.contentType] else {
            guard request.method == .post || request.method == .put else { return }
            throw .invalidParameter("Bad Request. Content-Type header is missing.")
        }
        let mediaType = type.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }.lowercased()
        guard mediaType == "application/json" else {
            throw .invalidParameter("Bad Request. Content-Type must be one of ['application/json']")
        }
    }

    private func body() async throws -> ByteBuffer {
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > messageLimit {
            throw tooLarge
        }
        var collected: ByteBuffer?
        for try await var part in request.body {
            guard (collected?.readableBytes ?? 0) + part.readableBytes <= messageLimit else { throw tooLarge }
            if collected == nil {
                collected = part
            } else {
                collected?.writeBuffer(&part)
            }
        }
        return collected ?? ByteBuffer()
    }

    private var tooLarge: APIError {
        APIError(
            .invalidParameterValue, "The request body is larger than \(messageLimit) bytes.", status: .contentTooLarge)
    }

    /// An empty body and `null` are an empty message; text that holds JSON is read again, as old clients send it.
    private static func object(_ body: ByteBuffer) throws -> JSONObject {
        switch try JSONReader.read(body.readableBytesUInt8Span) {
        case nil, .null?: return JSONObject()
        case .object(let object)?: return object
        case .string(let text)?:
            guard case .object(let object)? = try JSONReader.read(text.utf8.span) else { throw notAnObject }
            return object
        default: throw notAnObject
        }
    }

    private static var notAnObject: APIError { .invalidParameter("The request body is not a JSON object.") }
}
