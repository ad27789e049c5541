import Diagnostics
import Pipelines
package import Scheduling
package import Tracking

/// A running pipeline as a few lines of a terminal: one for each step, whatever number of cells it has.
///
/// A pure function of the events: it knows neither the terminal nor the time.
package struct LiveTree: Sendable {
    struct Step: Sendable {
        var name: String
        var isFanOut = false
        /// Of a step without fan-out its node; of a fan-out the one that was heard of last.
        var node: NodeStatus?
        var counts: [NodeState: Int] = [:]
        /// States of the cells, by id.
        var cells: [String: NodeState] = [:]
        /// How many cells are planned.
        var planned = 0
        var settled: StepStatus?
        var started: Milliseconds?
        /// When the step was settled whose pipelines this one is in; by itself nothing tells that it is the last.
        var closed: Milliseconds?
        /// When it was heard of last.
        var changed: Milliseconds = 0
    }

    private(set) var name = ""
    private(set) var runID = ""
    private(set) var started: Milliseconds = 0
    private(set) var epoch = 1
    private(set) var steps: [Step] = []
    private(set) var ended: PipelineOutcome?
    private var places: [String: Int] = [:]

    package init() {}

    package mutating func apply(_ event: PipelineEvent) {
        switch event {
        case .started(let plan, let run, let epoch, _):
            name = plan.name
            runID = run.runID
            started = run.startTime
            self.epoch = epoch
            for step in plan.steps where step.isIncluded {
                var isFanOut = false
                if case .none = step.fanOut {} else { isFanOut = true }
                place(step.name, isFanOut: isFanOut, planned: isFanOut ? step.nodes.count : 0)
            }
        case .node(let node): apply(node)
        case .settled(let status):
            let place = place(status.step, isFanOut: status.isFanOut)
            steps[place].settled = status
            steps[place].changed = status.time
            for inner in steps.indices
            where steps[inner].settled == nil && steps[inner].name.hasPrefix(status.step + "/") {
                steps[inner].closed = status.time
            }
        case .ended(let outcome): ended = outcome
        case .note, .warning: break
        case .nested:
            let (path, inner) = event.unwrapped
            if case .started(let plan, _, _, _) = inner {
                addSteps(of: plan, in: path)
            } else if let event = event.flattened {
                apply(event)
            }
        }
    }

    /// Steps of a nested pipeline stand below the step that it is.
    private mutating func addSteps(of plan: Plan, in path: String) {
        let outer = stepPath(path)
        var next = (places[outer] ?? steps.count - 1) + 1
        while next < steps.count, steps[next].name.hasPrefix(outer + "/") { next += 1 }
        for step in plan.steps where step.isIncluded {
            let name = nestedName(outer, step.name)
            let isFanOut = step.fanOut != .none || path.contains("[")
            guard places[name] == nil else { continue }
            steps.insert(Step(name: name, isFanOut: isFanOut), at: next)
            next += 1
        }
        for (place, step) in steps.enumerated() { places[step.name] = place }
    }

    /// Takes what was measured of a running node meanwhile.
    package mutating func measure(_ node: String, step: String, metric: Metric?) {
        guard let place = places[step], steps[place].node?.id == node, let metric else { return }
        steps[place].node?.metric = metric
    }

    /// The nodes that are running, of which something could be measured.
    package var measurable: [NodeStatus] {
        steps.compactMap { step in step.isFanOut || step.node?.state != .running ? nil : step.node }
    }

    package var hasEnded: Bool { ended != nil }

    /// Whether something runs whose time is shown.
    package var isLive: Bool {
        ended == nil && steps.contains { $0.counts[.running] ?? 0 > 0 || $0.counts[.retrying] ?? 0 > 0 }
    }

    private mutating func apply(_ node: NodeStatus) {
        let place = place(node.step, isFanOut: node.isCell)
        if let before = steps[place].cells.updateValue(node.state, forKey: node.id) {
            steps[place].counts[before, default: 1] -= 1
        }
        steps[place].counts[node.state, default: 0] += 1
        var node = node
        if steps[place].node?.id == node.id, node.metric == nil { node.metric = steps[place].node?.metric }
        steps[place].node = node
        steps[place].changed = node.time
        if let start = node.startTime, steps[place].started == nil { steps[place].started = start }
    }

    @discardableResult
    private mutating func place(_ step: String, isFanOut: Bool, planned: Int = 0) -> Int {
        if let place = places[step] {
            if isFanOut { steps[place].isFanOut = true }
            return place
        }
        places[step] = steps.count
        steps.append(Step(name: step, isFanOut: isFanOut, planned: planned))
        return steps.count - 1
    }
}

extension LiveTree.Step {
    /// The state the whole step is shown in.
    var state: NodeState {
        if let settled { return settled.state }
        if closed != nil, let worst = counts.filter({ $0.value > 0 }).keys.reduce(nil, NodeState.worse) { return worst }
        guard isFanOut else { return node?.state ?? .waiting }
        for state in [NodeState.running, .starting, .retrying, .ready] where counts[state] ?? 0 > 0 { return state }
        return counts.isEmpty || counts[.waiting] ?? 0 > 0 ? .waiting : .running
    }

    var count: Int { max(cells.count, planned) }
}
