import Diagnostics
import JSON
import NIOHTTP1
import Tracking

/// What a server sent back, whole: its success as a message, anything else as a failure.
struct ServerAnswer: Sendable {
    let status: Int
    let headers: HTTPHeaders
    let body: [UInt8]
    /// The address that was asked, for messages: without secrets.
    let url: String

    /// The server's own words are passed on up to this length.
    private static let messageLimit = 4000

    func message() throws(CallFailure) -> AnswerMessage {
        guard (200..<300).contains(status) else { throw failure }
        if body.allSatisfy({ $0 == 0x20 || $0 == 0x0A || $0 == 0x0D }) { return AnswerMessage(JSONObject(), of: url) }
        let document: JSONValue?
        do throws(JSONError) {
            document = try JSONReader.read(body.span)
        } catch {
            throw notJSON("\(error.reason) at byte \(error.offset)")
        }
        guard case .object(let object)? = document else { throw notJSON("it is no object") }
        return AnswerMessage(object, of: url)
    }

    /// A page for people, a proxy's greeting, a file: whatever it is, no tracking server sent it.
    private func notJSON(_ reason: String) -> CallFailure {
        let type = headers.first(name: "Content-Type").map { " of type '\($0.prefix(80))'" } ?? ""
        return CallFailure(
            .final,
            TrackingError(
                .internalError,
                "'\(url)' answered with status \(status) and a text\(type) that is not JSON (\(reason))",
                remedy: "check that the address is a tracking server's, and that no login page or proxy is in its way"))
    }

    // MARK: Failures

    private var failure: CallFailure {
        if (300..<400).contains(status) { return redirect }
        guard case .object(let object)? = try? JSONReader.read(body.span) else { return plainFailure }
        let answer = AnswerMessage(object, of: url)
        let name = (try? answer.string("error_code")) ?? nil
        let known = name.flatMap { TrackingError.Code(rawValue: $0) }
        let words = ((try? answer.string("message")) ?? nil) ?? ((try? answer.string("detail")) ?? nil)
        var message = words.map { Self.shortened(redactedText($0)) } ?? "'\(url)' answered with status \(status)"
        if known == nil, let name { message = "\(name.prefix(80)): \(message)" }
        let code = known ?? Self.code(of: status)
        return CallFailure(kind(code), TrackingError(code, message, remedy: remedy))
    }

    private var plainFailure: CallFailure {
        let code = Self.code(of: status)
        let text = String(decoding: body.prefix(1000), as: UTF8.self)
        let line = text.split(whereSeparator: \.isNewline).first.map { String($0.prefix(200)) } ?? ""
        // A sentence, as the security layers of the reference send; not a page.
        let words = line.isEmpty || line.contains("<") ? "" : ": \(redactedText(line))"
        return CallFailure(
            kind(code), TrackingError(code, "'\(url)' answered with status \(status)\(words)", remedy: remedy))
    }

    private var redirect: CallFailure {
        let target = headers.first(name: "Location").map { " to '\(redactedURL(String($0.prefix(300))))'" } ?? ""
        return CallFailure(
            .final,
            TrackingError(
                .internalError, "'\(url)' redirects\(target); a tracking server's redirects are not followed",
                remedy: "give the address it should be as the tracking URI"))
    }

    private func kind(_ code: TrackingError.Code) -> CallFailure.Kind {
        switch status {
        case 429, 503: .turnedAway(retryAfter: retryAfter)
        case 408, 502, 504: .brokenOff
        // Any other code in a 500 says what is wrong with the call.
        case 500: [.internalError, .temporarilyUnavailable].contains(code) ? .serverFault : .final
        default: .final
        }
    }

    private var retryAfter: Duration? {
        // The other form is a date; a server that sends one is asked again after our own pause.
        headers.first(name: "Retry-After").flatMap { UInt32($0) }.map { .seconds(Int($0)) }
    }

    private var remedy: String? {
        switch status {
        case 401: "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        case 403: "check what the credentials you gave may do there, and that the server allows this host name"
        case 407: "check http_proxy, https_proxy and no_proxy"
        default: nil
        }
    }

    private static func shortened(_ text: String) -> String {
        text.utf8.count <= messageLimit ? text : text.prefix(messageLimit) + "…"
    }

    private static func code(of status: Int) -> TrackingError.Code {
        switch status {
        case 401, 407: .unauthenticated
        case 403: .permissionDenied
        case 404: .endpointNotFound
        case 408, 502, 503: .temporarilyUnavailable
        case 409: .resourceConflict
        case 413: .invalidParameterValue
        case 429: .requestLimitExceeded
        case 501: .notImplemented
        case 504: .deadlineExceeded
        case 400..<500: .badRequest
        default: .internalError
        }
    }
}
