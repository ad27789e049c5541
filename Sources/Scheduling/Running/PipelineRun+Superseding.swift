import Pipelines
import Tracking

extension PipelineRun {
    /// Marks what had succeeded as to be done again: the steps that are named, and all that follow from them.
    ///
    /// What comes last is marked first, so that a crash in between leaves nothing that builds on a result which is gone.
    ///
    /// A nested pipeline of which a step is named is not marked but opened again, and told what to do again.
    static func supersede(
        _ names: [String], of plan: Plan, _ journal: inout Journal, epoch: Int, in store: any TrackingStore,
        at now: Milliseconds
    ) async throws {
        let paths = names.map(StepPath.init)
        let opened = Set(paths.filter { $0.rest != nil }.compactMap { plan.indices[$0.step] })
        var reached = Set(paths.filter { $0.rest == nil }.compactMap { plan.indices[$0.step] })
        let named = reached
        for index in plan.order {
            let before = plan.steps[index].dependencies.map(\.step)
            if before.contains(where: { reached.contains($0) || opened.contains($0) }) { reached.insert(index) }
        }
        for index in plan.order.reversed() where reached.contains(index) {
            let name = plan.steps[index].name
            // What only follows may be reused, if it turns out to be the same.
            let mark = Tag(NodeTag.superseded, "\(epoch)\(named.contains(index) ? JournalAttempt.byName : "")")
            for (id, node) in journal.nodes where id == name || id.hasPrefix(name + "[") {
                for (place, attempt) in node.attempts.enumerated() {
                    // A job that is at work is gone on with; a pipeline that was interrupted is begun anew.
                    guard !attempt.isSuperseded, attempt.run.info.status.isTerminal || attempt.isPipeline else {
                        continue
                    }
                    try await store.setTag(mark, runID: attempt.run.info.runID)
                    journal.nodes[id]?.attempts[place].run.data.tags.append(mark)
                }
            }
            if let group = journal.groups.removeValue(forKey: name) {
                let isOpen = !group.info.status.isTerminal
                try await store.updateRun(
                    RunUpdate(
                        runID: group.info.runID, status: isOpen ? .killed : nil, endTime: isOpen ? now : nil,
                        tags: [mark]))
            }
        }
        for index in opened.subtracting(reached) {
            let name = plan.steps[index].name
            try await open(paths.filter { $0.step == name }, &journal, in: store)
        }
    }

    /// Lets the runs of nested pipelines be gone on with, though they may have succeeded.
    private static func open(
        _ paths: [StepPath], _ journal: inout Journal, in store: any TrackingStore
    ) async throws {
        for (id, node) in journal.nodes {
            let named = paths.filter { $0.includes(node: id) }.compactMap(\.rest)
            guard !named.isEmpty, let last = node.attempts.last, last.isPipeline, !last.isSuperseded else { continue }
            let isEnded = last.run.info.status.isTerminal
            // What somebody wanted before, and no runner has come to, is wanted still.
            let before = stepNames(redo: last.run.data.tag(NodeTag.redo))
            let wanted = before + named.filter { !before.contains($0) }
            let reason = "some of it is to be done again: \(wanted.joined(separator: ", "))"
            // Until its own runner has begun, this is all that tells what is wanted of it.
            let info = try await store.updateRun(
                RunUpdate(
                    runID: last.run.info.runID, status: isEnded ? .failed : nil,
                    tags: [Tag(NodeTag.redo, redoText(wanted))]
                        + (isEnded
                            ? [
                                Tag(NodeTag.state, NodeState.failed.rawValue),
                                Tag(WellKnownTag.failureReason, String(reason.prefix(4000))),
                            ] : [])))
            journal.nodes[id]?.attempts[node.attempts.count - 1].run.info = info
        }
    }
}
