import Execution
import Testing

@testable import Scheduling

/// Drives the state machine with a clock of its own: a stand-in for processes, stores and time.
///
/// Attempts take as long and end as the script says. Whatever the machine does is checked against the rules that always hold: one live
/// attempt per node, last states never change, nothing starts that does not fit.
struct Simulation {
    struct Attempt {
        var duration: Milliseconds = 10
        var end: StateMachine.AttemptEnd? = .succeeded
        /// How long it takes to obey a stop.
        var obeysAfter: Milliseconds = 1
        var launches = true
    }

    var machine: StateMachine
    var now: Milliseconds = 0
    /// By `step` or `step#cell`, and the number of the attempt.
    var script: (String, Int) -> Attempt = { _, _ in Attempt() }
    var consider: (String) -> StateMachine.Consideration = { _ in .run }
    var examine: (String, Int) -> StateMachine.Examination?
    var conclude: (String) -> NodeFailure? = { _ in nil }
    var amounts: (String) -> [String: Double] = { _ in [ResourcePool.parallel: 1] }
    var timeouts: [String: Milliseconds] = [:]
    /// What somebody does at some time.
    var interventions: [(time: Milliseconds, event: StateMachine.Event)] = []

    private(set) var started: [(name: String, at: Milliseconds, devices: [Int])] = []
    /// Steps of nested pipelines that have been let in.
    private(set) var lent: [(guest: Int, at: Milliseconds, devices: [Int])] = []
    private(set) var stopped: [(name: String, cause: StateMachine.StopCause)] = []
    private(set) var log: [String] = []
    private(set) var largestLiveCount = 0
    private(set) var outcome: PipelineState?
    private var running: [Int: (endsAt: Milliseconds, end: StateMachine.AttemptEnd?)] = [:]
    private var lastStates: [Int: NodeState] = [:]

    init(
        _ steps: [StepShape], limits: [String: Double] = [ResourcePool.parallel: 2], onError: OnError = .finish,
        timeout: Milliseconds? = nil
    ) {
        machine = StateMachine(
            steps: steps, pool: ResourcePool(limits: limits), onError: onError, seed: "simulation", timeout: timeout)
        examine = { _, _ in nil }
    }

    mutating func run(until limit: Milliseconds = .max) {
        send(.begin)
        while outcome == nil, advance(limit) {}
    }

    /// Goes to the next moment at which something happens; false when nothing ever will.
    private mutating func advance(_ limit: Milliseconds) -> Bool {
        let end = running.min { ($0.value.endsAt, $0.key) < ($1.value.endsAt, $1.key) }
        let times = [end?.value.endsAt, machine.nextWake, interventions.first?.time].compactMap { $0 }
        guard let next = times.min(), next < .max, next <= limit else { return false }
        now = max(now, next)
        if let first = interventions.first, first.time <= now {
            interventions.removeFirst()
            send(first.event)
        } else if let end, end.value.endsAt <= now {
            running[end.key] = nil
            send(.ended(end.key, end.value.end ?? .failed(NodeFailure(.signal, "ended by a signal"))))
        } else {
            send(.tick)
        }
        return true
    }

    mutating func send(_ event: StateMachine.Event) {
        var events = [event]
        var next = 0
        while true {
            let isIdle = next == events.count
            let actions = isIdle ? machine.startReady(at: now) : machine.handle(events[next], at: now)
            if isIdle, actions.isEmpty { break }
            if !isIdle { next += 1 }
            for action in actions { events += perform(action) }
        }
        largestLiveCount = max(largestLiveCount, running.count)
    }

    private mutating func perform(_ action: StateMachine.Action) -> [StateMachine.Event] {
        switch action {
        case .consider(let step): return [.considered(step, consider(machine.steps[step].shape.name))]
        case .examine(let node):
            let name = machine.name(of: node)
            if let examination = examine(name, machine.nodes[node].attempt) { return [.examined(node, examination)] }
            var amounts = amounts(name)
            let step = machine.nodes[node].step
            if machine.steps[step].shape.maximumParallel != nil { amounts[machine.semaphore(of: step)] = 1 }
            do throws(NodeFailure) {
                let timeout = timeouts[machine.steps[step].shape.name]
                return [.examined(node, .run(try machine.pool.request(amounts), timeout: timeout))]
            } catch {
                return [.examined(node, .fail(error))]
            }
        case .start(let node, let devices):
            #expect(running[node] == nil, "two live attempts of one node")
            let name = machine.name(of: node)
            let attempt = script(name, machine.nodes[node].attempt)
            started.append((name, now, devices))
            guard attempt.launches else {
                return [.ended(node, .failed(NodeFailure(.launch, "it cannot be started")))]
            }
            running[node] = (attempt.end == nil ? .max : now + attempt.duration, attempt.end)
            return [.launched(node)]
        case .lend(let guest, let devices):
            lent.append((guest, now, devices))
            return []
        case .stop(let node, let cause):
            let name = machine.name(of: node)
            stopped.append((name, cause))
            let obeys = script(name, machine.nodes[node].attempt).obeysAfter
            if running[node] != nil { running[node] = (now + obeys, nil) }
            return []
        case .kill(let node):
            if running[node] != nil { running[node] = (now, nil) }
            return []
        case .conclude(let step): return [.concluded(step, conclude(machine.steps[step].shape.name))]
        case .changed(let node):
            let state = machine.nodes[node].state
            #expect(lastStates[node]?.isTerminal != true, "a last state has changed")
            lastStates[node] = state
            log.append("\(machine.name(of: node)) \(state.rawValue)")
            return []
        case .settled(let step):
            if machine.steps[step].nodes.isEmpty || machine.steps[step].isFanOut {
                log.append("\(machine.steps[step].shape.name) \(machine.steps[step].state.rawValue)")
            }
            return []
        case .finish(let state):
            #expect(running.isEmpty, "the pipeline has ended before its attempts")
            #expect(machine.steps.allSatisfy { $0.state.isTerminal })
            outcome = state
            return []
        }
    }

    func state(_ name: String) -> NodeState? {
        if let step = machine.steps.first(where: { $0.shape.name == name }) { return step.state }
        return machine.nodes.indices.first { machine.name(of: $0) == name }.map { machine.nodes[$0].state }
    }

    func attempts(_ name: String) -> Int { started.count { $0.name == name } }

    /// The states a node went through.
    func history(_ name: String) -> [String] {
        log.filter { $0.hasPrefix(name + " ") }.map { String($0.dropFirst(name.count + 1)) }
    }
}

extension StepShape {
    /// A step after those whose numbers are given.
    init(
        _ name: String, after steps: Int..., runOn: RunOn = .success, allowance: Allowance = .nothing, retries: Int = 0
    ) {
        self.init(
            name: name, dependencies: steps.map { Dependency($0) }, runOn: runOn, allowance: allowance,
            retry: RetryPolicy(times: retries, delay: 100, backoff: 2, maximumDelay: 1000, jitter: 0))
    }
}

extension StateMachine.AttemptEnd {
    static let exits = StateMachine.AttemptEnd.failed(NodeFailure(.exit, "exit code 1", exitCode: 1))
    static let vanishes = StateMachine.AttemptEnd.failed(NodeFailure(.lost, "its host vanished"))
}
