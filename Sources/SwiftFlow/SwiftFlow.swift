import Diagnostics
import Execution
import Files
import Processes
import SystemPackage
import Tracking

/// Runs an MLflow project and waits for its end.
///
/// The project is fetched if need be, its environment prepared, its entry point run, and everything recorded in the store.
/// Cancelling the task stops the run: its processes get TERM, ten seconds later KILL, and the run ends as `.killed`.
///
/// ```swift
/// let run = try await run(uri: "https://git.example.org/team/model.git#train", version: "v1.2", parameters: ["alpha": "0.5"])
/// print(run.runID, run.status)
/// ```
///
/// - Parameters:
///   - uri: a folder, a zip archive or a git URL, with an optional `#subdirectory`.
///   - entryPoint: a declared entry point, or a `.py`, `.sh` or `.R` script of the project.
///   - version: a branch, tag or commit of a git project.
///   - parameters: values by name; numbers and paths are checked against the types the project declares.
///   - options: where to record and run, and how.
/// - Returns: the run as it ended; look at its `status`.
/// - Throws: ``RunError`` when no run could be created; a run that failed is not an error.
public func run(
    uri: String, entryPoint: String = "main", version: String? = nil, parameters: KeyValuePairs<String, String> = [:],
    options: RunOptions = RunOptions()
) async throws -> EndedRun {
    let submitted = try await submit(
        uri: uri, entryPoint: entryPoint, version: version, parameters: parameters, options: options)
    return try await withTaskCancellationHandler {
        try await submitted.wait()
    } onCancel: {
        submitted.cancel()
    }
}

/// Starts an MLflow project and returns as soon as its run exists in the store.
///
/// The run ends with this process at the latest: its processes never outlive whoever submitted them.
///
/// - Returns: a handle to wait for, or to cancel.
/// - Throws: ``RunError`` with everything that is wrong with the request, before any run exists.
public func submit(
    uri: String, entryPoint: String = "main", version: String? = nil, parameters: KeyValuePairs<String, String> = [:],
    options: RunOptions = RunOptions()
) async throws -> SubmittedRun {
    let environment = processEnvironment().merging(options.environment) { _, new in new }
    let request = RunRequest(
        uri: uri, entryPoint: entryPoint, version: version,
        parameters: parameters.map { (name: $0.key, value: $0.value) },
        experiment: options.experimentName.map { .name($0) } ?? .unspecified, backend: options.backend,
        environmentManager: options.environmentManager?.rawValue,
        storageDirectory: options.storageDirectory.map { FilePath($0) }, runName: options.runName,
        parentRunID: options.parentRunID, environment: environment, workingDirectory: currentDirectory())
    do {
        let services = try StandardServices(
            trackingURI: options.trackingURI, environment: environment, workingDirectory: request.workingDirectory)
        return try await SubmittedRun(request, services, onOutput: options.onOutput)
    } catch let error as any ExplainedError {
        throw RunError(error)
    }
}

/// Where a run is recorded, where it runs, and how; every value has MLflow's default.
public struct RunOptions: Sendable {
    /// How a project's packages are provided.
    public enum EnvironmentManager: String, Sendable, Hashable, CaseIterable {
        /// The packages of the running environment.
        case local
        /// `python -m venv`.
        case virtualenv
        /// The `uv` program.
        case uv
        /// The `conda` program.
        case conda
    }

    /// The store: `sqlite:///FILE` or a server's address; nil for `MLFLOW_TRACKING_URI`, else `sqlite:///mlflow.db`.
    public var trackingURI: String?
    /// The experiment, created when missing; nil for what the environment says, else `Default`.
    public var experimentName: String?
    /// The name of the run; nil for a random one.
    public var runName: String?
    /// The run this one belongs under.
    public var parentRunID: String?
    /// The name of the backend.
    public var backend = "local"
    /// nil lets the project decide.
    public var environmentManager: EnvironmentManager?
    /// Where downloaded `path` parameters are kept; nil for a temporary folder.
    public var storageDirectory: String?
    /// Variables added to this process's own for the command.
    public var environment: [String: String] = [:]
    /// Sees every byte the command writes, as it writes it, on a thread where it may block; nil passes them on to this process's streams.
    public var onOutput: (@Sendable (_ bytes: [UInt8], _ isError: Bool) -> Void)?

    /// All defaults.
    public init() {}
}

/// A run that has been started.
public final class SubmittedRun: Sendable {
    /// The run's id in the store.
    public let runID: String
    private let work: Task<RunResult, any Error>
    private let services: StandardServices

    init(
        _ request: RunRequest, _ services: StandardServices,
        onOutput: (@Sendable (_ bytes: [UInt8], _ isError: Bool) -> Void)?
    ) async throws {
        let (created, continuation) = AsyncStream<String>.makeStream()
        let launcher = services.launcher(
            receiveOutput: { stream, bytes in passOn(bytes, isError: stream == .standardError, to: onOutput) },
            observe: { event in
                if case .created(let run, _, _) = event { continuation.yield(run.runID) }
            })
        // Owned by this handle: `wait()` awaits it and `cancel()` cancels it.
        let work = Task {
            defer { continuation.finish() }
            return try await launcher.run(request)
        }
        var firstID: String?
        for await runID in created {
            firstID = runID
            break
        }
        // Without a run there is an error, which the task throws.
        runID = if let firstID { firstID } else { try await work.value.run.runID }
        self.work = work
        self.services = services
    }

    /// Waits for the end of the run.
    ///
    /// - Throws: ``RunError`` when the end could not be recorded.
    public func wait() async throws -> EndedRun {
        do {
            let result = try await work.value
            return EndedRun(result)
        } catch let error as any ExplainedError {
            throw RunError(error)
        }
    }

    /// Asks the run to stop; `wait()` returns when it has.
    public func cancel() {
        work.cancel()
    }
}

/// A run that has ended.
public struct EndedRun: Sendable, Hashable {
    /// How a run can end.
    public enum Status: String, Sendable, Hashable {
        /// The entry point succeeded and everything it wrote is kept.
        case finished = "FINISHED"
        /// Something went wrong; see ``EndedRun/reason``.
        case failed = "FAILED"
        /// It was stopped.
        case killed = "KILLED"
    }

    /// The run's id in the store.
    public let runID: String
    /// The run's status in the store.
    public let status: Status
    /// Why it did not finish; nil for a finished run.
    public let reason: String?
    /// The exit code of the entry point; nil when it was ended by a signal or never started.
    public let exitCode: Int32?
    /// Where the run's artifacts are.
    public let artifactURI: String

    init(_ result: RunResult) {
        runID = result.run.runID
        status = Status(rawValue: result.status.rawValue) ?? .failed
        reason = result.outcome.reason
        artifactURI = result.run.artifactURI
        if case .exited(let code) = result.outcome.end?.termination { exitCode = code } else { exitCode = nil }
    }
}

/// Why no run could be created, or how its end could not be recorded.
public struct RunError: Error, CustomStringConvertible {
    /// Everything that is wrong, each as `place: error: what; what to do`.
    public let messages: [String]

    init(_ error: any ExplainedError) {
        messages = error.diagnostics.map(\.description)
    }

    /// The messages, one a line.
    public var description: String { messages.joined(separator: "\n") }
}

private func passOn(
    _ bytes: RawSpan, isError: Bool, to receiver: (@Sendable (_ bytes: [UInt8], _ isError: Bool) -> Void)?
) {
    guard let receiver else {
        // Nobody to tell: a stream of this process that nobody reads is no reason to end the run.
        try? writeAll(bytes, to: isError ? .standardError : .standardOutput, shown: "output")
        return
    }
    receiver(unsafe bytes.withUnsafeBytes { unsafe Array($0) }, isError)
}
