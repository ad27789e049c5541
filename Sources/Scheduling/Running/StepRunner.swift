package import Execution
package import JSON
package import Pipelines
package import Processes
import Synchronization
package import SystemPackage
package import Tracking

/// Starts the attempts of steps: the one seam between what is decided and what is done.
///
/// The real one is ``LauncherStepRunner``; tests use one that follows a script.
package protocol StepRunner: Sendable {
    /// Records an attempt, runs it, records its end, and returns when nothing of it is left.
    ///
    /// Nothing is started that the store does not know, and every run that was begun is ended. Cancelling the task stops the attempt
    /// politely; `control.kill()` does it at once.
    func run(_ attempt: StepAttempt, control: StepControl) async -> StepResult

    /// Finds an attempt again that a runner which died had started, and follows it to its end.
    ///
    /// One that its backend has never heard of is started, with the same run.
    func adopt(_ attempt: StepAttempt, run: Run, control: StepControl) async -> StepResult

    /// Everything the result of an attempt depends on; nil when that cannot be told, so that nothing is reused.
    func cacheInputs(of attempt: StepAttempt, images: ImageDigests) async throws -> CacheInputs?

    /// Begins with what the first steps of the plan will need, while the plan is being recorded.
    func prepare(for plan: Plan)

    /// Releases what is kept for all steps.
    func close() async
}

extension StepRunner {
    package func cacheInputs(of attempt: StepAttempt, images: ImageDigests) async throws -> CacheInputs? { nil }
    package func prepare(for plan: Plan) {}
}

/// One attempt of a node with everything evaluated.
package struct StepAttempt: Sendable {
    /// The node's id, also the name of its run.
    package var node: String
    package var step: PlannedStep
    package var number: Int
    package var resolved: ResolvedStep
    package var experimentID: String
    package var parentRunID: String
    /// The run of the outermost pipeline: its jobs are found again by whoever resumes that.
    package var pipelineRunID: String?
    package var launchName: String
    package var tags: [Tag]
    /// Numbers of the GPU devices it has been given.
    package var devices: [Int] = []
    /// The run of the attempt before this one.
    package var previousRunID: String?
    /// Its run, where that had to be made before all of its values were known; they are recorded in it before anything is launched.
    package var runID: String?
    /// When it could have started.
    package var readySince: Milliseconds
    /// When an earlier runner started it; nil when it starts now.
    package var startTime: Milliseconds?
    /// Where `${{ outputs.NAME }}` is, by name.
    package var places: [String: FilePath] = [:]
    /// Where the file `$SWIFTFLOW_OUTPUT` is.
    package var outputFile: FilePath
    /// Files that steps write into the project's folder, which are no part of its code.
    package var writtenFiles: Set<String> = []
    /// The values of its secrets.
    package var secrets: [String: String] = [:]
    /// Variables that come from the pipeline around this one.
    package var inherited: [String: String] = [:]
    /// Where artifacts that are bound to params lie on this machine, by URI: they are handed on without a copy.
    package var localPaths: [String: FilePath] = [:]
    package var report: @Sendable (StepReport) -> Void = { _ in }
}

/// What happens during an attempt.
package enum StepReport: Sendable {
    case created(RunInfo)
    /// The process or job is about to exist.
    case launched
    /// The command has ended well; only the record of it is left to be written.
    case finishing
    /// The first process of a job of this machine.
    case process(Int32)
    case note(String)
    case warning(String)
}

/// How an attempt ended.
package struct StepResult: Sendable {
    /// Nil when not even a run could be made.
    package var run: RunInfo?
    package var failure: NodeFailure?
    /// What the process tree did and used.
    package var end: ProcessEnd?
    package var outputs: [String: OutputValue]
    /// When it ended.
    package var endTime: Milliseconds?
    /// What a `search` found.
    package var found: [Run]?
    /// In seconds, where there was no process.
    package var duration: Double?
    /// Whether another attempt is safe; not where this one may still be running.
    package var mayRetry = true

    package init(
        run: RunInfo?, failure: NodeFailure? = nil, end: ProcessEnd? = nil, outputs: [String: OutputValue] = [:],
        endTime: Milliseconds? = nil, found: [Run]? = nil
    ) {
        self.found = found
        self.run = run
        self.failure = failure
        self.end = end
        self.outputs = outputs
        self.endTime = endTime
    }
}

/// What a step hands on under a name.
package enum OutputValue: Sendable, Hashable {
    /// An artifact of the run.
    case artifact(path: String, digest: String?)
    /// A small value of `$SWIFTFLOW_OUTPUT`.
    case text(String)
    /// An artifact of another run, such as a nested pipeline hands on.
    case reference(uri: String, digest: String?)
    /// Any other value that a nested pipeline hands on.
    case value(Value)

    /// The value for people: an artifact is its path or its URI.
    package var text: String {
        switch self {
        case .artifact(let path, _): path
        case .text(let text), .reference(let text, _): text
        case .value(let value): value.text ?? ""
        }
    }

    /// The value for programs.
    package var json: JSONValue {
        if case .value(let value) = self { value.jsonValue } else { .string(text) }
    }

    /// The artifacts of other runs in it.
    var artifactURIs: [String] {
        switch self {
        case .artifact, .text: return []
        case .reference(let uri, _): return [uri]
        case .value(let value):
            var found: [String] = []
            var open = [value]
            while let value = open.popLast() {
                switch value {
                case .artifact(let artifact): found.append(artifact.uri)
                case .list(let items): open += items
                default: break
                }
            }
            return found
        }
    }
}

/// Lets the driver stop an attempt, and say why.
package final class StepControl: Sendable {
    private struct State {
        var task: Task<Void, Never>?
        var cause: StateMachine.StopCause?
        var isStopped = false
        var wantsKill = false
        var kill: (@Sendable () async -> Void)?
    }

    private let state = Mutex(State())
    package let control = RunControl()

    package init() {}

    /// The task that the attempt runs in.
    func bind(_ task: Task<Void, Never>) {
        let isStopped = state.withLock { state in
            state.task = task
            return state.isStopped
        }
        if isStopped { task.cancel() }
    }

    func stop(_ cause: StateMachine.StopCause) {
        let task = state.withLock { state in
            state.cause = state.cause ?? cause
            state.isStopped = true
            return state.task
        }
        task?.cancel()
    }

    func kill() async {
        let kill = state.withLock { state in
            state.wantsKill = true
            return state.kill
        }
        await control.killNow()
        await kill?()
    }

    /// What else is to be done when the attempt is ended at once.
    func forwardKill(_ kill: @escaping @Sendable () async -> Void) {
        let wantsKill = state.withLock { state in
            state.kill = kill
            return state.wantsKill
        }
        if wantsKill { Task { await kill() } }
    }

    /// Why it was told to stop.
    package var cause: StateMachine.StopCause? { state.withLock { $0.cause } }
}
