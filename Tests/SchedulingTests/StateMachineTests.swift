import Execution
import Testing

@testable import Scheduling

/// The transitions T1 to T13 and the rules about failures, without a process or a store.
@Suite struct StateMachineTests {
    @Test func `T1 T2 T5 T6 T8 T13: a chain runs one after the other and succeeds`() {
        var simulation = Simulation([StepShape("a"), StepShape("b", after: 0), StepShape("c", after: 1)])
        simulation.run()
        #expect(simulation.outcome == .succeeded)
        #expect(simulation.started.map(\.name) == ["a", "b", "c"])
        #expect(simulation.started.map(\.at) == [0, 10, 20])
        #expect(simulation.history("b") == ["ready", "starting", "running", "succeeded"])
    }

    @Test func `T3: a failure blocks what needs it and what needs that`() {
        var simulation = Simulation([StepShape("a"), StepShape("b", after: 0), StepShape("c", after: 1)])
        simulation.script = { name, _ in .init(end: name == "a" ? .exits : .succeeded) }
        simulation.run()
        #expect(simulation.outcome == .failed)
        #expect(simulation.state("b") == .blocked)
        #expect(simulation.state("c") == .blocked)
        #expect(simulation.machine.steps[1].reason == "needs 'a', which failed")
    }

    @Test func `T3: a false condition skips what needs it, but not what can do without`() {
        var simulation = Simulation([
            StepShape("a"), StepShape("b", after: 0),
            StepShape(name: "c", dependencies: [.init(0, isOptional: true)]),
        ])
        simulation.consider = { $0 == "a" ? .skip(reason: "its condition is false") : .run }
        simulation.run()
        #expect(simulation.outcome == .succeeded)
        #expect(simulation.state("a") == .skipped)
        #expect(simulation.state("b") == .skipped)
        #expect(simulation.state("c") == .succeeded)
    }

    @Test func `T4: a cached node never starts`() {
        var simulation = Simulation([StepShape("a"), StepShape("b", after: 0)])
        simulation.examine = { name, _ in name == "a" ? .done(.cached) : nil }
        simulation.run()
        #expect(simulation.history("a") == ["ready", "cached"])
        #expect(simulation.started.map(\.name) == ["b"])
    }

    @Test func `T7: what cannot be launched is tried once more for free, then retried as it says`() {
        var simulation = Simulation([StepShape("a", retries: 1)])
        simulation.script = { _, attempt in .init(launches: attempt == 3) }
        simulation.run()
        #expect(simulation.outcome == .succeeded)
        #expect(simulation.started.map(\.at) == [0, 0, 100])
    }

    @Test(arguments: [(false, 2), (true, 1)])
    func `T9: another attempt for what says nothing about the step is made once, not again around it`(
        isFromInside: Bool, attempts: Int
    ) {
        var failure = NodeFailure(.lost, "its host vanished")
        failure.isFromInside = isFromInside
        var simulation = Simulation([StepShape("a")])
        simulation.script = { [failure] _, _ in .init(end: .failed(failure)) }
        simulation.run()
        #expect(simulation.outcome == .failed)
        #expect(simulation.started.count == attempts)
    }

    @Test func `T9 T10: retries follow their delays and end`() {
        var simulation = Simulation([StepShape("a", retries: 3)])
        simulation.script = { _, _ in .init(end: .exits) }
        simulation.run()
        #expect(simulation.started.map(\.at) == [0, 110, 320, 730])
        #expect(simulation.outcome == .failed)
        #expect(simulation.machine.nodes[0].failure?.reason == .exit)
    }

    @Test func `T10: the times of retries are the same in another run of the same machine`() {
        let shape = StepShape(
            name: "a", retry: RetryPolicy(times: 5, delay: 100, backoff: 2, maximumDelay: 10_000, jitter: 0.5))
        var times: [[Milliseconds]] = []
        for _ in 0..<2 {
            var simulation = Simulation([shape])
            simulation.script = { _, _ in .init(end: .exits) }
            simulation.run()
            times.append(simulation.started.map(\.at))
        }
        #expect(times[0] == times[1])
        #expect(times[0] != [0, 110, 320, 730, 1540, 3150])
    }

    @Test func `a condition may forbid the retry`() {
        var simulation = Simulation([StepShape("a", retries: 3)])
        simulation.script = { _, _ in .init(end: .failed(NodeFailure(.outOfMemory, "out of memory"), mayRetry: false)) }
        simulation.run()
        #expect(simulation.attempts("a") == 1)
    }

    @Test(arguments: [FailureReason.lost, .launch])
    func `one loss is free and does not count`(reason: FailureReason) {
        var simulation = Simulation([StepShape("a")])
        simulation.script = { _, attempt in
            .init(end: attempt == 1 ? .failed(NodeFailure(reason, "gone")) : .succeeded)
        }
        simulation.run()
        #expect(simulation.outcome == .succeeded)
        #expect(simulation.attempts("a") == 2)
        var second = Simulation([StepShape("a")])
        second.script = { _, _ in .init(end: .failed(NodeFailure(reason, "gone"))) }
        second.run()
        #expect(second.attempts("a") == 2)
        #expect(second.outcome == .failed)
    }

    @Test func `T11: a cancelled pipeline ends what runs and starts nothing more`() {
        var simulation = Simulation(
            [StepShape("a"), StepShape("b"), StepShape("c"), StepShape("d", after: 0), StepShape("e", runOn: .always)])
        simulation.script = { _, _ in .init(duration: 100, obeysAfter: 7) }
        simulation.interventions = [(5, .cancel(reason: "asked"))]
        simulation.run()
        #expect(simulation.outcome == .cancelled)
        #expect(simulation.now == 12)
        #expect(simulation.started.count == 2)
        #expect(["a", "b", "c", "d", "e"].allSatisfy { simulation.state($0) == .cancelled })
    }

    @Test func `T11: one cancelled step blocks its dependents and leaves the others alone`() {
        var simulation = Simulation([StepShape("a"), StepShape("b"), StepShape("c", after: 0)])
        simulation.interventions = [(5, .cancelStep(0, reason: "asked"))]
        simulation.run()
        #expect(simulation.state("a") == .cancelled)
        #expect(simulation.state("b") == .succeeded)
        #expect(simulation.state("c") == .blocked)
        #expect(simulation.outcome == .failed)
    }

    @Test func `a kill ends what does not obey`() {
        var simulation = Simulation([StepShape("a")])
        simulation.script = { _, _ in .init(duration: 1000, obeysAfter: 500) }
        simulation.interventions = [(5, .cancel(reason: "asked")), (9, .kill)]
        simulation.run()
        #expect(simulation.now == 9)
        #expect(simulation.outcome == .cancelled)
    }

    @Test func `what succeeds before it obeys has succeeded`() throws {
        var machine = StateMachine(steps: [StepShape("a")], pool: ResourcePool(limits: [:]))
        _ = machine.handle(.begin, at: 0)
        _ = machine.handle(.considered(0, .run), at: 0)
        _ = machine.handle(.examined(0, .run(try machine.pool.request([:]))), at: 0)
        #expect(machine.startReady(at: 0) == [.changed(0), .start(0, devices: [])])
        #expect(machine.handle(.cancel(reason: "asked"), at: 1) == [.stop(0, .cancelled)])
        _ = machine.handle(.ended(0, .succeeded), at: 2)
        #expect(machine.steps[0].state == .succeeded)
        #expect(machine.phase == .done(.cancelled))
    }

    /// A machine of which every node that may has been started.
    private func started(_ steps: [StepShape], cells: Int, parallel: Double) throws -> StateMachine {
        var machine = StateMachine(steps: steps, pool: ResourcePool(limits: [ResourcePool.parallel: parallel]))
        _ = machine.handle(.begin, at: 0)
        for step in steps.indices {
            _ = machine.handle(.considered(step, step == 0 ? .fanOut(cells: cells) : .run), at: 0)
        }
        let request = try machine.pool.request([ResourcePool.parallel: 1])
        for node in machine.nodes.indices { _ = machine.handle(.examined(node, .run(request)), at: 0) }
        _ = machine.startReady(at: 0)
        return machine
    }

    @Test func `a cell whose command has ended well leaves its place before that is recorded, and only once`() throws {
        var machine = try started([StepShape("f")], cells: 4, parallel: 1)
        #expect(machine.nodes.map(\.state) == [.starting, .ready, .ready, .ready])
        _ = machine.handle(.finishing(0, attempt: 2), at: 1)
        #expect(machine.startReady(at: 1).isEmpty)
        _ = machine.handle(.finishing(0, attempt: 1), at: 1)
        #expect(machine.startReady(at: 1) == [.changed(1), .start(1, devices: [])])
        _ = machine.handle(.finishing(0, attempt: 1), at: 1)
        _ = machine.handle(.ended(0, .succeeded), at: 2)
        #expect(machine.startReady(at: 2).isEmpty)
        // One whose end could not be recorded takes its place again.
        _ = machine.handle(.finishing(1, attempt: 1), at: 3)
        #expect(machine.startReady(at: 3) == [.changed(2), .start(2, devices: [])])
        _ = machine.handle(.ended(1, .failed(NodeFailure(.launch, "no"))), at: 4)
        #expect(machine.nodes[1].state == .ready)
        #expect(machine.startReady(at: 4).isEmpty)
        _ = machine.handle(.ended(2, .succeeded), at: 5)
        #expect(machine.startReady(at: 5) == [.changed(3), .start(3, devices: [])])
    }

    @Test func `a place is not left early where others wait for what it makes ready`() throws {
        var machine = try started([StepShape("f"), StepShape("after", after: 0)], cells: 2, parallel: 1)
        _ = machine.handle(.finishing(0, attempt: 1), at: 1)
        #expect(machine.startReady(at: 1) == [.changed(1), .start(1, devices: [])])
        _ = machine.handle(.ended(0, .succeeded), at: 2)
        // It is the last one, and the step after it comes before anything else that is ready.
        _ = machine.handle(.finishing(1, attempt: 1), at: 3)
        #expect(!machine.nodes[1].hasGivenBack)
    }

    @Test func `T12: a pruned trial is neither a success nor a failure`() {
        var simulation = Simulation([StepShape("a")])
        simulation.consider = { _ in .fanOut(cells: 2) }
        simulation.interventions = [(5, .prune(1))]
        simulation.run()
        #expect(simulation.state("a#1") == .pruned)
        #expect(simulation.state("a") == .succeeded)
        #expect(simulation.outcome == .succeeded)
    }

    // MARK: What a failure means for the others

    static let failing: @Sendable (String, Int) -> Simulation.Attempt = { name, _ in
        name == "bad" ? .init(end: .exits) : .init(duration: 50)
    }

    /// bad fails at 10; long runs until 50; later and other would start afterwards; free depends on nothing but a slot.
    static let shapes = [
        StepShape("bad"), StepShape("long"), StepShape("later", after: 1), StepShape("free"),
        StepShape("cry", after: 0, runOn: .failure), StepShape("sum", after: 2, runOn: .always),
    ]

    @Test func `on_error finish: running ones end, nothing else starts but what run_on asks for`() {
        var simulation = Simulation(Self.shapes)
        simulation.script = Self.failing
        simulation.run()
        #expect(simulation.state("long") == .succeeded)
        #expect(simulation.state("later") == .cancelled)
        #expect(simulation.state("free") == .cancelled)
        #expect(simulation.state("cry") == .succeeded)
        #expect(simulation.state("sum") == .succeeded)
        #expect(simulation.outcome == .failed)
        #expect(simulation.machine.steps[3].reason == "not started, because 'bad' failed")
    }

    @Test func `on_error cancel: running ones are ended too`() {
        var simulation = Simulation(Self.shapes, onError: .cancel)
        simulation.script = Self.failing
        simulation.run()
        #expect(simulation.state("long") == .cancelled)
        #expect(simulation.stopped.map(\.cause) == [.otherFailed])
        #expect(simulation.state("later") == .blocked)
        #expect(simulation.state("cry") == .succeeded)
        #expect(simulation.outcome == .failed)
    }

    @Test func `on_error continue: everything that does not depend on it goes on`() {
        var simulation = Simulation(Self.shapes, onError: .continue)
        simulation.script = Self.failing
        simulation.run()
        #expect(simulation.state("later") == .succeeded)
        #expect(simulation.state("free") == .succeeded)
        #expect(simulation.outcome == .failed)
    }

    @Test func `an allowed failure fails nothing but what needs it`() {
        var simulation = Simulation([StepShape("a", allowance: .everything), StepShape("b", after: 0), StepShape("c")])
        simulation.script = { name, _ in .init(end: name == "a" ? .exits : .succeeded) }
        simulation.run()
        #expect(simulation.state("a") == .failed)
        #expect(simulation.state("b") == .blocked)
        #expect(simulation.state("c") == .succeeded)
        #expect(simulation.outcome == .succeeded)
    }

    @Test func `run_on failure is skipped when nothing failed`() {
        var simulation = Simulation([StepShape("a"), StepShape("b", after: 0, runOn: .failure)])
        simulation.run()
        #expect(simulation.state("b") == .skipped)
        #expect(simulation.outcome == .succeeded)
    }

    @Test func `a failing evaluation fails the step without an attempt`() {
        var simulation = Simulation([StepShape("a"), StepShape("b"), StepShape("c", after: 0)])
        simulation.consider = { $0 == "a" ? .fail(NodeFailure(.launch, "no metric 'x'")) : .run }
        simulation.examine = { name, _ in name == "b" ? .fail(NodeFailure(.launch, "no file")) : nil }
        simulation.run()
        #expect(simulation.started.isEmpty)
        #expect(simulation.outcome == .failed)
        #expect(simulation.state("c") == .blocked)
    }

    // MARK: Time

    @Test func `a timeout stops the attempt, which then may be retried`() {
        var simulation = Simulation([StepShape("a", retries: 1)])
        simulation.timeouts = ["a": 30]
        simulation.script = { _, attempt in .init(duration: attempt == 1 ? 1000 : 20, obeysAfter: 5) }
        simulation.run()
        #expect(simulation.stopped.map(\.cause) == [.timeout])
        #expect(simulation.started.map(\.at) == [0, 135])
        #expect(simulation.outcome == .succeeded)
    }

    @Test func `the pipeline's timeout cancels it`() {
        var simulation = Simulation([StepShape("a"), StepShape("b", after: 0)], timeout: 15)
        simulation.run()
        #expect(simulation.state("a") == .succeeded)
        #expect(simulation.state("b") == .cancelled)
        #expect(simulation.outcome == .cancelled)
        #expect(simulation.machine.steps[1].reason == "the pipeline took longer than its timeout")
    }

    @Test func `a delay that has begun before a resume is waited for`() {
        var simulation = Simulation([StepShape("a")])
        simulation.examine = { [pool = simulation.machine.pool] _, _ in
            (try? pool.request([:])).map { .run($0, notBefore: 400) }
        }
        // Examined twice: once before and once after the delay, which is over by then.
        simulation.run()
        #expect(simulation.started.map(\.at) == [400])
    }
}
