import Diagnostics
import Glibc
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
package import Tracking

/// The server that `swiftflow server` runs: REST over a store, until it is asked to stop.
///
/// Created, it listens already, so that a port that is in use is known before anything else is done; `run()` serves.
package struct TrackingServer: Service {
    package let address: String
    package let port: Int
    private let store: (any TrackingStore)?
    private let settings: ServerSettings
    private let socket: ListeningSocket
    private let tls: TLSContext?
    private let threads: Int
    private let logger: Logger

    /// - Parameters:
    ///   - port: 0 for any free one.
    ///   - threads: event loops; nil for one per core.
    /// - Throws: `ListenError`, or `InvalidInput` when the address can be reached from elsewhere and no host names are allowed, or
    ///   when a certificate cannot be read.
    package init(
        store: any TrackingStore, address: String = "127.0.0.1", port: Int = 5000,
        settings: ServerSettings = ServerSettings(), threads: Int? = nil, logger: Logger = .silent
    ) throws {
        try Self.requireHosts(address, settings)
        let port = try ReservedPort(address: address, port: port)
        try self.init(store: store, on: port, settings: settings, threads: threads, logger: logger)
    }

    /// - Parameter store: nil for a server of artifacts alone.
    package init(
        store: (any TrackingStore)?, on port: ReservedPort, settings: ServerSettings, threads: Int? = nil,
        logger: Logger = .silent
    ) throws {
        try Self.requireHosts(port.socket.address, settings)
        var settings = settings
        settings.limits.connections = min(settings.limits.connections, Self.raiseDescriptorLimit() - 64)
        self.settings = settings
        self.store = store
        self.logger = logger
        self.threads = threads ?? System.coreCount
        tls = try settings.tls?.makeContext()
        socket = port.socket
        address = port.socket.address
        self.port = port.socket.port
    }

    private static func requireHosts(_ address: String, _ settings: ServerSettings) throws(InvalidInput) {
        guard !isLoopback(address), settings.allowedHosts.isEmpty else { return }
        throw InvalidInput(
            "the address '\(address)' can be reached from other machines, and no host names are allowed",
            remedy: "name the hosts under which clients reach the server with --allowed-hosts")
    }

    /// Where clients on this machine find the server.
    package var uri: String {
        let host = address.contains(":") ? "[\(address)]" : address
        return "\(tls == nil ? "http" : "https")://\(host):\(port)\(settings.staticPrefix?.path ?? "")"
    }

    /// Serves until the task is cancelled or its service group shuts down; requests that have begun are finished, within ten seconds.
    package func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        do {
            let metrics = ServerMetrics()
            let service = try await HTTPService(
                on: socket,
                responder: settings.makeResponder(for: store, address: address, port: port, metrics: metrics),
                limits: settings.limits, tls: tls, eventLoopGroup: group, logger: logger,
                observer: RequestObserver(metrics: metrics, logger: logger))
            try await serve(service)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }

    private func serve(_ service: HTTPService) async throws {
        // Not a child task: being cancelled means to stop in good order, not to cut requests short.
        let serving = Task { try await service.run() }
        try await withThrowingTaskGroup { group in
            group.addTask { try await serving.value }
            group.addTask {
                // Ends on graceful shutdown as well as on cancellation.
                try? await gracefulShutdown()
                await service.stop()
            }
            // Either accepting has failed, or the stopping is done, which ends the serving.
            defer { group.cancelAll() }
            try await group.next()
        }
        try await serving.value
    }

    package static func isLoopback(_ address: String) -> Bool {
        let isNumeric = address.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
        return address == "localhost" || address == "::1" || (isNumeric && address.hasPrefix("127."))
    }

    /// Lets the process have as many connections as it may; the soft limit is usually a thousand.
    private static func raiseDescriptorLimit() -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) == 0 else { return 1024 }
        let wanted = min(limit.rlim_max, 65_536)
        if limit.rlim_cur < wanted {
            limit.rlim_cur = wanted
            _ = unsafe setrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit)
        }
        return Int(clamping: limit.rlim_cur)
    }
}
