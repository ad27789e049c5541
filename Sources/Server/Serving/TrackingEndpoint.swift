package import Logging
import NIOCore
import NIOPosix
import Synchronization
package import Tracking

/// The tracking server a runner keeps for its children.
///
/// A child gets `MLFLOW_TRACKING_URI` = `uri` and `MLFLOW_TRACKING_TOKEN` = `token`. Most children never connect, and must not be
/// paid for: at first there is only a listening socket and an entry in the process's event queue. Router, event loop and
/// thread come into being with the first connection, which the kernel has accepted by then.
package final class TrackingEndpoint: Sendable {
    /// Where children find it: `http://127.0.0.1:PORT`, or the address that containers know.
    package let uri: String
    /// What a child must show; nobody else on this machine can know it.
    package let token: String

    private enum State {
        /// Nobody has connected yet.
        case waiting(FirstConnection)
        case serving(Task<RunningService, any Error>)
        case closed
    }

    private let state: Mutex<State>
    private let socket: ListeningSocket
    private let settings: ServerSettings
    private let store: any TrackingStore
    private let logger: Logger

    /// Opens the endpoint on a free port.
    ///
    /// - Parameters:
    ///   - address: an address of this machine: the loopback one, or one that containers reach.
    ///   - host: the name by which children know it, when that is not the address.
    ///   - settings: artifact roots and limits; address, port and credentials are the endpoint's own.
    package init(
        store: any TrackingStore, address: String = "127.0.0.1", host: String? = nil,
        settings: ServerSettings = ServerSettings(), logger: Logger = .silent
    ) throws(ListenError) {
        let socket = try ListeningSocket.open(address: address, port: 0)
        self.socket = socket
        self.store = store
        self.logger = logger
        token = Credentials.makeToken()
        uri = "http://\(host ?? address):\(socket.port)"
        var settings = settings
        if let host, host != address { settings.allowedHosts.append(host) }
        settings.credentials = .token(token)
        self.settings = settings
        state = Mutex(.closed)
        let first = FirstConnection(on: socket) { [weak self] in self?.startServing() }
        state.withLock { state in
            // A client that was quicker than this line finds the event queue calling again: nobody has accepted it.
            state = .waiting(first)
        }
    }

    deinit {
        // Only an endpoint that nobody closed and nobody connected to is still waiting.
        state.withLock { state in
            if case .waiting(let first) = state { first.stopAndClose() }
            state = .closed
        }
    }

    private func startServing() {
        state.withLock { state in
            guard case .waiting(let first) = state else { return }
            first.stop()
            let (socket, settings, store, logger) = (socket, settings, store, logger)
            // Owned by the endpoint: `close()` awaits it.
            state = .serving(
                Task {
                    try await RunningService.start(on: socket, store: store, settings: settings, logger: logger)
                })
        }
    }

    /// Finishes what clients have begun, then closes; calls after the first return at once.
    ///
    /// To be called when the child has ended: its sockets are closed then, so that nothing is waited for in vain.
    package func close(grace: Duration = .seconds(10)) async {
        if socketIsWaitedFor { startServing() }
        let task: Task<RunningService, any Error>? = state.withLock { state in
            defer { state = .closed }
            switch state {
            case .waiting(let first):
                first.stopAndClose()
                return nil
            case .serving(let task): return task
            case .closed: return nil
            }
        }
        guard let service = try? await task?.value else { return }
        await service.stop(patience: .milliseconds(250), grace: grace)
    }

    /// A client may have connected in the last moment, without the event queue having told us.
    private var socketIsWaitedFor: Bool {
        state.withLock { state in
            guard case .waiting = state else { return false }
            return socket.hasPendingConnection
        }
    }
}

/// A service with the event loop that it alone uses.
private struct RunningService: Sendable {
    let service: HTTPService
    let eventLoopGroup: MultiThreadedEventLoopGroup
    let running: Task<Void, any Error>

    static func start(
        on socket: ListeningSocket, store: any TrackingStore, settings: ServerSettings, logger: Logger
    ) async throws -> RunningService {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let service = try await HTTPService(
                on: socket,
                responder: settings.makeResponder(
                    for: store, address: socket.address, port: socket.port), limits: settings.limits,
                eventLoopGroup: group, logger: logger)
            // Owned by this value: `stop` awaits it.
            return RunningService(service: service, eventLoopGroup: group, running: Task { try await service.run() })
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    func stop(patience: Duration, grace: Duration) async {
        await service.stop(patience: patience, grace: grace)
        _ = try? await running.value
        try? await eventLoopGroup.shutdownGracefully()
    }
}

extension Logger {
    /// Says nothing.
    package static var silent: Logger { Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() } }
}
