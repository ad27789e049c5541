import Diagnostics
package import Processes
package import Tracking

/// A place where jobs run: this machine, containers, a cluster.
///
/// To write one, see `Backends/README.md`. A backend knows nothing of projects, environments or the store; it is given a
/// ``Job`` and answers with a handle.
package protocol Backend: Sendable {
    /// The name users give to `--backend`, also the value of the tag `mlflow.project.backend`.
    var name: String { get }

    /// Whether jobs run in a container image instead of an environment of this machine.
    var runsContainers: Bool { get }

    /// What names the content of an image; nil when that is not known here without fetching it.
    func imageDigest(_ image: String) async throws -> String?

    /// From where jobs of this backend reach the runner's tracking endpoint.
    func trackingReach() async throws -> TrackingReach

    /// Finds, before a run exists, everything the user can have got wrong.
    ///
    /// - Throws: an `ExplainedError` with all of it.
    func check(_ job: ProspectiveJob) async throws

    /// Hands the job over and returns once it has been accepted.
    ///
    /// - Throws: an `ExplainedError` when the job cannot be accepted; nothing is left running then.
    func submit(_ job: Job) async throws -> any SubmittedJob

    /// Finds a job again that a runner which died had submitted.
    ///
    /// - Parameters:
    ///   - job: the same job, above all with the same `name`.
    ///   - handle: what `SubmittedJob.handle` was, if the runner lived long enough to record it.
    func reattach(_ job: Job, handle: String?) async throws -> Reattachment
}

extension Backend {
    package var runsContainers: Bool { false }
    package func imageDigest(_ image: String) async throws -> String? { nil }
    package func trackingReach() async throws -> TrackingReach { .thisMachine }
    package func check(_ job: ProspectiveJob) async throws {}

    /// Jobs that end with their runner cannot be found again.
    package func reattach(_ job: Job, handle: String?) async throws -> Reattachment {
        .gone(reason: "its runner died, and its processes with it")
    }
}

/// From where jobs reach the tracking endpoint that a runner keeps for them.
package enum TrackingReach: Sendable, Hashable {
    /// The loopback address.
    case thisMachine
    /// The endpoint listens on the address `bind` of this machine, which jobs know as `host`.
    case address(bind: String, host: String)
    /// Not at all: jobs need a tracking server of their own. The text says why.
    case none(reason: String)
}

/// A job a backend has accepted.
package protocol SubmittedJob: Sendable {
    /// What finds the job again after the runner died, such as a container's id; nil when nothing does.
    var handle: String? { get }

    /// The job's first process, when that is one of this machine that ends with the runner.
    var processID: Int32? { get }

    /// Facts for the run that are known since the submission, such as the id of the image.
    var tags: [Tag] { get }

    /// Waits for the end. Cancelling the waiting task does not end the job: call `cancel(grace:)`.
    func wait() async -> JobEnd

    /// Asks the job to end, and after `grace` makes it end. Returns when nothing of it is left.
    func cancel(grace: Duration) async

    /// Ends the job at once.
    func kill() async

    /// Clears away what is left of a job that has ended; called once its end is recorded.
    ///
    /// Until then it stays, so that a runner that dies in between has lost nothing.
    func settle() async
}

extension SubmittedJob {
    package func settle() async {}
    package var handle: String? { nil }
    package var processID: Int32? { nil }
    package var tags: [Tag] { [] }
}

/// How a job ended.
package enum JobEnd: Sendable, Hashable {
    /// The command ended by itself or by a signal.
    case ended(ProcessEnd)
    /// The backend knows better why it failed than the exit code tells.
    case failed(FailureKind, reason: String, end: ProcessEnd?)
    /// The backend cannot say how it ended; the text says why.
    case lost(reason: String)
}

/// What became of a job whose runner died.
package enum Reattachment: Sendable {
    /// It still runs; its output goes to the job's output from here on.
    case running(any SubmittedJob)
    /// It ended in the meantime, as `wait()` says at once; what it wrote has been handed to the job's output.
    ///
    /// What is left of it stays until `settle()`, as with every other job.
    case ended(any SubmittedJob)
    /// The backend has never heard of it: it can be submitted.
    case neverSubmitted
    /// It was there, and nobody can tell how it ended.
    case gone(reason: String)
}

/// Why a run did not finish, in one word: the value of the tag `swiftflow.reason`.
package enum FailureKind: String, Sendable, Hashable, CaseIterable {
    /// The command ended with an exit code other than 0.
    case exit
    /// The command was ended by a signal that nobody here sent.
    case signal
    case timeout
    /// It used more memory than it was allowed.
    case outOfMemory = "oom"
    /// Its host, process or job vanished.
    case lost
    /// It could not be started.
    case launch
    /// The cluster took its place away.
    case preempted
    case missingOutput = "missing_output"
    case missingMetric = "missing_metric"
    case noCandidate = "no_candidate"
    /// What it wrote could not be kept.
    case incompleteLog = "incomplete_log"
    /// Somebody asked for the end.
    case stopped
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
