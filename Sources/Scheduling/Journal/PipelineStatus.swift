import Diagnostics
import Execution
import JSON
import Pipelines
package import Tracking

/// What the store says of a pipeline now: for whoever is not its runner.
package struct PipelineStatus: Sendable {
    package struct Node: Sendable {
        package var id: String
        package var step: String
        package var state: NodeState
        package var attempts: Int
        package var run: Run?
        package var reason: String?
        package var cachedFrom: String?
        package var isGroup: Bool
    }

    package var run: Run
    package var name: String
    package var state: PipelineState
    /// In the order in which they began; nodes that have no run are at the end.
    package var nodes: [Node]

    package init(of runID: String, in store: any TrackingStore, at now: Milliseconds) async throws {
        try await self.init(of: runID, in: store, at: now, depth: 0)
    }

    private init(
        of runID: String, in store: any TrackingStore, at now: Milliseconds, depth: Int
    ) async throws {
        run = try await store.run(id: runID)
        name = run.data.tag(NodeTag.pipeline) ?? run.info.runName
        switch run.info.status {
        case .finished: state = .succeeded
        case .failed: state = .failed
        case .killed: state = .cancelled
        case .running, .scheduled:
            let lease = run.data.tag(NodeTag.lease).flatMap { Lease($0) }
            state = (lease.map { $0.isExpired(at: now) } ?? true) ? .interrupted : .running
        }
        let journal = try await Journal(of: run.info, in: store)
        var nodes = journal.groups.map { name, group in
            Node(
                id: name, step: name, state: Self.state(of: group), attempts: 0, run: group,
                reason: group.data.tag(WellKnownTag.failureReason), cachedFrom: nil, isGroup: true)
        }
        for (id, node) in journal.nodes {
            guard let last = node.success ?? node.attempts.last else { continue }
            nodes.append(
                Node(
                    id: id, step: String(id.prefix { $0 != "[" }), state: Self.state(of: last.run),
                    attempts: node.attempts.count, run: last.run,
                    reason: last.run.info.status == .finished ? nil : last.run.data.tag(WellKnownTag.failureReason),
                    cachedFrom: last.run.data.tag(NodeTag.cachedFrom), isGroup: false))
        }
        nodes.sort { left, right in
            let (a, b) = (left.run?.info.startTime ?? .max, right.run?.info.startTime ?? .max)
            return a != b ? a < b : (left.isGroup ? 0 : 1, left.id) < (right.isGroup ? 0 : 1, right.id)
        }
        for (key, state) in [(NodeTag.skipped, NodeState.skipped), (NodeTag.blocked, .blocked)] {
            for name in (run.data.tag(key) ?? "").split(separator: ",") {
                let name = String(name.drop { $0 == " " })
                nodes.append(Node(id: name, step: name, state: state, attempts: 0, isGroup: false))
            }
        }
        self.nodes = []
        for node in nodes {
            self.nodes.append(node)
            self.nodes += try await Self.nested(in: node, store, at: now, depth: depth + 1)
        }
    }

    /// The nodes of the pipeline that a node is; their names tell the way.
    private static func nested(
        in node: Node, _ store: any TrackingStore, at now: Milliseconds, depth: Int
    ) async throws -> [Node] {
        // Somebody may have made runs the parents of each other.
        guard depth <= 16, !node.isGroup, let run = node.run, run.data.tag(NodeTag.pipeline) != nil else { return [] }
        return try await PipelineStatus(of: run.info.runID, in: store, at: now, depth: depth).nodes.map { inner in
            var inner = inner
            inner.id = nestedName(node.id, inner.id)
            inner.step = nestedName(node.id, inner.step)
            return inner
        }
    }

    /// The state a run of a node is in.
    static func state(of run: Run) -> NodeState {
        switch run.info.status {
        case .finished: run.data.tag(NodeTag.cachedFrom) == nil ? .succeeded : .cached
        case .failed: .failed
        case .killed: run.data.tag(NodeTag.pruned) == nil ? .cancelled : .pruned
        case .scheduled: .starting
        case .running: .running
        }
    }

    /// The same for programs.
    package var json: String {
        func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
        let nodes = nodes.map { node -> JSONValue in
            .object(
                JSONObject(members: [
                    .init(name: "node", value: .string(node.id)), .init(name: "step", value: .string(node.step)),
                    .init(name: "state", value: .string(node.state.rawValue)),
                    .init(name: "group", value: .bool(node.isGroup)),
                    .init(name: "attempts", value: .integer(Int64(node.attempts))),
                    .init(name: "run_id", value: text(node.run?.info.runID)),
                    .init(name: "start_time", value: node.run.map { .integer($0.info.startTime) } ?? .null),
                    .init(name: "end_time", value: node.run?.info.endTime.map { .integer($0) } ?? .null),
                    .init(name: "cached_from", value: text(node.cachedFrom)),
                    .init(name: "reason", value: text(node.reason)),
                ]))
        }
        var writer = JSONWriter()
        writer.value(
            .object(
                JSONObject(members: [
                    .init(name: "run_id", value: .string(run.info.runID)), .init(name: "name", value: .string(name)),
                    .init(name: "state", value: .string(state.rawValue)),
                    .init(name: "status", value: .string(run.info.status.rawValue)),
                    .init(name: "start_time", value: .integer(run.info.startTime)),
                    .init(name: "end_time", value: run.info.endTime.map { .integer($0) } ?? .null),
                    .init(name: "reason", value: text(run.data.tag(WellKnownTag.failureReason))),
                    .init(name: "outputs", value: outputsJSON(storedOutputs(run.data.tags))),
                    .init(name: "nodes", value: .array(nodes)),
                ])))
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

/// The pipelines that are running, or whose runner is gone.
package func activePipelines(in store: any TrackingStore) async throws -> [Run] {
    var active: [Run] = []
    for status in [RunStatus.running, .scheduled] {
        active += try await store.runs(withStatus: status, havingTag: NodeTag.pipeline)
    }
    return active.filter { $0.data.tag(NodeTag.node) == nil }
        .sorted { $0.info.startTime > $1.info.startTime }
}

/// The pipeline of the store that was started last, whatever became of it; of a nested one the outermost.
package func newestPipeline(in store: any TrackingStore) async throws -> Run? {
    // LIKE and not IS NOT NULL, which older servers do not know.
    let search = RunSearch(
        experimentIDs: try await store.allExperiments(.activeOnly).map(\.experimentID),
        filter: "tags.`\(NodeTag.pipeline)` LIKE '%'", orderBy: ["attributes.start_time DESC"], maxResults: 1)
    guard var newest = try await store.searchRuns(search).elements.first else { return nil }
    // Somebody may have made runs the parents of each other.
    for _ in 0..<40 {
        guard newest.data.tag(NodeTag.node) != nil, let parent = newest.data.tag(WellKnownTag.parentRunID) else {
            break
        }
        newest = try await store.run(id: parent)
    }
    return newest
}

/// Records the wish that a pipeline, or some of its steps, end; one that nobody runs is ended here.
package func cancelPipeline(_ run: Run, steps: [String], in store: any TrackingStore) async throws {
    guard !run.info.status.isTerminal else { throw CancelRefused(run) }
    let now = currentTimeMilliseconds()
    if let lease = run.data.tag(NodeTag.lease).flatMap({ Lease($0) }), !lease.isExpired(at: now) {
        let nested = steps.map(StepPath.init).filter { $0.rest != nil }
        for path in nested { try await cancelNested(path, of: run, in: store) }
        let own = steps.filter { StepPath($0).rest == nil }
        guard nested.isEmpty || !own.isEmpty else { return }
        return try await store.setTag(Tag(NodeTag.cancel, cancelWish(steps: own)), runID: run.info.runID)
    }
    try await endAbandonedPipeline(run, "cancelled; its runner had died before", in: store, at: now)
}

/// A step of a nested pipeline is a wish to that one.
private func cancelNested(_ path: StepPath, of run: Run, in store: any TrackingStore) async throws {
    let live = try await Journal(of: run.info, in: store).nodes.filter { path.includes(node: $0.key) }
        .values.compactMap(\.attempts.last).filter { $0.isPipeline && !$0.run.info.status.isTerminal }
    guard let rest = path.rest, !live.isEmpty else {
        throw InvalidInput(
            "no pipeline '\(path.step)\(path.cell)' is running, of which a step could be cancelled",
            remedy: "see 'swiftflow status \(run.info.runID.prefix(8))'")
    }
    for attempt in live { try await cancelPipeline(attempt.run, steps: [rest], in: store) }
}
