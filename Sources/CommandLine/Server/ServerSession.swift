import Diagnostics
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
        configuration.warnings.forEach(Messages.warning)
        // First the port: where another server runs already, no store is opened or created.
        let port = try ReservedPort(address: configuration.host, port: configuration.port)
        let served = try await configuration.store?.openForServing(
            artifactRoot: configuration.artifacts.defaultRoot, environment: configuration.environment,
            workingDirectory: configuration.workingDirectory)
        do {
            try await serve(served, on: port, until: signals)
            await served?.store.close()
        } catch {
            await served?.store.close()
            throw error
        }
        if let failure = served?.failure() { throw failure }
    }

    private func serve(_ served: ServedStore?, on port: ReservedPort, until signals: AsyncStream<Int32>) async throws {
        let stop = StopRequest()
        var settings = configuration.settings
        // Nothing may be acknowledged that was not written (R13); whoever supervises the server starts it anew.
        if let served { settings.noteFault = { if served.failure() != nil { stop.ask() } } }
        let server = try TrackingServer(
            store: served?.store, on: port, settings: settings, threads: configuration.threads)
        let serving = Task { try await server.run() }
        stop.arrange { serving.cancel() }
        announce(server)
        let watching = Task {
            var isStopping = false
            for await signal in signals {
                if isStopping { TerminationSignals.die(of: signal) }
                isStopping = true
                Messages.note("\(signalName(signal)): finishing the requests that have begun; once more to end at once")
                stop.ask()
            }
        }
        defer { watching.cancel() }
        try await serving.value
    }

    private func announce(_ server: TrackingServer) {
        let store = configuration.store.map { redactedURL($0.uri) } ?? "none (--artifacts-only)"
        let artifacts = configuration.artifacts
        let destination = artifacts.destination.map { "\($0.text), served as mlflow-artifacts:/" } ?? "not served"
        Messages.note(
            """
            MLflow's API \(MLflowAPI.version) is served at \(server.uri)
              store      \(store)
              artifacts  \(destination); new experiments in \(redactedURL(artifacts.defaultRoot))
              access     \(configuration.settings.credentials == nil ? "without credentials" : "with credentials")
            """)
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
