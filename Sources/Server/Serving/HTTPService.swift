import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// Serves requests on a listening socket until it is stopped.
///
/// One implementation for the runner's endpoint and for `swiftflow server`; only the number of threads and the limits differ.
struct HTTPService: Sendable {
    private let server: NIOAsyncChannel<AcceptedConnection, Never>
    private let channel: GuardedChannel<HTTP1Channel>
    private let socket: ListeningSocket
    private let eventLoopGroup: any EventLoopGroup
    private let logger: Logger

    /// Adopts the socket, which is closed when the service ends.
    init(
        on socket: ListeningSocket, responder: TrackingResponder, limits: ConnectionLimits, tls: TLSContext? = nil,
        eventLoopGroup: any EventLoopGroup, logger: Logger, observer: RequestObserver? = nil
    ) async throws {
        let channel = GuardedChannel(
            base: HTTP1Channel(
                responder: { request, writer, channel in
                    let observation = observer?.begin(request, on: channel)
                    let context = APIContext(source: ApplicationRequestContextSource(channel: channel, logger: logger))
                    var response: Response?
                    let isLast: Bool
                    do {
                        // Who asks whether to go on with a large body is told so, unless the request is refused anyway.
                        if request.headers[.expect]?.lowercased() == "100-continue", responder.admits(request) {
                            try await writer.writeInformationalHead(HTTPResponse(status: .continue))
                        }
                        var answer = try await responder.respond(to: request, context: context)
                        isLast = Self.leavesLargeBody(request, refusedBy: answer)
                        if isLast { answer.headers[.connection] = "close" }
                        if let observation { answer.body = observation.counting(answer.body) }
                        response = answer
                        try await writer.write(response: answer.head, body: answer.body)
                        observation?.end(route: context.endpointPath, response: answer)
                    } catch {
                        observation?.cutOff(route: context.endpointPath, response: response)
                        throw error
                    }
                    // Whatever is still coming of the body is not read.
                    if isLast { throw UnwantedBody() }
                },
                configuration: HTTP1Channel.Configuration(
                    httpDecoderConfiguration: HTTP1Channel.Configuration.DecoderConfiguration(
                        maxHeaderFieldSize: limits.headerBlock, maxHeaderListSize: limits.headerBlock,
                        maxHeaderFieldCount: limits.headerCount))),
            limits: limits, tls: tls, connections: observer?.metrics.connections ?? OpenConnections())
        self.channel = channel
        self.socket = socket
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
        server = try await ServerBootstrap(group: eventLoopGroup)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .bind(socket.descriptor) { channel.setup(channel: $0, logger: logger).map { AcceptedConnection($0) } }
        socket.restoreBacklog()
    }

    private struct UnwantedBody: Error {}

    /// Whether the client may go on to send a body that is of no use any more.
    private static func leavesLargeBody(_ request: Request, refusedBy response: Response) -> Bool {
        guard response.status.code >= 400 else { return false }
        guard let length = request.headers[.contentLength] else { return request.headers.contains(.transferEncoding) }
        return (Int(length) ?? .max) > 64 << 10
    }

    /// Serves until `stop(grace:)` has been called and every connection has ended.
    func run() async throws {
        let channel = channel
        let logger = logger
        // Held here, beyond the end of the last connection that uses one.
        var executors: [ObjectIdentifier: EventLoopExecutor] = [:]
        for loop in eventLoopGroup.makeIterator() { executors[ObjectIdentifier(loop)] = EventLoopExecutor(loop) }
        try await server.executeThenClose { [executors] inbound in
            try await withThrowingDiscardingTaskGroup { group in
                for try await connection in inbound {
                    group.addTask(executorPreference: executors[ObjectIdentifier(connection.eventLoop)]) {
                        await channel.handle(value: connection.take(), logger: logger)
                    }
                }
            }
        }
    }

    /// Accepts nothing more, lets requests that have begun finish, and closes all connections.
    ///
    /// - Parameters:
    ///   - patience: how long clients that are about to hang up by themselves are waited for.
    ///   - grace: after this, what is still open is cut.
    func stop(patience: Duration = .zero, grace: Duration = .seconds(10)) async {
        // A task of its own, awaited here: a caller that is cancelled still wants the requests to be finished.
        await Task {
            await acceptPending()
            try? await server.channel.close()
            await waitForConnections(atMost: patience)
            channel.connections.quiesce()
            await waitForConnections(atMost: grace)
            channel.connections.closeAll()
        }.value
    }

    /// Lets the event loop take in the clients that the kernel has already let in.
    private func acceptPending() async {
        for _ in 0..<50 where socket.hasPendingConnection {
            try? await Task.sleep(for: .milliseconds(1))
        }
    }

    private func waitForConnections(atMost limit: Duration) async {
        let clock = ContinuousClock()
        let deadline = clock.now.advanced(by: limit)
        var pause = Duration.milliseconds(1)
        while channel.connections.count > 0, clock.now < deadline {
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(20))
        }
    }
}
