/// The rules of a running pipeline: events go in, actions come out.
///
/// It has no clock (each event comes with its time) and does nothing by itself. Whoever drives it performs the actions and reports what
/// came of them as further events; see ``PipelineRun``. All work is in loops over lists, never recursive, and each event costs the
/// logarithm of the number of nodes at most, apart from those that concern every node.
package struct StateMachine: Sendable {
    package typealias StepID = Int
    package typealias NodeID = Int

    package struct Step: Sendable {
        package let shape: StepShape
        package internal(set) var state = NodeState.waiting
        /// Why it is skipped, blocked, cancelled or failed.
        package internal(set) var reason: String?
        package internal(set) var failure: NodeFailure?
        package internal(set) var nodes: [NodeID] = []
        package internal(set) var isFanOut = false
        var openDependencies: Int
        var isConsidered = false
        var isConcluding = false
        var endedCells = 0
        var failedCells = 0
        /// More cells have failed than may: no new one starts.
        var isDoomed = false
        /// Its cells are known, so those that wait for one of them each can be made.
        var hasCells = false
        let remainingPath: Double
    }

    package struct Node: Sendable {
        package let step: StepID
        /// Its place among the cells; nil for the one node of a step without a fan-out.
        package let cell: Int?
        package internal(set) var state = NodeState.waiting
        /// The number of the current or last attempt; 0 before the first.
        package internal(set) var attempt = 0
        package internal(set) var failure: NodeFailure?
        /// When it became ready for its current attempt.
        package internal(set) var readySince: Milliseconds = 0
        /// When its next attempt may start, while it is `retrying`.
        package internal(set) var dueAt: Milliseconds?
        var countedFailures = 0
        var usedFreeRetries: Set<FailureReason> = []
        var request: ResourcePool.Request?
        var devices: [Int] = []
        /// What its live attempt took has been given back already.
        var hasGivenBack = false
        var timeout: Milliseconds?
        var retry: RetryPolicy?
        var isExamined = false
        /// Why it has been told to stop.
        var stop: StopCause?
        /// How many matching cells of other steps it still waits for.
        var openCells = 0
        /// Cells of other steps that wait for this one.
        var waiters: [NodeID] = []
    }

    /// A step of the pipeline that a node is: it runs elsewhere, with what it is lent here.
    struct Guest: Sendable {
        var request: ResourcePool.Request
        var devices: [Int] = []
        var hasLoan = false
    }

    package enum StopCause: Sendable, Hashable {
        case cancelled, timeout, otherFailed, pruned
    }

    /// What the whole is doing.
    package enum Phase: Sendable, Hashable {
        case running
        /// A step failed; nothing new starts but what `run_on` asks for.
        case finishing(because: StepID)
        /// Somebody, or the timeout, ended the pipeline.
        case cancelling(reason: String)
        case done(PipelineState)
    }

    package internal(set) var steps: [Step]
    package internal(set) var nodes: [Node] = []
    package internal(set) var phase = Phase.running
    package internal(set) var pool: ResourcePool
    package let onError: OnError
    /// Distinguishes this pipeline's jitter from others'.
    let seed: String
    var queue = ReadyQueue()
    var timers = Heap<Timer>()
    var dependents: [[StepID]]
    var settledSteps = 0
    var liveNodes = 0
    var concludingSteps = 0
    var openSteps: [StepID] = []
    /// Steps of nested pipelines that wait for room, or have it.
    var guests: [Int: Guest] = [:]
    var actions: [Action] = []

    /// - Parameters:
    ///   - steps: in the order of the file; their dependencies form no cycle.
    ///   - timeout: after which the pipeline is cancelled, counted from `now`.
    package init(
        steps shapes: [StepShape], pool: ResourcePool, onError: OnError = .finish, seed: String = "",
        timeout: Milliseconds? = nil, now: Milliseconds = 0
    ) {
        let paths = remainingPaths(
            durations: shapes.map(\.expectedDuration), dependencies: shapes.map { $0.dependencies.map(\.step) })
        steps = shapes.indices.map { index in
            Step(
                shape: shapes[index], openDependencies: shapes[index].dependencies.count,
                remainingPath: paths[index])
        }
        dependents = Array(repeating: [], count: shapes.count)
        for (index, shape) in shapes.enumerated() {
            for dependency in shape.dependencies { dependents[dependency.step].append(index) }
        }
        self.pool = pool
        self.onError = onError
        self.seed = seed
        if let timeout { timers.insert(Timer(time: saturatingSum(now, timeout), kind: .pipeline)) }
    }

    /// When to send `.tick` at the latest, if nothing else happens before.
    package var nextWake: Milliseconds? { timers.first?.time }

    package var isDone: Bool { if case .done = phase { true } else { false } }

    /// How many nodes are in each state; steps that have no nodes (yet) count as one.
    package var counts: [NodeState: Int] {
        var counts: [NodeState: Int] = [:]
        for step in steps where step.nodes.isEmpty { counts[step.state, default: 0] += 1 }
        for node in nodes { counts[node.state, default: 0] += 1 }
        return counts
    }

    /// `train`, or `train#3` for the fourth cell.
    package func name(of node: NodeID) -> String {
        let node = nodes[node]
        return steps[node.step].shape.name + (node.cell.map { "#\($0)" } ?? "")
    }
}

/// Something to be done at a time.
struct Timer: Comparable, Sendable {
    enum Kind: Sendable, Hashable {
        case pipeline
        case retry(node: Int, attempt: Int)
        case timeout(node: Int, attempt: Int)
    }

    var time: Milliseconds
    var kind: Kind

    static func < (left: Timer, right: Timer) -> Bool { left.time < right.time }
}
