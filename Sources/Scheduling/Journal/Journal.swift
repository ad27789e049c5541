import Execution
package import Tracking

/// What the store says of a pipeline's nodes: the attempts that were made, by node.
package struct Journal: Sendable {
    package var nodes: [String: JournalNode] = [:]
    /// The group runs of fan-outs, by step name; the first one of each, should a crash have left two.
    package var groups: [String: Run] = [:]
    /// The others of those.
    package var surplusGroups: [Run] = []

    package init() {}

    /// Reads the runs below a pipeline's run, and those below the groups of its fan-outs.
    ///
    /// - Parameter wanted: the tags of attempts that are of interest; nil for all, but for long ones that only lookups of reusable runs need.
    package init(of run: RunInfo, in store: any TrackingStore, tags wanted: Set<String>? = nil) async throws {
        var parents = [run.runID]
        while let parent = parents.popLast() {
            for try await page in children(of: parent, experimentID: run.experimentID, in: store) {
                for child in page { take(child, tags: wanted, &parents) }
            }
        }
        for id in nodes.keys {
            nodes[id]?.attempts.sort { ($0.number, $0.run.info.startTime) < ($1.number, $1.run.info.startTime) }
        }
    }

    /// - Parameter parents: runs below which there is more to be read.
    private mutating func take(_ child: Run, tags wanted: Set<String>?, _ parents: inout [String]) {
        guard let id = child.data.tag(NodeTag.node) else { return }
        guard child.data.tag(NodeTag.group) != nil else {
            var attempt = JournalAttempt(child)
            attempt.run.data.tags = child.data.tags.filter { tag in
                wanted?.contains(tag.key) ?? (tag.key != NodeTag.cacheFields)
            }
            nodes[id, default: JournalNode()].attempts.append(attempt)
            return
        }
        parents.append(child.info.runID)
        // Of a superseded group the cells are done again under another one; else cells may be under either.
        if child.data.tag(NodeTag.superseded) != nil { return }
        if let known = groups[id], known.info.startTime <= child.info.startTime {
            surplusGroups.append(child)
        } else if let known = groups.updateValue(child, forKey: id) {
            surplusGroups.append(known)
        }
    }
}

/// The attempts of one node, in their order.
package struct JournalNode: Sendable {
    package var attempts: [JournalAttempt] = []

    /// The attempt that succeeded, if one did.
    package var success: JournalAttempt? { attempts.last { $0.run.info.status == .finished && !$0.isSuperseded } }
}

package struct JournalAttempt: Sendable {
    package var number: Int
    package var epoch: Int
    package var run: Run

    init(_ run: Run) {
        number = run.data.tag(NodeTag.attempt).flatMap { Int($0) } ?? 1
        epoch = (run.data.tag(NodeTag.attemptEpoch) ?? run.data.tag(NodeTag.epoch)).flatMap { Int($0) } ?? 1
        self.run = run
    }

    /// Whether somebody wanted it done again.
    package var isSuperseded: Bool { run.data.tag(NodeTag.superseded) != nil }

    /// What the mark of one ends with that was named itself, and does not only follow from such a one.
    static let byName = " by name"

    /// Whether it is to be done again whatever has been computed before.
    var isSupersededByName: Bool { run.data.tag(NodeTag.superseded)?.hasSuffix(Self.byName) == true }

    /// Whether the attempt is a pipeline of its own.
    package var isPipeline: Bool { run.data.tag(NodeTag.pipeline) != nil }

    /// Whether its job is one that a runner finds again; jobs of this machine end with theirs.
    package var mayHaveOutlivedItsRunner: Bool {
        (run.data.tag(WellKnownTag.projectBackend) ?? "local") != "local" && run.data.tag(NodeTag.launch) != nil
    }

    /// What the run handed on, as its tags say.
    package var outputs: [String: OutputValue] { storedOutputs(run.data.tags) }
}

/// All active runs directly below a run, page by page.
private func children(of runID: String, experimentID: String, in store: any TrackingStore) -> Pages<Run> {
    let filter = "tags.\"\(WellKnownTag.parentRunID)\" = '\(runID)'"
    return Pages {
        try await store.searchRuns(
            RunSearch(
                experimentIDs: [experimentID], filter: filter, orderBy: ["attributes.start_time ASC"],
                maxResults: 2_000, pageToken: $0))
    }
}
