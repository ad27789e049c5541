import Diagnostics
import Execution
import Processes
import Synchronization
import SystemPackage
import Tracking

@testable import Scheduling

/// Where the jobs of a test run: a stand-in for machines and clusters that does what a script says.
///
/// It is shared by all runners of a test. `local` jobs end with the runner that started them; `far` ones outlive it and are found again by
/// their names.
final class ScriptedEngine: Sendable {
    /// What a script is told of a job.
    struct Work: Sendable {
        var node: String
        var attempt: Int
        var job: Job
        /// The words of the command after its first.
        var words: [String] { job.command.split(separator: " ").dropFirst().map { String($0.filter { $0 != "'" }) } }
        var variables: [String: String] { job.ownVariables }
        /// Whether `run.run_id` as its first word and `run.artifact_uri` in `PLACE` are those of the run it logs to.
        var knowsItsRun: Bool { words == [job.run.runID] && variables["PLACE"] == job.run.artifactURI }
    }

    typealias Script = @Sendable (Work) async -> JobEnd

    fileprivate struct Known {
        var node: String
        /// Which attempts of the pipelines around it it belongs to: one that is begun anew does everything again.
        var work: String
        var end: JobEnd?
        var task: Task<Void, Never>?
        var waiters: [(life: Life, continuation: CheckedContinuation<JobEnd, Never>)] = []
    }

    private struct State {
        var jobs: [String: Known] = [:]
        var launches: [String] = []
        var adoptions: [String] = []
        var adoptionWaiters: [(node: String, continuation: CheckedContinuation<Void, Never>)] = []
    }

    let witness: Witness
    private let store: any TrackingStore
    private let script: Script
    private let state = Mutex(State())

    init(store: any TrackingStore, witness: Witness, _ script: @escaping Script) {
        self.store = store
        self.witness = witness
        self.script = script
    }

    /// The names of the nodes that were started, in order, once for each attempt.
    var launches: [String] { state.withLock { $0.launches } }
    /// Those whose jobs were found again at work.
    var adoptions: [String] { state.withLock { $0.adoptions } }
    /// Returns once the job of a node has been found again at work.
    func adopted(_ node: String) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.adoptions.contains(node) { return true }
                state.adoptionWaiters.append((node, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    var liveNodes: [String] { state.withLock { $0.jobs.values.filter { $0.end == nil }.map(\.node) } }

    func registry(for life: Life) -> BackendRegistry {
        BackendRegistry([
            "local": { [self] _ in ScriptedBackend(name: "local", engine: self, life: life) },
            "far": { [self] _ in ScriptedBackend(name: "far", engine: self, life: life) },
        ])
    }

    fileprivate func submit(_ job: Job, _ life: Life, isLocal: Bool) async throws -> Following {
        if life.isOver { throw Life.Over() }
        let run = try await store.run(id: job.run.runID)
        let node = run.data.path ?? "?"
        let place = try await work(of: run)
        if run.info.status != .running || run.data.tag(NodeTag.launch) != job.name
            || run.data.tag(NodeTag.state) != NodeState.starting.rawValue || run.data.tag(NodeTag.attempt) == nil
        {
            witness.breaks("invariant 3: '\(node)' was launched before the store knew it")
        }
        if node == "own", run.data.param("id") != job.run.runID {
            witness.breaks("invariant 3: '\(node)' was launched before its values were recorded")
        }
        let work = Work(node: node, attempt: run.data.tag(NodeTag.attempt).flatMap { Int($0) } ?? 0, job: job)
        // A runner that dies here has submitted nothing.
        let (isSecond, isRepeated, isKnown) = state.withLock { state in
            let others = state.jobs.filter { $0.value.node == node }
            defer {
                if !life.isOver, state.jobs[job.name] == nil {
                    state.jobs[job.name] = Known(node: node, work: place)
                    state.launches.append(node)
                }
            }
            return (
                others.contains { $0.value.end == nil && $0.key != job.name },
                others.contains {
                    $0.value.work == place && $0.value.end.map(isSuccess) == true && isRecorded($0.key)
                },
                state.jobs[job.name] != nil
            )
        }
        if life.isOver { throw Life.Over() }
        if isSecond { witness.breaks("invariant 2: '\(node)' has two live attempts") }
        if isRepeated { witness.breaks("invariant 6: '\(node)' was done again after its success was recorded") }
        if isKnown { throw InvalidInput("there is a job '\(job.name)' already") }
        let task = Task { finish(job.name, await script(work)) }
        state.withLock { $0.jobs[job.name]?.task = task }
        life.onEnd { [self] in
            if isLocal {
                task.cancel()
                finish(job.name, .lost(reason: "its runner died"))
            }
            leave(job.name, life)
        }
        return Following(name: job.name, engine: self, life: life)
    }

    /// The node's name after the attempts of the pipelines around it.
    private func work(of run: Run) async throws -> String {
        var name = run.data.tag(NodeTag.node) ?? "?"
        var parent = run.data.tag(WellKnownTag.parentRunID)
        while let id = parent {
            let outer = try await store.run(id: id)
            parent = outer.data.tag(WellKnownTag.parentRunID)
            guard outer.data.tag(NodeTag.pipeline) != nil, let node = outer.data.tag(NodeTag.node) else { continue }
            name = "\(node)#\(outer.data.tag(NodeTag.attempt) ?? "?")/\(name)"
        }
        return name
    }

    private let recorded = Mutex<Set<String>>([])

    private func isRecorded(_ name: String) -> Bool { recorded.withLock { $0.contains(name) } }

    /// Remembers which attempts' success is in the store; nil to forget all of it.
    func note(recorded names: [String]?) {
        recorded.withLock { recorded in recorded = names.map { recorded.union($0) } ?? [] }
    }

    fileprivate func reattach(_ job: Job, _ life: Life) -> Reattachment {
        let known = state.withLock {
            state -> (end: JobEnd?, isKnown: Bool, waiters: [CheckedContinuation<Void, Never>]) in
            guard let known = state.jobs[job.name] else { return (nil, false, []) }
            guard known.end == nil else { return (known.end, true, []) }
            state.adoptions.append(known.node)
            let due = state.adoptionWaiters.filter { $0.node == known.node }.map(\.continuation)
            state.adoptionWaiters.removeAll { $0.node == known.node }
            return (nil, true, due)
        }
        known.waiters.forEach { $0.resume() }
        guard known.isKnown else { return .neverSubmitted }
        let following = Following(name: job.name, engine: self, life: life)
        if known.end != nil { return .ended(following) }
        life.onEnd { [self] in leave(job.name, life) }
        return .running(following)
    }

    fileprivate func wait(_ name: String, _ life: Life) async -> JobEnd {
        await withCheckedContinuation { continuation in
            let end = state.withLock { state -> JobEnd? in
                if life.isOver { return .lost(reason: "nobody waits any more") }
                if let end = state.jobs[name]?.end { return end }
                state.jobs[name]?.waiters.append((life, continuation))
                return nil
            }
            if let end { continuation.resume(returning: end) }
        }
    }

    /// Whoever waits in a life that is over waits no longer.
    private func leave(_ name: String, _ life: Life) {
        let waiters = state.withLock { state -> [CheckedContinuation<JobEnd, Never>] in
            let waiters = state.jobs[name]?.waiters ?? []
            state.jobs[name]?.waiters.removeAll { $0.life === life }
            return waiters.filter { $0.life === life }.map(\.continuation)
        }
        waiters.forEach { $0.resume(returning: .lost(reason: "nobody waits any more")) }
    }

    fileprivate func stop(_ name: String) {
        state.withLock { $0.jobs[name]?.task }?.cancel()
        finish(name, .ended(ProcessEnd(termination: .signaled(signal: 15), wallTime: .zero, usage: nil)))
    }

    private func finish(_ name: String, _ end: JobEnd) {
        let waiters = state.withLock { state -> [CheckedContinuation<JobEnd, Never>] in
            guard state.jobs[name]?.end == nil else { return [] }
            state.jobs[name]?.end = end
            defer { state.jobs[name]?.waiters = [] }
            return state.jobs[name]?.waiters.map(\.continuation) ?? []
        }
        waiters.forEach { $0.resume(returning: end) }
    }
}

private func isSuccess(_ end: JobEnd) -> Bool { if case .ended(let end) = end { end.isSuccess } else { false } }

private struct ScriptedBackend: Backend {
    let name: String
    let engine: ScriptedEngine
    let life: Life

    func submit(_ job: Job) async throws -> any SubmittedJob {
        try await engine.submit(job, life, isLocal: name == "local")
    }

    func reattach(_ job: Job, handle: String?) async throws -> Reattachment {
        if life.isOver { throw Life.Over() }
        return engine.reattach(job, life)
    }
}

private struct Following: SubmittedJob {
    let name: String
    let engine: ScriptedEngine
    let life: Life

    var handle: String? { "handle of \(name)" }
    func wait() async -> JobEnd { await engine.wait(name, life) }
    func cancel(grace: Duration) async { if !life.isOver { engine.stop(name) } }
    func kill() async { if !life.isOver { engine.stop(name) } }
}

extension JobEnd {
    /// The command ended by itself.
    static func exited(_ code: Int32) -> JobEnd {
        .ended(
            ProcessEnd(
                termination: .exited(code: code), wallTime: .milliseconds(5),
                usage: ResourceUsage(userTime: .milliseconds(3), systemTime: .milliseconds(1), peakMemory: 1 << 20)))
    }
}
