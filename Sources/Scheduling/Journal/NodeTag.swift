import Tracking

/// The tags that make the runs of a pipeline its journal.
///
/// What cannot be computed again is written here and nowhere else: which attempts there are, with which values, in which state, and how
/// to find them again. Everything else follows from the plan.
package enum NodeTag {
    /// On the pipeline's run: its name.
    package static let pipeline = "swiftflow.pipeline"
    /// On the pipeline's run: the digest of its file.
    package static let pipelineDigest = "swiftflow.pipeline.digest"
    /// On the pipeline's run: how many nodes are in each state, as JSON.
    package static let nodeCounts = "swiftflow.nodes"
    /// On the pipeline's run: names of nodes that have no run, with the state they ended in.
    package static let skipped = "swiftflow.skipped"
    package static let blocked = "swiftflow.blocked"
    /// On the pipeline's run: who runs it.
    package static let lease = "swiftflow.lease"
    /// On the pipeline's run: somebody wants the whole, or the steps it names, to end.
    package static let cancel = "swiftflow.cancel"
    /// On the pipeline's run: one of its outputs.
    package static func output(_ name: String) -> String { "swiftflow.output.\(name)" }

    /// On the pipeline's run: it waits for others of its name, as its `concurrency` says.
    package static let turn = "swiftflow.turn"

    /// On the run of an attempt: the node's id in the plan.
    package static let node = "swiftflow.node"
    /// On the run of an attempt in a nested pipeline: the way there from the outermost one, such as `prepare/clean`.
    package static let path = "swiftflow.path"
    package static let attempt = "swiftflow.attempt"
    package static let state = "swiftflow.state"
    /// The deterministic name of the attempt in its backend.
    package static let launch = WellKnownTag.launch
    /// Which of the pipeline's runners started it: 1 for the first, one more for each resume.
    package static let epoch = "swiftflow.epoch"
    /// On the run of a nested pipeline: the same, of the outer pipeline's runners.
    package static let attemptEpoch = "swiftflow.attempt_epoch"
    package static let cacheKey = "swiftflow.cache_key"
    /// The nine digests the key was made of.
    package static let cacheFields = "swiftflow.cache_fields"
    /// Why the step ran though it may be reused.
    package static let cacheReason = "swiftflow.cache_reason"
    /// The run whose results were taken over.
    package static let cachedFrom = "swiftflow.cached_from"
    /// On the run of an attempt that had succeeded, and is done again because somebody wanted it.
    package static let superseded = "swiftflow.superseded"
    /// On the run of a pipeline that is to be gone on with: its steps that are to be done again then, one on each line.
    package static let redo = "swiftflow.redo"
    package static let pruned = "swiftflow.pruned"
    /// The artifact that a param was bound to.
    package static func input(_ param: String) -> String { "swiftflow.input.\(param)" }
    package static func digest(_ output: String) -> String { "swiftflow.digest.\(output)" }
    /// On the group run of a fan-out: the chosen cell.
    package static let bestRun = "swiftflow.best_run_id"
    /// On the run of a `search` step: the ids of the runs it found.
    package static let found = "swiftflow.found"
    /// What makes the run of a fan-out's group different from one of its cells.
    package static let group = "swiftflow.group"
}

/// The deterministic name of an attempt: a second submission of the same one collides instead of running twice.
package func launchName(pipelineRun: String, node: String, attempt: Int) -> String {
    let digits = String(stableHash(node), radix: 16)
    let hash = String(repeating: "0", count: 16 - digits.count) + digits
    return "sf-\(pipelineRun.prefix(8))-\(hash.prefix(8))-\(attempt)"
}
