import Artifacts
import Diagnostics
import JSON
import NIOCore
import NIOHTTP1
import Synchronization
import Tracking

/// A tracking server and the way to it: sends calls, and again where that is safe.
struct ServerConnection: Sendable {
    /// No answer may be longer: what it says is held in memory.
    static let answerLimit = 32 << 20
    /// How long a write is still pursued when nobody waits for it any more.
    static let graceAfterCancellation: Duration = .seconds(10)

    let base: HTTPURL
    private let http: OutgoingHTTP
    private let ownsHTTP: Bool
    private let credentials: HTTPCredentials
    private let tls: TLSOptions
    private let headers: HTTPHeaders
    var retries: RetrySettings
    private let contact = Contact()

    /// Whether the server has ever answered.
    private final class Contact: Sendable {
        private let made = Atomic(false)
        var isMade: Bool { made.load(ordering: .relaxed) }
        func make() { made.store(true, ordering: .relaxed) }
    }

    init(_ url: String, environment: [String: String], http: OutgoingHTTP?) throws {
        var base = try HTTPURL(url)
        guard base.query == nil else {
            throw InvalidInput(
                "the tracking URI '\(base)' has a query", remedy: "give the address without the part from '?'")
        }
        while base.path.hasSuffix("/") { base.path.removeLast() }
        credentials = .tracking(environment: environment, server: base)
        try Self.checkCredentials(credentials, environment: environment)
        base.userinfo = .none
        self.base = base
        retries = try RetrySettings(environment: environment)
        tls = try .tracking(environment: environment)
        ownsHTTP = http == nil
        self.http = try http ?? Self.makeHTTP(retries, environment: environment)
        var headers: HTTPHeaders = ["Accept": "application/json", "Accept-Encoding": "identity"]
        if let workspace = environment["MLFLOW_WORKSPACE"], !workspace.isEmpty {
            headers.add(name: "X-MLFLOW-WORKSPACE", value: workspace)
        }
        self.headers = headers
    }

    private static func makeHTTP(_ retries: RetrySettings, environment: [String: String]) throws -> OutgoingHTTP {
        var settings = OutgoingHTTP.Settings()
        settings.connectTimeout = min(settings.connectTimeout, retries.timeout)
        settings.stallTimeout = retries.timeout
        settings.connectionsPerHost = 32
        // The reference closes connections that were quiet for 5 s.
        settings.idleTimeout = .seconds(4)
        settings.proxies = try ProxyRules(environment: environment)
        return OutgoingHTTP(settings)
    }

    private static func checkCredentials(_ credentials: HTTPCredentials, environment: [String: String]) throws {
        for name in ["MLFLOW_TRACKING_TOKEN", "MLFLOW_WORKSPACE"] {
            guard environment[name]?.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) == true else { continue }
            throw InvalidInput(
                "\(name) contains a line break or another control character", remedy: "remove it from the end")
        }
        guard credentials == .none else { return }
        for name in ["MLFLOW_TRACKING_AWS_SIGV4", "MLFLOW_TRACKING_AUTH"] {
            guard let value = environment[name], !["", "0", "false"].contains(value.lowercased()) else { continue }
            throw InvalidInput(
                "\(name) is set, and that way of proving who you are is not supported",
                remedy: "give MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD")
        }
    }

    func close() async {
        if ownsHTTP { await http.shutdown() }
    }

    /// Sends a call and reads its answer.
    ///
    /// - Throws: `TrackingError`, with the server's code and words where it gave some; `CancellationError`.
    func answer(_ call: APICall) async throws -> AnswerMessage {
        guard call.effect != .none else { return try await pursue(call) }
        return try await finishing(within: Self.graceAfterCancellation) { try await pursue(call) }
    }

    /// Sends a call whose answer says nothing.
    func perform(_ call: APICall) async throws {
        _ = try await answer(call)
    }

    // MARK: Attempts

    private func pursue(_ call: APICall) async throws -> AnswerMessage {
        var attempts = 0
        var outcomeIsOpen = false
        while true {
            attempts += 1
            let failure: CallFailure
            do {
                return try await attempt(call)
            } catch let error as CallFailure {
                failure = error
            }
            // An earlier attempt has done it, and only its answer was lost.
            if call.effect == .removal, outcomeIsOpen, failure.error.code == .resourceDoesNotExist {
                return AnswerMessage(JSONObject(), of: base.description)
            }
            outcomeIsOpen = outcomeIsOpen || failure.leavesOutcomeOpen
            let isHasty = isHasty(failure)
            let limit = isHasty ? min(RetrySettings.hastyRetries, retries.maximumRetries) : retries.maximumRetries
            guard failure.permitsRepeating(call.effect), attempts <= limit else {
                throw failure.explained(after: attempts, of: call.effect)
            }
            try await Task.sleep(
                for: retries.pause(before: attempts - 1, isHasty: isHasty, asked: failure.retryAfter))
        }
    }

    private func isHasty(_ failure: CallFailure) -> Bool {
        switch failure.kind {
        // A server that was there a moment ago is being restarted; one that was never there is a wrong address.
        case .unsent: !contact.isMade && !retries.isChosen
        case .serverFault: true
        case .turnedAway, .brokenOff, .final: false
        }
    }

    private func attempt(_ call: APICall) async throws -> AnswerMessage {
        let url = address(of: call)
        do {
            let answer = try await exchange(call, url)
            let message = try answer.message()
            contact.make()
            return message
        } catch let error as ArtifactError {
            throw CallFailure(error)
        }
    }

    private func address(of call: APICall) -> HTTPURL {
        var url = base.appending(call.path)
        if !call.query.isEmpty {
            url.query = call.query.map { "\(percentEncoded($0.name))=\(percentEncoded($0.value))" }.joined(
                separator: "&")
        }
        return url
    }

    /// One request and its whole answer, in limited time.
    private func exchange(_ call: APICall, _ url: HTTPURL) async throws -> ServerAnswer {
        var headers = headers
        var body = OutgoingRequest.Body.none
        if let bytes = call.body {
            headers.add(name: "Content-Type", value: "application/json")
            body = .bytes(ByteBuffer(bytes: bytes))
        }
        let request = OutgoingRequest(
            call.method, url, headers: headers, body: body, credentials: credentials, tls: tls)
        let answer = try await withinTime(retries.longestExchange) {
            let response = try await http.send(request)
            return ServerAnswer(
                status: Int(response.status.code), headers: response.headers,
                body: try await response.collectedBody(limit: Self.answerLimit, from: url), url: url.description)
        }
        guard let answer else {
            throw CallFailure(
                .brokenOff,
                TrackingError(
                    .deadlineExceeded, "'\(url)' did not finish its answer in \(retries.longestExchange)",
                    remedy: "ask for fewer results at once, or set MLFLOW_HTTP_REQUEST_TIMEOUT to more seconds"))
        }
        return answer
    }
}
