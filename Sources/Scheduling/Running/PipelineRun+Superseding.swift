import Pipelines
import Tracking

extension PipelineRun {
    /// Marks what had succeeded as to be done again: the steps that are named, and all that follow from them.
    ///
    /// What comes last is marked first, so that a crash in between leaves nothing that builds on a result which is gone.
    static func supersede(
        _ names: [String], of plan: Plan, _ journal: inout Journal, epoch: Int, in store: any TrackingStore,
        at now: Milliseconds
    ) async throws {
        var reached = Set(names.compactMap { plan.indices[$0] })
        for index in plan.order where plan.steps[index].dependencies.contains(where: { reached.contains($0.step) }) {
            reached.insert(index)
        }
        let mark = Tag(NodeTag.superseded, String(epoch))
        for index in plan.order.reversed() where reached.contains(index) {
            let name = plan.steps[index].name
            for (id, node) in journal.nodes where id == name || id.hasPrefix(name + "[") {
                for (place, attempt) in node.attempts.enumerated() where attempt.run.info.status.isTerminal {
                    guard !attempt.isSuperseded else { continue }
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
    }
}
