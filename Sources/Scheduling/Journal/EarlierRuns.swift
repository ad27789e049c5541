import Diagnostics
import Pipelines
import Tracking

/// What the latest runs of a pipeline of this name did, the newest first.
///
/// - Parameter own: the run that is under way now, which is none of them.
func earlierJournals(
    of plan: Plan, experimentID: String, in store: any TrackingStore, but own: String? = nil, limit: Int = 10
) async throws -> [Journal] {
    var runs: [Run] = []
    if let using = plan.request.part.using {
        let run = try await store.run(id: using)
        guard run.data.tag(NodeTag.pipeline) != nil else {
            throw UsageError(
                "--using: the run \(using) is not the run of a pipeline",
                remedy: "see 'swiftflow status' for those that are")
        }
        runs = [run]
    } else if !plan.name.contains("'") {
        runs = try await store.searchRuns(
            RunSearch(
                experimentIDs: [experimentID], filter: "tags.\"\(NodeTag.pipeline)\" = '\(plan.name)'",
                orderBy: ["attributes.start_time DESC"], maxResults: limit)
        ).elements.filter { $0.info.runID != own }
    }
    var journals: [Journal] = []
    for run in runs { journals.append(try await Journal(of: run.info, in: store)) }
    return journals
}

/// How long each step took when it last succeeded by itself, in milliseconds; of a fan-out all its cells together.
func lastDurations(of plan: Plan, in journals: [Journal]) -> [String: Int64] {
    var durations: [String: Int64] = [:]
    for step in plan.steps {
        for journal in journals {
            if let group = journal.groups[step.name] {
                guard group.info.status == .finished, let end = group.info.endTime else { continue }
                let cells = journal.nodes.filter { $0.key.hasPrefix(step.name + "[") }.values.compactMap(\.success)
                guard cells.contains(where: { $0.run.data.tag(NodeTag.cachedFrom) == nil }) else { continue }
                durations[step.name] = max(0, end - group.info.startTime)
            } else if let run = journal.nodes[step.name]?.success?.run, let end = run.info.endTime {
                guard run.data.tag(NodeTag.cachedFrom) == nil else { continue }
                durations[step.name] = max(0, end - run.info.startTime)
            }
            if durations[step.name] != nil { break }
        }
    }
    return durations
}

extension PipelineRun {
    /// How long the steps took the last time, by which the longest path is known.
    ///
    /// The order of starts is never wrong, only slower; so nothing is asked where the answer would take longer than it can save.
    static func knownDurations(of plan: Plan, _ run: RunInfo, _ services: PipelineServices) async -> [String: Int64] {
        guard plan.steps.count > 2, plan.nodes.count <= 500 else { return [:] }
        let earlier = try? await earlierJournals(
            of: plan, experimentID: run.experimentID, in: services.store, but: run.runID, limit: 3)
        return lastDurations(of: plan, in: earlier ?? [])
    }
}
