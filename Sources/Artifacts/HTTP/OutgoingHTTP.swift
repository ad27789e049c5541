import AsyncHTTPClient
import Diagnostics
import Glibc
package import NIOCore
package import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// The program's one way to speak HTTP to others.
///
/// It does not follow redirects (see `HTTPDownload` for the rules under which we do), does not decompress, does not
/// retry, and limits what it waits for. Nothing is created before the first request. `shutdown()` ends it; an instance that
/// is dropped without it cleans up in the background.
package final class OutgoingHTTP: Sendable {
    package struct Settings: Sendable {
        /// How long a connection may take to be made, TLS included.
        package var connectTimeout: Duration = .seconds(10)
        /// How long either side may send nothing at all.
        package var stallTimeout: Duration = .seconds(30)
        /// More than a transfer's files times parts: the library counts waiting for a free connection as connecting.
        package var connectionsPerHost = 64
        /// How long an unused connection is kept.
        ///
        /// Shorter than the other side keeps it, so that no request is sent into a connection that is just being closed.
        package var idleTimeout: Duration = .seconds(60)
        package var proxies = ProxyRules.none
        package var userAgent = "swiftflow"

        package init() {}
    }

    private struct State {
        var clients: [ClientKey: HTTPClient] = [:]
        var tls: [TLSOptions: TLSConfiguration] = [:]
        var isShutDown = false
    }

    /// What a client of the library is set up for, and so cannot be shared beyond.
    private struct ClientKey: Hashable {
        var proxy: ProxyRules.Proxy?
        /// The host whose name a certificate must have; `nil` without TLS, or when the user wants no check.
        var verifiedHost: String?
    }

    package let settings: Settings
    private let state = Mutex(State())

    package init(_ settings: Settings = Settings()) {
        self.settings = settings
    }

    /// Reads the proxy rules from the environment; nothing is opened yet.
    ///
    /// - Throws: `ArtifactError` for a proxy variable that cannot be read.
    package convenience init(environment: [String: String]) throws {
        var settings = Settings()
        settings.proxies = try ProxyRules(environment: environment)
        self.init(settings)
    }

    deinit {
        // Nobody can start a request any more; requests under way hold their client alive through their own connections.
        for client in state.withLock({ $0.clients.values }) { client.shutdown { _ in } }
    }

    /// Sends one request and returns as soon as the answer's head is there, whatever its status.
    ///
    /// The body must be read to its end or dropped. Cancelling the task ends the exchange.
    /// - Throws: `ArtifactError` with `unreachable`, `stalled`, or `invalidAddress`.
    package func send(_ request: OutgoingRequest) async throws -> IncomingResponse {
        let url = request.url
        do {
            let client = try client(for: request)
            var prepared = HTTPClientRequest(url: url.text)
            prepared.method = request.method
            prepared.headers = request.headers
            if !prepared.headers.contains(name: "user-agent") {
                prepared.headers.add(name: "User-Agent", value: settings.userAgent)
            }
            if let authorization = request.credentials.authorization {
                prepared.headers.replaceOrAdd(name: "Authorization", value: authorization)
            }
            prepared.tlsConfiguration = url.scheme == .https ? try tlsConfiguration(request.tls) : nil
            switch request.body {
            case .none: break
            case .bytes(let bytes): prepared.body = .bytes(bytes)
            case .stream(let stream, let length):
                prepared.body = .stream(stream, length: length.map { .known($0) } ?? .unknown)
            }
            // The idle limits below bound every phase, so that a long upload is not cut by a limit on the whole.
            let response = try await client.execute(prepared, deadline: .distantFuture)
            return IncomingResponse(
                status: response.status, headers: response.headers,
                body: ByteStream(response.body).explainingErrors { httpFailure($0, url: url) })
        } catch let error as ArtifactError {
            throw error
        } catch let error as CancellationError {
            throw error
        } catch {
            try Task.checkCancellation()
            throw httpFailure(error, url: url)
        }
    }

    /// Ends all connections; requests after it fail.
    package func shutdown() async {
        let clients = state.withLock { state in
            defer { state.clients = [:] }
            state.isShutDown = true
            return Array(state.clients.values)
        }
        // A failure to close cleanly changes nothing for us: the connections are gone either way.
        for client in clients { try? await client.shutdown() }
    }

    private func client(for request: OutgoingRequest) throws -> HTTPClient {
        let url = request.url
        let isVerified = url.scheme == .https && request.tls.verifiesServer
        let key = ClientKey(
            proxy: settings.proxies.proxy(for: url), verifiedHost: isVerified ? url.host.trimmingBrackets : nil)
        return try state.withLock { state in
            guard !state.isShutDown else {
                throw ArtifactError(.unreachable, "'\(url)' was asked for after the end of the program's connections")
            }
            if let client = state.clients[key] { return client }
            var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow, decompression: .disabled)
            configuration.timeout.connect = TimeAmount(settings.connectTimeout)
            configuration.timeout.read = TimeAmount(settings.stallTimeout)
            configuration.timeout.write = TimeAmount(settings.stallTimeout)
            // Otherwise a refused connection is tried again until the time-out; we have retries of our own.
            configuration.connectionPool.retryConnectionEstablishment = false
            configuration.connectionPool.idleTimeout = TimeAmount(settings.idleTimeout)
            configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = settings.connectionsPerHost
            configuration.httpVersion = .http1Only
            configuration.proxy = key.proxy?.configuration
            if let host = key.verifiedHost {
                configuration.http1_1ConnectionDebugInitializer = { CertificateName(host: host).check($0) }
            }
            let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
            state.clients[key] = client
            return client
        }
    }

    private func tlsConfiguration(_ options: TLSOptions) throws -> TLSConfiguration? {
        guard options != .standard else { return nil }
        return try state.withLock { state in
            if let known = state.tls[options] { return known }
            let made = try options.makeConfiguration()
            state.tls[options] = made
            return made
        }
    }
}

/// A request that has not been sent.
package struct OutgoingRequest: Sendable {
    package enum Body: Sendable {
        case none
        case bytes(ByteBuffer)
        /// Sent as it is produced; without a length in chunks.
        case stream(ByteStream, length: Int64?)
    }

    package var method: HTTPMethod
    package var url: HTTPURL
    package var headers: HTTPHeaders
    package var body: Body
    /// Sent as `Authorization`.
    package var credentials: HTTPCredentials
    package var tls: TLSOptions

    package init(
        _ method: HTTPMethod = .GET, _ url: HTTPURL, headers: HTTPHeaders = [:], body: Body = .none,
        credentials: HTTPCredentials = .none, tls: TLSOptions = .standard
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.credentials = credentials
        self.tls = tls
    }
}

/// The answer to a request; its body is still on its way.
package struct IncomingResponse: Sendable {
    package var status: HTTPResponseStatus
    package var headers: HTTPHeaders
    package var body: ByteStream

    /// The declared length, if there is exactly one well-formed one.
    package var contentLength: Int64? {
        let values = Set(headers[canonicalForm: "content-length"])
        guard values.count == 1, let text = values.first, let length = Int64(text), length >= 0 else { return nil }
        return length
    }

    /// The whole body, or an error when it is longer than `limit`.
    package func collectedBody(limit: Int, from url: HTTPURL) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await buffer in body {
            guard bytes.count + buffer.readableBytes <= limit else {
                throw ArtifactError(.limit, "the answer of '\(url)' is longer than \(limit) bytes")
            }
            bytes.append(contentsOf: buffer.readableBytesView)
        }
        return bytes
    }
}

/// What went wrong below HTTP, in words, and whether trying again makes sense.
private func httpFailure(_ error: any Error, url: HTTPURL) -> any Error {
    let origin = url.origin
    func failure(
        _ reason: ArtifactError.Reason, _ what: String, remedy: String? = nil, isTransient: Bool = true,
        nothingWasSent: Bool = false
    ) -> ArtifactError {
        var error = ArtifactError(reason, "'\(url)': \(what)", remedy: remedy, isTransient: isTransient)
        error.nothingWasSent = nothingWasSent
        return error
    }
    switch error {
    case is CancellationError, is ArtifactError: return error
    case let error as NIOConnectionError:
        guard !error.connectionErrors.isEmpty else {
            return failure(
                .unreachable, "the host '\(origin.host)' is unknown", remedy: "check its spelling and the network",
                isTransient: false, nothingWasSent: true)
        }
        let codes = error.connectionErrors.compactMap { ($0.error as? IOError)?.errnoCode }
        let reasons = codes.contains(ECONNREFUSED) ? "the connection was refused" : "no connection could be made"
        return failure(
            .unreachable, "\(reasons) by \(origin)", remedy: "is the server running?", nothingWasSent: true)
    case let error as HTTPClientError:
        switch error {
        case .cancelled: return CancellationError()
        case .readTimeout, .writeTimeout, .deadlineExceeded:
            return failure(.stalled, "\(origin) sent and took nothing for too long")
        case .connectTimeout, .getConnectionFromPoolTimeout:
            return failure(.unreachable, "no connection to \(origin) within the time limit", nothingWasSent: true)
        case .tlsHandshakeTimeout:
            return failure(.unreachable, "no TLS connection to \(origin) within the time limit", nothingWasSent: true)
        case .remoteConnectionClosed, .uncleanShutdown:
            return failure(.unreachable, "\(origin) broke off in the middle of its answer")
        case .invalidProxyResponse, .proxyAuthenticationRequired, .httpProxyHandshakeTimeout, .socksHandshakeTimeout:
            return failure(
                .unreachable, "the proxy did not make the connection to \(origin) (\(error.shortDescription))",
                remedy: "check http_proxy, https_proxy and no_proxy", isTransient: false)
        default: return failure(.unreachable, error.shortDescription.lowercased(), isTransient: false)
        }
    case let error as NIOSSLError:
        return failure(
            .unreachable, "the TLS connection to \(origin) failed: \(error)",
            remedy: "check the server's certificate and host name", isTransient: false)
    case let error as NIOSSLExtraError:
        return failure(
            .unreachable, "the server at \(origin) is not who its certificate names: \(error)", isTransient: false)
    case HTTPParserError.invalidEOFState:
        return failure(.unreachable, "\(origin) broke off in the middle of its answer")
    case let error as HTTPParserError:
        return failure(.untrustedAnswer, "the answer of \(origin) is not HTTP (\(error))")
    case let error as IOError where [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH].contains(error.errnoCode):
        // An address that is a number is connected to directly, without the collected errors above.
        let reason = error.errnoCode == ECONNREFUSED ? "the connection was refused" : "no connection could be made"
        return failure(
            .unreachable, "\(reason) by \(origin)", remedy: "is the server running?", nothingWasSent: true)
    case let error as IOError: return failure(.unreachable, "the connection to \(origin) broke: \(error)")
    case is ChannelError: return failure(.unreachable, "\(origin) broke off")
    default: return failure(.unreachable, "\(error)")
    }
}

extension TimeAmount {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let nanoseconds = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        self = .nanoseconds(nanoseconds.overflow ? .max / 4 : nanoseconds.partialValue &+ attoseconds / 1_000_000_000)
    }
}
