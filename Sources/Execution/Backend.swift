import Diagnostics
package import Processes

/// A place where jobs run: this machine, containers, a cluster.
///
/// To write one, see `Backends/README.md`. A backend knows nothing of projects, environments or the store; it is given a
/// ``Job`` and answers with a handle.
package protocol Backend: Sendable {
    /// The name users give to `--backend`, also the value of the tag `mlflow.project.backend`.
    var name: String { get }

    /// Hands the job over and returns once it has been accepted.
    ///
    /// - Throws: an `ExplainedError` when the job cannot be accepted; nothing is left running then.
    func submit(_ job: Job) async throws -> any SubmittedJob
}

/// A job a backend has accepted.
package protocol SubmittedJob: Sendable {
    /// Waits for the end. Cancelling the waiting task does not end the job: call `cancel(grace:)`.
    func wait() async -> JobEnd

    /// Asks the job to end, and after `grace` makes it end. Returns when nothing of it is left.
    func cancel(grace: Duration) async

    /// Ends the job at once.
    func kill() async
}

/// How a job ended.
package enum JobEnd: Sendable, Hashable {
    /// The command ended by itself or by a signal.
    case ended(ProcessEnd)
    /// The backend cannot say how it ended; the text says why.
    case lost(reason: String)
}

/// The backends a program offers, by name.
package struct BackendRegistry: Sendable {
    /// Makes a backend from the user's `--backend-config`.
    package typealias Factory = @Sendable (_ configuration: BackendConfiguration) throws -> any Backend

    private var factories: [String: Factory]

    package init(_ factories: [String: Factory]) {
        self.factories = factories
    }

    package var names: [String] { factories.keys.sorted() }

    /// The backend of that name.
    ///
    /// - Throws: `InvalidInput` naming the backends there are.
    package func backend(named name: String, configuration: BackendConfiguration) throws -> any Backend {
        guard let factory = factories[name] else {
            throw InvalidInput(
                "there is no backend '\(name)'", remedy: suggestion(for: name, among: names, kind: "backends"))
        }
        return try factory(configuration)
    }
}

/// What `--backend-config` holds: JSON text that each backend reads by itself.
package struct BackendConfiguration: Sendable, Hashable {
    /// The JSON text, `{}` when none was given.
    package var json: String

    package init(json: String = "{}") {
        self.json = json
    }
}
