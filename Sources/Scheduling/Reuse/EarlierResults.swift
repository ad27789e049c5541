import Diagnostics
import Pipelines
import Tracking

/// The results of the steps that a partial run leaves out: those of the run that was named, else of the latest that has them.
struct EarlierResults: Sendable {
    /// By step; a step that is left out and not here has no results, and nobody has to have them.
    private(set) var outcomes: [String: StepOutcome] = [:]

    /// - Parameter own: the pipeline's run that is gone on with, whose steps are no earlier results.
    /// - Throws: `UsageError` with P070 for each step that needs results which no run has.
    init(
        of plan: Plan, experimentID: String, in store: any TrackingStore, but own: String? = nil
    ) async throws {
        let isWhole = plan.steps.allSatisfy(\.isIncluded)
        let journals =
            isWhole ? [] : try await earlierJournals(of: plan, experimentID: experimentID, in: store, but: own)
        try await self.init(of: plan, in: journals, store)
    }

    /// - Parameter journals: of earlier runs, the newest first.
    init(of plan: Plan, in journals: [Journal], _ store: any TrackingStore) async throws {
        var problems: [Diagnostic] = []
        for index in plan.order where !plan.steps[index].isIncluded {
            let step = plan.steps[index]
            for journal in journals {
                guard let outcome = await StepOutcome(reusing: step, of: plan, in: journal, after: outcomes, store)
                else { continue }
                outcomes[step.name] = outcome
                break
            }
            if outcomes[step.name] == nil { problems += plan.needs(of: step.index).map { plan.missing(step, for: $0) } }
        }
        guard problems.isEmpty else { throw UsageError(problems) }
    }
}

extension Plan {
    /// The steps of this part that cannot be without the values of another.
    fileprivate func needs(of index: Int) -> [PlannedStep] {
        steps.filter { step in
            step.isIncluded && step.dependencies.contains { $0.step == index && $0.isData && !$0.isOptional }
        }
    }

    fileprivate func missing(_ left: PlannedStep, for step: PlannedStep) -> Diagnostic {
        let wanted = Set(
            step.step.references.map(\.reference).filter { $0.step?.step == left.name }.map(\.description))
        return Diagnostic(
            .error, code: "P070", at: step.step.location,
            "step '\(step.name)' needs \(wanted.sorted().joined(separator: ", ")), and step '\(left.name)' is left out"
                + " and has no result in an earlier run",
            remedy: "include step '\(left.name)', or name a run that has it with --using RUN")
    }
}

extension StepOutcome {
    /// The results of a step in an earlier run; nil unless it succeeded as a whole.
    ///
    /// - Parameter outcomes: of the steps that it needs, as far as they are known.
    init?(
        reusing step: PlannedStep, of plan: Plan, in journal: Journal, after outcomes: [String: StepOutcome],
        _ store: any TrackingStore
    ) async {
        let (ids, members) = journal.members(of: step, in: plan, after: outcomes)
        if step.fanOut == .none {
            guard journal.nodes[step.name]?.success != nil else { return nil }
            self.init(of: step, ids, members, in: journal)
        } else {
            // Some of its cells may have failed, if the pipeline allowed that.
            guard journal.groups[step.name]?.info.status == .finished else { return nil }
            guard ids.allSatisfy({ journal.nodes[$0] != nil }) else { return nil }
            self.init(of: step, ids, members, in: journal)
        }
        state = .cached
        await choose(step.step.select, in: journal, store)
    }

    /// Ranks the members again as they were ranked when the step ended.
    mutating func choose(_ selection: Selection?, in journal: Journal, _ store: any TrackingStore) async {
        if let selection { top = await bestCells(nodes, by: selection, in: store) }
        guard let ids = nodes.first.flatMap({ journal.nodes[$0.id]?.success?.run.data.tag(NodeTag.found) }) else {
            return
        }
        take(await foundRuns(ids, in: store))
    }

    /// The runs that a `search` found.
    mutating func take(_ runs: [Run]) {
        isSearch = true
        found = runs.map { run in
            NodeOutcome(
                id: run.info.runID, state: run.info.status == .finished ? .succeeded : .failed, run: run.info,
                duration: run.data.wallSeconds,
                outputs: storedOutputs(run.data.tags), data: run.data)
        }
        top = Array(found.indices)
    }
}

/// The runs that a search has recorded as found; those that have gone since are left out.
func foundRuns(_ ids: String, in store: any TrackingStore) async -> [Run] {
    var runs: [Run] = []
    for id in ids.split(separator: ",") {
        if let run = try? await store.run(id: String(id)) { runs.append(run) }
    }
    return runs
}

extension Journal {
    /// The nodes of a step in the order of the plan, which is that of `all`; of cells that are no longer what the plan makes, in the order in
    /// which they were begun, without their place in the plan.
    func members(
        of step: PlannedStep, in plan: Plan, after outcomes: [String: StepOutcome]
    ) -> (ids: [String], nodes: [PlanNode]) {
        var planned = Array(plan.nodes(of: step))
        if step.fanOut.isDynamic { planned = (try? plan.expand(step, in: OutcomeScope(steps: outcomes))) ?? [] }
        let begun = nodes.filter { $0.key.hasPrefix(step.name + "[") }
        let ids = planned.map(\.id)
        guard step.fanOut.isDynamic, !Set(begun.keys).isSubset(of: ids) else { return (ids, planned) }
        let inOrder = begun.map { ($0.value.attempts.first?.run.info.startTime ?? 0, $0.key) }.sorted(by: <)
        return (inOrder.map(\.1), [])
    }
}
