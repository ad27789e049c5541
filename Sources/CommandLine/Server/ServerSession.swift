import Execution
import Processes
import Server
import SwiftFlow
import Synchronization
import Tracking

/// One `swiftflow server` from the first line it prints to its exit code.
struct ServerSession {
    let configuration: ServerConfiguration

    /// Serves until a signal comes, or the store can no longer be written.
    func run(until signals: AsyncStream<Int32>) async throws {
        let log = LineLog(format: configuration.logFormat)
        defer { log.flush() }
        let messages = ServerMessages(log: log, format: configuration.logFormat, level: configuration.logLevel)
        configuration.warnings.forEach(messages.warn)
        // First the port: where another server runs already, no store is opened or created.
        let port = try ReservedPort(address: configuration.host, port: configuration.port)
        let served = try await configuration.store?.openForServing(
            artifactRoot: configuration.artifacts.defaultRoot, environment: configuration.environment,
            workingDirectory: configuration.workingDirectory)
        do {
            try await serve(served, on: port, until: signals, messages)
            await served?.store.close()
        } catch {
            await served?.store.close()
            throw error
        }
        if let failure = served?.failure() { throw failure }
    }

    private func serve(
        _ served: ServedStore?, on port: ReservedPort, until signals: AsyncStream<Int32>, _ messages: ServerMessages
    ) async throws {
        let stop = StopRequest()
        var settings = configuration.settings
        // Nothing may be acknowledged that was not written (R13); whoever supervises the server starts it anew.
        if let served { settings.noteFault = { if served.failure() != nil { stop.ask() } } }
        let server = try TrackingServer(
            store: served?.store, on: port, settings: settings, threads: configuration.threads,
            logger: messages.logger)
        let serving = Task { try await server.run() }
        stop.arrange { serving.cancel() }
        messages.announce(server, configuration)
        let watching = Task {
            var isStopping = false
            for await signal in signals {
                if isStopping { TerminationSignals.die(of: signal) }
                isStopping = true
                messages.stopping(signalName(signal))
                stop.ask()
            }
        }
        defer { watching.cancel() }
        try await serving.value
    }
}

/// The wish to stop, which may come before there is anything to stop.
private final class StopRequest: Sendable {
    private struct State {
        var isAsked = false
        var action: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    func ask() {
        let action = state.withLock { state in
            state.isAsked = true
            return state.action
        }
        action?()
    }

    func arrange(_ action: @escaping @Sendable () -> Void) {
        let isAsked = state.withLock { state in
            state.action = action
            return state.isAsked
        }
        if isAsked { action() }
    }
}
