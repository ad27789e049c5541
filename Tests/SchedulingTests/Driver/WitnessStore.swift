import Diagnostics
import Synchronization
import Testing
import Tracking

@testable import Scheduling

/// One life of a runner: it ends at a write or an event that the test chooses, and nothing of it reaches anything after that.
final class Life: Sendable {
    /// When it ends.
    enum Death: Sendable, Hashable, CustomStringConvertible {
        case never
        /// Instead of the write of that number.
        case before(write: Int)
        /// Once the write of that number is durable, and before anybody hears of it.
        case after(write: Int)
        case at(event: Int)
        /// Instead of recording how an attempt of that node ended.
        case beforeEnd(of: String)

        var description: String {
            switch self {
            case .never: "never"
            case .before(let number): "before write \(number)"
            case .after(let number): "after write \(number)"
            case .at(let number): "at event \(number)"
            case .beforeEnd(let node): "before the end of '\(node)'"
            }
        }
    }

    private struct State {
        var writes = 0
        var events = 0
        var open = 0
        var operations = 0
        var isOver = false
        var endings: [@Sendable () -> Void] = []
    }

    let death: Death
    private let state = Mutex(State())

    init(_ death: Death = .never) {
        self.death = death
    }

    var isOver: Bool { state.withLock { $0.isOver } }
    /// How many calls of the store are under way, and how many there have been.
    var activity: (open: Int, operations: Int) { state.withLock { ($0.open, $0.operations) } }

    func onEnd(_ ending: @escaping @Sendable () -> Void) {
        state.withLock { $0.endings.append(ending) }
    }

    func end() {
        let endings = state.withLock { state in
            state.isOver = true
            defer { state.endings = [] }
            return state.endings
        }
        endings.forEach { $0() }
    }

    func event() {
        let isLast = state.withLock { state in
            state.events += 1
            return death == .at(event: state.events) && !state.isOver
        }
        if isLast { end() }
    }

    struct Over: Error, CustomStringConvertible {
        var description: String { "this runner is dead" }
    }

    func read<T>(_ body: () async throws -> T) async throws -> T {
        try begin()
        defer { finish() }
        let value = try await body()
        if isOver { throw Over() }
        return value
    }

    func write<T>(_ body: () async throws -> T) async throws -> T {
        try begin()
        defer { finish() }
        let number = state.withLock { state in
            state.writes += 1
            return state.writes
        }
        if death == .before(write: number) { end() }
        if isOver { throw Over() }
        let value = try await body()
        if death == .after(write: number) { end() }
        if isOver { throw Over() }
        return value
    }

    private func begin() throws {
        try state.withLock { state in
            if state.isOver { throw Over() }
            state.open += 1
            state.operations += 1
        }
    }

    private func finish() { state.withLock { $0.open -= 1 } }
}

/// What all runners of a test have written: whatever breaks a rule of the journal is an issue.
final class Witness: Sendable {
    private struct State {
        var status: [String: RunStatus] = [:]
        /// Runs of attempts, by id: which node they are of.
        var nodes: [String: String] = [:]
        var parents: [String: String] = [:]
        var pipelines: Set<String> = []
        var broken: [String] = []
        var states: [String: [String]] = [:]
        var writes: [String: Int] = [:]
        var written: [String: [String]] = [:]
        var waiters: [(node: String, state: String, continuation: CheckedContinuation<Void, Never>)] = []

        func isBelow(_ run: String, _ other: String) -> Bool {
            var next = parents[run]
            while let parent = next {
                if parent == other { return true }
                next = parents[parent]
            }
            return false
        }
    }

    private let state = Mutex(State())

    /// What broke a rule.
    var broken: [String] { state.withLock { $0.broken } }

    /// The values that the tag of a node's states had, in order, over all its attempts.
    func states(of node: String) -> [String] { state.withLock { $0.states[node] ?? [] } }

    /// Returns once a run of the node has been written with that state.
    func waits(for node: String, in wanted: NodeState) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.written[node]?.contains(wanted.rawValue) == true { return true }
                state.waiters.append((node, wanted.rawValue, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    /// The write is durable.
    func wrote(_ update: RunUpdate) {
        guard let name = Self.value(NodeTag.state, update.tags) else { return }
        let due = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard let node = state.nodes[update.runID] else { return [] }
            state.written[node, default: []].append(name)
            let due = state.waiters.filter { $0.node == node && $0.state == name }.map(\.continuation)
            state.waiters.removeAll { $0.node == node && $0.state == name }
            return due
        }
        due.forEach { $0.resume() }
    }

    func node(of runID: String) -> String? { state.withLock { $0.nodes[runID] } }

    /// How often anything of a node's runs was written.
    func writes(of node: String) -> Int { state.withLock { $0.writes[node] ?? 0 } }

    func breaks(_ rule: String) { state.withLock { $0.broken.append(rule) } }

    private static func value(_ key: String, _ tags: [Tracking.Tag]) -> String? { tags.last { $0.key == key }?.value }

    func created(_ run: RunInfo, _ creation: RunCreation) {
        state.withLock { state in
            state.status[run.runID] = run.status
            state.parents[run.runID] = Self.value(WellKnownTag.parentRunID, creation.tags)
            if Self.value(NodeTag.pipeline, creation.tags) != nil {
                state.pipelines.insert(run.runID)
                if Self.value(NodeTag.lease, creation.tags) == nil {
                    state.broken.append("invariant 1: the pipeline's run was created without its lease")
                }
                guard let node = Self.value(NodeTag.node, creation.tags) else { return }
                for key in [NodeTag.attempt, NodeTag.attemptEpoch, WellKnownTag.parentRunID]
                where Self.value(key, creation.tags) == nil {
                    state.broken.append("invariant 1: the pipeline's run for '\(node)' was created without '\(key)'")
                }
                return
            }
            guard let node = Self.value(NodeTag.path, creation.tags) ?? Self.value(NodeTag.node, creation.tags) else {
                return state.broken.append("invariant 1: a run without the tag of its node: \(creation.name ?? "")")
            }
            guard Self.value(NodeTag.group, creation.tags) == nil else { return }
            state.nodes[run.runID] = node
            state.writes[node, default: 0] += 1
            for key in [NodeTag.attempt, NodeTag.state, NodeTag.epoch, WellKnownTag.parentRunID]
            where Self.value(key, creation.tags) == nil {
                state.broken.append("invariant 1: a run of '\(node)' was created without '\(key)'")
            }
            if let name = Self.value(NodeTag.state, creation.tags) { state.states[node, default: []].append(name) }
        }
    }

    func logs(_ runID: String) {
        state.withLock { state in if let node = state.nodes[runID] { state.writes[node, default: 0] += 1 } }
    }

    func updates(_ update: RunUpdate) {
        state.withLock { state in
            let before = state.status[update.runID]
            let node = state.nodes[update.runID]
            if let node { state.writes[node, default: 0] += 1 }
            if let node, let name = Self.value(NodeTag.state, update.tags) {
                state.states[node, default: []].append(name)
            }
            guard let status = update.status else { return }
            if let node {
                if before?.isTerminal == true, status != before, !update.respectsTerminalStatus {
                    state.broken.append(
                        "invariant 4: '\(node)' was \(before?.rawValue ?? "") and became \(status.rawValue)")
                }
                if status.isTerminal, before?.isTerminal == false, Self.value(NodeTag.state, update.tags) == nil {
                    state.broken.append("invariant 1: '\(node)' ended as \(status.rawValue) without its state")
                }
            }
            if state.pipelines.contains(update.runID), status.isTerminal {
                for (run, other) in state.status where !other.isTerminal && state.isBelow(run, update.runID) {
                    let what = state.nodes[run] ?? (state.pipelines.contains(run) ? "a nested one" : "a group")
                    state.broken.append("invariant 5: the pipeline ended before '\(what)'")
                }
            }
            state.status[update.runID] = status
        }
    }
}

/// A store that counts the writes of one life, lets it die among them, and shows them to a witness.
struct WitnessStore: TrackingStore {
    let base: any TrackingStore
    let life: Life
    let witness: Witness

    func createExperiment(_ creation: ExperimentCreation) async throws -> String {
        try await life.write { try await base.createExperiment(creation) }
    }
    func experiment(id: String) async throws -> Experiment { try await life.read { try await base.experiment(id: id) } }
    func experiment(named name: String) async throws -> Experiment {
        try await life.read { try await base.experiment(named: name) }
    }
    func renameExperiment(id: String, to newName: String) async throws {
        try await life.write { try await base.renameExperiment(id: id, to: newName) }
    }
    func deleteExperiment(id: String) async throws { try await life.write { try await base.deleteExperiment(id: id) } }
    func restoreExperiment(id: String) async throws {
        try await life.write { try await base.restoreExperiment(id: id) }
    }
    func setExperimentTag(_ tag: Tracking.Tag, experimentID: String) async throws {
        try await life.write { try await base.setExperimentTag(tag, experimentID: experimentID) }
    }
    func deleteExperimentTag(_ key: String, experimentID: String) async throws {
        try await life.write { try await base.deleteExperimentTag(key, experimentID: experimentID) }
    }
    func searchExperiments(_ search: ExperimentSearch) async throws -> Page<Experiment> {
        try await life.read { try await base.searchExperiments(search) }
    }

    func createRun(_ creation: RunCreation) async throws -> Run {
        try await life.write {
            let run = try await base.createRun(creation)
            witness.created(run.info, creation)
            return run
        }
    }
    func run(id: String) async throws -> Run { try await life.read { try await base.run(id: id) } }
    @discardableResult
    func updateRun(_ update: RunUpdate) async throws -> RunInfo {
        if update.status?.isTerminal == true, let node = witness.node(of: update.runID),
            life.death == .beforeEnd(of: node)
        {
            life.end()
        }
        return try await life.write {
            witness.updates(update)
            let info = try await base.updateRun(update)
            witness.wrote(update)
            return info
        }
    }
    func deleteRun(id: String) async throws { try await life.write { try await base.deleteRun(id: id) } }
    func restoreRun(id: String) async throws { try await life.write { try await base.restoreRun(id: id) } }
    func searchRuns(_ search: RunSearch) async throws -> Page<Run> {
        try await life.read { try await base.searchRuns(search) }
    }
    func runs(withStatus status: RunStatus, havingTag key: String) async throws -> [Run] {
        try await life.read { try await base.runs(withStatus: status, havingTag: key) }
    }
    func latestRuns(
        withTag key: String, among values: Set<String>, experimentIDs: [String]
    ) async throws -> [String: [Run]] {
        try await life.read {
            try await base.latestRuns(withTag: key, among: values, experimentIDs: experimentIDs)
        }
    }

    func logMetric(_ metric: Metric, runID: String) async throws {
        try await life.write { try await base.logMetric(metric, runID: runID) }
    }
    func logParam(_ param: Param, runID: String) async throws {
        try await life.write { try await base.logParam(param, runID: runID) }
    }
    func setTag(_ tag: Tracking.Tag, runID: String) async throws {
        try await life.write { try await base.setTag(tag, runID: runID) }
    }
    func deleteTag(_ key: String, runID: String) async throws {
        try await life.write { try await base.deleteTag(key, runID: runID) }
    }
    func logBatch(_ batch: LogBatch) async throws {
        try await life.write {
            witness.logs(batch.runID)
            try await base.logBatch(batch)
        }
    }
    func logInputs(_ inputs: RunInputs, runID: String) async throws {
        try await life.write { try await base.logInputs(inputs, runID: runID) }
    }
    func logOutputs(_ models: [LoggedModelOutput], runID: String) async throws {
        try await life.write { try await base.logOutputs(models, runID: runID) }
    }

    func metricPoints(_ query: MetricHistoryQuery) async throws -> Page<MetricPoint> {
        try await life.read { try await base.metricPoints(query) }
    }
    func metricSeries(runIDs: [String], key: String, maxResults: Int) async throws -> [MetricSeries] {
        try await life.read { try await base.metricSeries(runIDs: runIDs, key: key, maxResults: maxResults) }
    }
    func sampledMetricSeries(_ query: MetricIntervalQuery) async throws -> [MetricSeries] {
        try await life.read { try await base.sampledMetricSeries(query) }
    }
    func datasets(experimentIDs: [String]) async throws -> [DatasetSummary] {
        try await life.read { try await base.datasets(experimentIDs: experimentIDs) }
    }
    func close() async {}
}
