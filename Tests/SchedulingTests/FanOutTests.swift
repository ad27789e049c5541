import Execution
import Testing

@testable import Scheduling

/// Groups of cells, resources, and the order of starts.
@Suite struct FanOutTests {
    static func cells(_ count: Int, _ shape: StepShape, failing: Set<Int> = [], after: [StepShape] = []) -> Simulation {
        var simulation = Simulation([shape] + after)
        simulation.consider = { $0 == shape.name ? .fanOut(cells: count) : .run }
        simulation.script = { name, _ in
            .init(end: failing.contains { name == "\(shape.name)#\($0)" } ? .exits : .succeeded)
        }
        return simulation
    }

    @Test(arguments: [
        (StepShape.Allowance.nothing, 0, true), (.nothing, 1, false), (.cells(1), 1, true), (.cells(1), 2, false),
        (.part(0.2), 2, true), (.part(0.2), 3, false), (.everything, 10, true), (.part(.nan), 1, false),
        (.cells(-5), 0, true),
    ])
    func `so many of ten cells may fail`(allowance: StepShape.Allowance, failures: Int, succeeds: Bool) {
        var simulation = Self.cells(
            10, StepShape("f", allowance: allowance), failing: Set(0..<failures), after: [StepShape("next", after: 0)])
        simulation.run()
        #expect(simulation.state("f") == (succeeds ? .succeeded : .failed))
        #expect(simulation.state("next") == (succeeds ? .succeeded : .blocked))
        #expect(simulation.outcome == (succeeds ? .succeeded : .failed))
    }

    @Test func `once too many have failed no new cell starts`() {
        var simulation = Self.cells(10, StepShape("f", allowance: .cells(1)), failing: [0, 1])
        simulation.run()
        // The third took the place of the first, before the second failed too.
        #expect(simulation.started.count == 3)
        #expect(simulation.state("f#9") == .cancelled)
        #expect(simulation.machine.steps[0].reason == "2 of 10 cells failed, and 1 may")
    }

    @Test func `no candidate fails the step`() {
        var simulation = Self.cells(2, StepShape("f"))
        simulation.conclude = { _ in NodeFailure(.noCandidate, "no cell has the metric") }
        simulation.run()
        #expect(simulation.state("f") == .failed)
        #expect(simulation.machine.steps[0].failure?.reason == .noCandidate)
    }

    @Test func `no cells at all is done at once`() {
        var simulation = Self.cells(0, StepShape("f"), after: [StepShape("next", after: 0)])
        simulation.run()
        #expect(simulation.state("f") == .succeeded)
        #expect(simulation.state("next") == .succeeded)
    }

    @Test func `max_parallel bounds the cells of one step only`() {
        var shape = StepShape("f")
        shape.maximumParallel = 2
        var simulation = Simulation([shape, StepShape("other")], limits: [ResourcePool.parallel: 8])
        simulation.consider = { $0 == "f" ? .fanOut(cells: 10) : .run }
        simulation.run()
        #expect(simulation.largestLiveCount == 3)
        #expect(simulation.outcome == .succeeded)
    }

    @Test func `a cancelled fan-out ends with its cells`() {
        var simulation = Self.cells(5, StepShape("f"))
        simulation.interventions = [(5, .cancelStep(0, reason: "asked"))]
        simulation.run()
        #expect(simulation.state("f") == .cancelled)
        #expect(simulation.started.count == 2)
    }

    // MARK: Resources

    @Test func `nothing starts that does not fit, and smaller ones go first meanwhile`() {
        var simulation = Simulation(
            [StepShape("a"), StepShape("big"), StepShape("small")], limits: ["parallel": 10, "memory": 10])
        simulation.amounts = { ["parallel": 1, "memory": ["a": 6, "big": 8, "small": 4][$0] ?? 0] }
        simulation.run()
        #expect(simulation.started.map(\.name) == ["a", "small", "big"])
        #expect(simulation.outcome == .succeeded)
    }

    @Test func `a counting semaphore of one is a mutex`() {
        var simulation = Simulation((0..<5).map { StepShape("s\($0)") }, limits: ["parallel": 5, "db": 1])
        simulation.amounts = { _ in ["parallel": 1, "db": 1] }
        simulation.run()
        #expect(simulation.largestLiveCount == 1)
    }

    @Test func `devices are given out one by one and come back`() {
        var simulation = Simulation((0..<5).map { StepShape("s\($0)") }, limits: ["parallel": 9, "gpu": 3])
        simulation.amounts = { ["parallel": 1, "gpu": $0 == "s0" ? 2 : 1] }
        simulation.run()
        #expect(simulation.started.map(\.devices) == [[0, 1], [2], [0], [1], [2]])
    }

    @Test func `P050: a request larger than its limit fails the step and says so`() {
        var simulation = Simulation([StepShape("a")], limits: ["parallel": 1, "memory": 4])
        simulation.amounts = { _ in ["memory": 5] }
        simulation.run()
        #expect(simulation.outcome == .failed)
        #expect(simulation.machine.steps[0].reason == "it asks for 5 of 'memory', and the limit is 4 (P050)")
    }

    @Test(arguments: [Double.nan, -1, .infinity])
    func `amounts that are none are refused`(amount: Double) {
        #expect(throws: NodeFailure.self) { _ = try ResourcePool(limits: ["cpu": 2]).request(["cpu": amount]) }
    }

    @Test func `fractions of a processor add up`() {
        var simulation = Simulation((0..<10).map { StepShape("s\($0)") }, limits: ["cpu": 1])
        simulation.amounts = { _ in ["cpu": 0.1] }
        simulation.run()
        #expect(simulation.largestLiveCount == 10)
    }

    // MARK: Order

    @Test func `ready steps start by priority, longest remaining path, place in the file`() {
        var urgent = StepShape("urgent")
        urgent.priority = 1
        var slow = StepShape("slow", after: 1)
        slow.expectedDuration = 60_000
        var simulation = Simulation(
            [StepShape("a"), StepShape("b"), slow, urgent, StepShape("c")], limits: ["parallel": 1])
        simulation.run()
        #expect(simulation.started.map(\.name) == ["urgent", "b", "slow", "a", "c"])
    }

    @Test func `remaining paths are those of the longest way to an end`() {
        #expect(
            remainingPaths(durations: [1, 2, 3, 10], dependencies: [[], [0], [0], [1, 2]]) == [14, 12, 13, 10])
    }

    // MARK: Size

    @Test func `W-01: a chain of ten thousand steps, all blocked or all run`() {
        let shapes = (0..<10_000).map { StepShape(name: "s\($0)", dependencies: $0 == 0 ? [] : [.init($0 - 1)]) }
        var blocked = Simulation(shapes)
        blocked.script = { _, _ in .init(end: .exits) }
        blocked.run()
        #expect(blocked.machine.counts == [.failed: 1, .blocked: 9_999])
        var simulation = Simulation(shapes)
        simulation.run()
        #expect(simulation.machine.counts == [.succeeded: 10_000])
    }

    @Test func `ten thousand cells are no more work each than ten`() {
        var simulation = Self.cells(10_000, StepShape("f", allowance: .part(0.1)), failing: [5, 500])
        simulation.run()
        #expect(simulation.machine.counts == [.succeeded: 9_998, .failed: 2])
        #expect(simulation.largestLiveCount == 2)
    }
}
