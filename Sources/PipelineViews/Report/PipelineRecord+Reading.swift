import Diagnostics
import Pipelines
package import Scheduling
package import Tracking

extension PipelineRecord {
    static let definitionPath = "pipeline/pipeline.yaml"
    private static let definitionLimit = 16 << 20
    /// What a report says of attempts beside their facts; of many thousands the other tags would fill the memory.
    private static let shownTags: Set<String> = [
        NodeTag.pipeline, NodeTag.cachedFrom, NodeTag.cacheReason, NodeTag.pruned, NodeTag.superseded, NodeTag.group,
        NodeTag.bestRun, WellKnownTag.failureReason,
        // Of nested pipelines: their steps that have no run.
        NodeTag.skipped, NodeTag.blocked,
    ]

    /// Reads what the store and the artifacts say of a pipeline's run, also of one that is running or whose runner is gone.
    ///
    /// - Throws: when `run` cannot be read, or is no pipeline's. Missing artifacts are no error.
    package init(
        of runID: String, in store: any TrackingStore, artifacts: any RunArtifacts, at now: Milliseconds,
        serverURL: String? = nil
    ) async throws {
        let run = try await store.run(id: runID)
        guard run.data.tag(NodeTag.pipeline) != nil else {
            throw InvalidInput(
                "run \(runID) is not the run of a pipeline", remedy: "see 'swiftflow runs show \(runID.prefix(8))'")
        }
        let lease = run.data.tag(NodeTag.lease).flatMap { Lease($0) }
        var time = run.info.endTime ?? now
        let state: PipelineState
        switch run.info.status {
        case .finished: state = .succeeded
        case .failed: state = .failed
        case .killed: state = .cancelled
        case .running, .scheduled:
            let isGone = lease.map { $0.isExpired(at: now) } ?? true
            state = isGone ? .interrupted : .running
            // Nothing has happened since its runner was last heard of.
            if isGone, let lease { time = min(now, max(lease.heartbeat, run.info.startTime)) }
        }
        let source = try? await artifacts.read(Self.definitionPath, of: run.info, limit: Self.definitionLimit)
        let plan = source.flatMap { Self.plan(of: run, source: $0) }
        let journal = try await Journal(of: run.info, in: store, tags: Self.shownTags)
        var experimentName = run.info.experimentID
        if let experiment = try? await store.experiment(id: run.info.experimentID) { experimentName = experiment.name }
        var plans: [String: Plan] = [:]
        let steps = try await Self.withNested(Self.steps(of: run, plan, journal), in: store, artifacts, plans: &plans)
        self.init(
            run: run, experimentName: experimentName, state: state, steps: steps,
            graph: plan.flatMap { Self.graph(of: $0, plans) },
            definition: source.map { String(decoding: $0, as: UTF8.self) }, time: time, serverURL: serverURL)
    }

    /// With the insides of nested pipelines, as long as anybody could see them.
    private static func graph(of plan: Plan, _ nested: [String: Plan]) -> PipelineGraph? {
        let limit = PipelineReport.graphLimit
        guard plan.steps.count <= limit else { return nil }
        if nested.values.reduce(plan.steps.count, { $0 + $1.steps.count }) <= limit,
            let graph = try? PipelineGraph(plan, inside: { path, _ in nested[path] })
        {
            return graph
        }
        return try? PipelineGraph(plan, inside: { _, _ in nil })
    }

    /// The steps, each that is a pipeline followed by the steps of that one.
    ///
    /// - Parameters:
    ///   - path: the way to the steps.
    ///   - plans: gets the plans of nested pipelines by the way there; of cells that of the first.
    private static func withNested(
        _ steps: [Step], in store: any TrackingStore, _ artifacts: any RunArtifacts, path: String = "",
        depth: Int = 1, plans: inout [String: Plan]
    ) async throws -> [Step] {
        var all: [Step] = []
        for step in steps {
            all.append(step)
            for node in step.nodes {
                // Somebody may have made runs the parents of each other; beyond what is shown nothing is read.
                guard let run = node.attempts.last, run.data.tag(NodeTag.pipeline) != nil, depth <= 16,
                    all.count <= PipelineReport.stepLimit
                else { continue }
                let source = try? await artifacts.read(definitionPath, of: run.info, limit: definitionLimit)
                let plan = source.flatMap { Self.plan(of: run, source: $0) }
                let inner = Self.steps(of: run, plan, try await Journal(of: run.info, in: store, tags: shownTags))
                let way = path.isEmpty ? node.id : nestedName(path, node.id)
                if plans[stepPath(way)] == nil { plans[stepPath(way)] = plan }
                let steps = try await withNested(
                    inner, in: store, artifacts, path: way, depth: depth + 1, plans: &plans)
                for var step in steps {
                    step.name = nestedName(node.id, step.name)
                    for index in step.nodes.indices {
                        step.nodes[index].id = nestedName(node.id, step.nodes[index].id)
                    }
                    all.append(step)
                }
            }
        }
        return all
    }

    /// The plan again, from the recorded file and params; nil when this version cannot make it.
    private static func plan(of run: Run, source: [UInt8]) -> Plan? {
        guard let pipeline = Pipeline.read(source, file: definitionPath).0 else { return nil }
        var request = PlanRequest()
        request.defaultName = run.data.tag(NodeTag.pipeline) ?? run.info.runName
        request.params = run.data.pipelineParams.map { .init($0.key, .text($0.value)) }
        request.maximumCells = .max
        return Plan.make(pipeline, source: source, request: request, surroundings: PlanSurroundings()).plan
    }

    private static func steps(of run: Run, _ plan: Plan?, _ journal: Journal) -> [Step] {
        var unplanned: [String: [Node]] = [:]
        let planned = Set(plan?.nodes.map(\.id) ?? [])
        for (id, node) in journal.nodes where !planned.contains(id) {
            unplanned[String(id.prefix { $0 != "[" }), default: []].append(
                Node(id: id, state: state(of: node), attempts: node.attempts.map(\.run)))
        }
        for name in unplanned.keys {
            unplanned[name]?.sort {
                ($0.attempts.first?.info.startTime ?? 0, $0.id) < ($1.attempts.first?.info.startTime ?? 0, $1.id)
            }
        }
        let unreached = unreachedStates(run)
        var steps: [Step] = []
        for step in plan?.steps ?? [] {
            let missing = unreached[step.name] ?? .waiting
            var nodes = (plan?.nodes(of: step) ?? []).map { planned in
                let known = journal.nodes[planned.id]
                return Node(
                    id: planned.id, state: known.map(Self.state) ?? missing,
                    cell: planned.cell?.values.map { NamedText($0.name, $0.value.text ?? "null") } ?? [],
                    attempts: known?.attempts.map(\.run) ?? [])
            }
            var variables: [String] = []
            switch step.fanOut {
            case .none: break
            case .cells(let names): variables = names
            case .dynamic(let names):
                variables = names
                for node in unplanned.removeValue(forKey: step.name) ?? [] {
                    var node = node
                    node.cell = names.map { NamedText($0, node.attempts.last?.data.param($0) ?? "") }
                    nodes.append(node)
                }
            }
            steps.append(
                made(step.name, step.step.action.name, variables, journal.groups[step.name], nodes, missing))
        }
        let rest = unplanned.sorted { left, right in
            let (a, b) = (
                left.value.first?.attempts.first?.info.startTime ?? 0,
                right.value.first?.attempts.first?.info.startTime ?? 0
            )
            return (a, left.key) < (b, right.key)
        }
        for (name, nodes) in rest { steps.append(made(name, nil, [], journal.groups[name], nodes, .waiting)) }
        return steps
    }

    private static func made(
        _ name: String, _ action: String?, _ variables: [String], _ group: Run?, _ nodes: [Node], _ missing: NodeState
    ) -> Step {
        let isFanOut = group != nil || !variables.isEmpty
        let own = isFanOut ? group : nodes.first?.attempts.last
        let state = isFanOut ? group.map(Self.state) ?? missing : nodes.first?.state ?? missing
        return Step(
            name: name, action: action, isFanOut: isFanOut, variables: variables, group: group, nodes: nodes,
            state: state, reason: state.isSuccess ? nil : own?.data.tag(WellKnownTag.failureReason))
    }

    /// States of steps that have no run, as the pipeline's own run names them.
    private static func unreachedStates(_ run: Run) -> [String: NodeState] {
        var states: [String: NodeState] = [:]
        for (key, state) in [(NodeTag.skipped, NodeState.skipped), (NodeTag.blocked, .blocked)] {
            for name in (run.data.tag(key) ?? "").split(separator: ",") {
                states[String(name.drop { $0 == " " })] = state
            }
        }
        return states
    }

    private static func state(of node: JournalNode) -> NodeState {
        (node.success ?? node.attempts.last).map { state(of: $0.run) } ?? .waiting
    }

    /// The state that a run of a node is in.
    static func state(of run: Run) -> NodeState {
        switch run.info.status {
        case .finished: run.data.tag(NodeTag.cachedFrom) == nil ? .succeeded : .cached
        case .failed: .failed
        case .killed: run.data.tag(NodeTag.pruned) == nil ? .cancelled : .pruned
        case .scheduled: .starting
        case .running: .running
        }
    }
}
