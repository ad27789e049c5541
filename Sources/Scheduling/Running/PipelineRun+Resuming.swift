import Execution
import Pipelines
import Tracking

/// Taking up what an earlier runner did (§5.5 of the design).
extension PipelineRun {
    /// Uses what the journal says of a node; false when it has to run.
    func recall(_ node: Int, _ journal: JournalNode) -> Bool {
        guard let success = journal.success else { return false }
        let name = plan.steps[machine.nodes[node].step].name
        let place = machine.nodes[node].cell ?? 0
        let run = success.run
        records[node].run = run.info
        records[node].startTime = run.info.startTime
        records[node].endTime = run.info.endTime
        records[node].cachedFrom = run.data.tag(NodeTag.cachedFrom)
        outcomes[name]?.nodes[place].run = run.info
        outcomes[name]?.nodes[place].outputs = success.outputs
        outcomes[name]?.nodes[place].data = run.data
        outcomes[name]?.nodes[place].exitCode = 0
        outcomes[name]?.nodes[place].duration = run.data.tag("swiftflow.wall_seconds").flatMap { Double($0) }
        if !success.outputs.isEmpty { artifactFolders[run.info.runID] = services.artifacts.folder(of: run.info) }
        post(.examined(node, .done(records[node].cachedFrom == nil ? .succeeded : .cached)))
        return true
    }

    /// When the delay of an attempt that failed before a crash is over; nil when nothing is waited for.
    func notBefore(_ node: Int, _ resolved: ResolvedStep) -> Milliseconds? { nil }

    /// The results of a step that is left out of this run.
    func takeOver(_ step: PlannedStep) {
        post(.considered(step.index, .reuse))
    }
}
