import Artifacts
import HTTPTypes
import Hummingbird
import JSON
import Tracking

/// An answer that is not a success: an HTTP status with MLflow's error code and text.
///
/// Everything that can go wrong becomes one of these in one place, so that no client ever sees another form.
struct APIError: Error {
    private static let messageLimit = 4000

    var status: HTTPResponse.Status
    var code: TrackingError.Code
    var message: String
    var headers: HTTPFields

    init(
        _ code: TrackingError.Code, _ message: String, status: HTTPResponse.Status? = nil, headers: HTTPFields = [:]
    ) {
        self.code = code
        // What a client sent comes back in many messages; a megabyte of it need not.
        self.message = message.utf8.count <= Self.messageLimit ? message : "\(message.prefix(Self.messageLimit))…"
        self.status = status ?? code.httpStatus
        self.headers = headers
    }

    /// What any thrown error means to a client; errors we do not know say nothing of their inside.
    init(_ error: any Error) {
        switch error {
        case let error as APIError: self = error
        case let error as TrackingError:
            let text = error.remedy.map { "\(error.message); \($0)" } ?? error.message
            self.init(error.code, text)
            if error.code == .temporarilyUnavailable { headers[.retryAfter] = "1" }
        case let error as ArtifactError: self.init(error)
        case let error as JSONError:
            self.init(
                .invalidParameterValue, "The request body is not valid JSON: \(error.reason) at byte \(error.offset).")
        case is CancellationError:
            self.init(.temporarilyUnavailable, "The server is stopping.", headers: [.retryAfter: "1"])
        default: self.init(.internalError, "The server failed to answer; its log says why.")
        }
    }

    /// Whether the server's own log should hear of it.
    var isOurFault: Bool { status.code >= 500 && code != .notImplemented && code != .temporarilyUnavailable }

    static func invalidParameter(_ message: String) -> APIError { APIError(.invalidParameterValue, message) }

    static var endpointNotFound: APIError { APIError(.endpointNotFound, "This server has no such endpoint.") }

    var response: Response {
        var writer = JSONWriter()
        writer.object {
            $0.field("error_code", code.rawValue)
            $0.field("message", message)
        }
        var response = Response(status: status, json: writer)
        for field in headers { response.headers[field.name] = field.value }
        return response
    }
}

extension TrackingError.Code {
    /// MLflow's table of statuses; codes it does not list are 500.
    var httpStatus: HTTPResponse.Status {
        switch self {
        case .invalidParameterValue, .badRequest, .resourceAlreadyExists: .badRequest
        case .customerUnauthorized, .unauthenticated: .unauthorized
        case .permissionDenied: .forbidden
        case .resourceDoesNotExist, .notFound, .endpointNotFound: .notFound
        case .aborted, .resourceConflict, .alreadyExists: .conflict
        case .requestLimitExceeded, .resourceExhausted: .tooManyRequests
        case .cancelled: HTTPResponse.Status(code: 499, reasonPhrase: "Client Closed Request")
        case .internalError, .invalidState, .dataLoss, .featureDisabled: .internalServerError
        case .notImplemented: .notImplemented
        case .temporarilyUnavailable: .serviceUnavailable
        case .deadlineExceeded: .gatewayTimeout
        }
    }
}
