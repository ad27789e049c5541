package import Diagnostics
import Pipelines
import Tracking

/// What happens when another pipeline of the same name is active in the same experiment.
///
/// Whoever waits has the tag `swiftflow.turn`, and says that it goes by removing it. Two that do so at the same moment see each other, and
/// both wait again; then the earlier one goes.
extension PipelineRun {
    private static let waitingTime: Milliseconds = 1_000

    /// The tags of a run that has to wait for its turn first.
    static func turnTags(_ plan: Plan) -> [Tag] {
        plan.pipeline.concurrency == .allow ? [] : [Tag(NodeTag.turn, plan.pipeline.concurrency.rawValue)]
    }

    /// Comes back when the pipeline may begin, or has ended without having begun.
    func waitForTurn() async throws {
        let rule = plan.pipeline.concurrency
        guard rule != .allow else { return }
        var told: Set<String> = []
        while !isOver {
            let others = try await activeOthers()
            let blockers = others.filter { !$0.isWaiting || isBefore($0.info) }
            if let blocker = blockers.first {
                if rule == .skip {
                    let refusal = ConcurrencyRefused(plan, blocker.info)
                    refused = refusal
                    return cancel(reason: messages(of: refusal))
                }
                for other in blockers where told.insert(other.info.runID).inserted {
                    services.observe(
                        .note("waits for run \(other.info.runID.prefix(8)) of this pipeline, which is active"))
                    if rule == .replace { try await end(other) }
                }
            } else if try await takeTurn() {
                if let timeout = plan.timeout?.milliseconds {
                    machine.limit(to: timeout, from: services.clock.now())
                }
                return
            }
            await services.clock.sleep(until: services.clock.now() + Self.waitingTime)
        }
    }

    private func end(_ other: Run) async throws {
        do {
            try await cancelPipeline(other, steps: [], in: services.store)
        } catch is CancelRefused {
            // It has ended by itself meanwhile.
        }
    }

    /// False when another one has taken its turn at the same moment.
    private func takeTurn() async throws -> Bool {
        try await services.store.updateRun(
            RunUpdate(runID: info.runID, status: .running, removedTags: [NodeTag.turn]))
        if try await activeOthers().allSatisfy(\.isWaiting) { return true }
        try await services.store.updateRun(
            RunUpdate(runID: info.runID, status: .scheduled, tags: Self.turnTags(plan)))
        return false
    }

    private func isBefore(_ other: RunInfo) -> Bool {
        (other.startTime, other.runID) < (info.startTime, info.runID)
    }

    private func activeOthers() async throws -> [Run] {
        let around = Set(options.enclosing?.outerRuns ?? [])
        return try await Self.activePipelines(
            named: plan.name, in: info.experimentID, services.store, at: services.clock.now()
        ).filter { $0.info.runID != info.runID && !around.contains($0.info.runID) }
    }

    /// Pipelines of a name that somebody runs, or that wait; those whose runner is gone are not active.
    static func activePipelines(
        named name: String, in experiment: String, _ store: any TrackingStore, at now: Milliseconds
    ) async throws -> [Run] {
        var active: [Run] = []
        for status in [RunStatus.running, .scheduled] {
            active += try await store.runs(withStatus: status, havingTag: NodeTag.pipeline).filter { run in
                guard run.info.experimentID == experiment, run.data.tag(NodeTag.pipeline) == name,
                    let lease = run.data.tag(NodeTag.lease).flatMap({ Lease($0) })
                else { return false }
                return !lease.isExpired(at: now)
            }
        }
        return active.sorted { ($0.info.startTime, $0.info.runID) < ($1.info.startTime, $1.info.runID) }
    }
}

extension Run {
    fileprivate var isWaiting: Bool { data.tag(NodeTag.turn) != nil }
}

extension StateMachine {
    /// Begins to count the pipeline's timeout.
    mutating func limit(to timeout: Milliseconds, from now: Milliseconds) {
        timers.insert(Timer(time: saturatingSum(now, timeout), kind: .pipeline))
    }
}

/// Why a pipeline is not run beside another one of its name (P080).
package struct ConcurrencyRefused: ExplainedError {
    package let diagnostics: [Diagnostic]

    init(_ plan: Plan, _ other: RunInfo) {
        diagnostics = [
            Diagnostic(
                .error, code: "P080",
                "another run of the pipeline '\(plan.name)' is active: \(other.runID)",
                remedy:
                    "wait for it or cancel it (swiftflow cancel \(other.runID.prefix(8))); the file says 'concurrency: skip'"
            )
        ]
    }
}
