import Testing

@testable import Scheduling

/// `steps.S[matrix]`: a cell waits for one cell of another step.
struct MatchingCellTests {
    /// Two fan-outs, each cell of the second behind the same cell of the first; the cells of the first take 10, 20, 30 ms and so on.
    private func simulation(
        cells: Int = 3, allowance: StepShape.Allowance = .nothing, onError: OnError = .finish,
        fails: Set<Int> = []
    ) -> Simulation {
        var second = StepShape("second")
        second.dependencies = [StepShape.Dependency(0, isSameCell: true)]
        var simulation = Simulation(
            [StepShape("first", allowance: allowance), second], limits: [ResourcePool.parallel: 8], onError: onError)
        simulation.consider = { name in
            let matches = (0..<cells).map { CellMatch(cell: $0, of: 0, $0) }
            return .fanOut(cells: cells, matches: name == "second" ? matches : [])
        }
        simulation.script = { name, _ in
            let cell = Int(String(name.suffix(1))) ?? 0
            guard name.hasPrefix("first") else { return .init(duration: 1) }
            return .init(duration: Int64(cell + 1) * 10, end: fails.contains(cell) ? .exits : .succeeded)
        }
        return simulation
    }

    @Test func `a cell starts when its own has succeeded, whatever the others do`() {
        var simulation = simulation()
        simulation.run()
        let second = simulation.started.filter { $0.name.hasPrefix("second") }
        #expect(second.map(\.name) == ["second#0", "second#1", "second#2"])
        #expect(second.map(\.at) == [10, 20, 30])
        #expect(simulation.outcome == .succeeded)
        #expect(simulation.history("second#2") == ["waiting", "ready", "starting", "running", "succeeded"])
    }

    @Test func `behind a cell that failed and may have, the step's end is waited for`() {
        var simulation = simulation(allowance: .cells(1), fails: [0])
        simulation.run()
        let started = Dictionary(uniqueKeysWithValues: simulation.started.map { ($0.name, $0.at) })
        #expect(started["second#1"] == 20)
        // What stands in for its values is found out then.
        #expect(started["second#0"] == 30)
        #expect(simulation.outcome == .succeeded)
    }

    @Test func `cells behind a step that failed are blocked, those that could run have run`() {
        var simulation = simulation(onError: .continue, fails: [1])
        simulation.run()
        #expect(simulation.state("first") == .failed)
        #expect(simulation.state("second#0") == .succeeded)
        #expect(simulation.state("second#1") == .blocked)
        #expect(simulation.state("second") == .blocked)
        #expect(simulation.machine.steps[1].reason == "needs 'first', which failed")
        #expect(simulation.outcome == .failed)
    }

    @Test func `nothing new starts behind a failure, and everything has an end`() {
        var simulation = simulation(fails: [1])
        simulation.run()
        #expect(simulation.outcome == .failed)
        #expect(simulation.attempts("second#2") == 0)
        #expect(simulation.state("second") == .cancelled)
    }

    @Test func `a cancelled pipeline cancels cells that wait`() {
        var simulation = simulation()
        simulation.interventions = [(12, .cancel(reason: "asked"))]
        simulation.run()
        #expect(simulation.outcome == .cancelled)
        #expect(simulation.state("second#0") == .succeeded)
        #expect(simulation.state("second#2") == .cancelled)
    }

    @Test func `ten thousand cells behind ten thousand others`() {
        var simulation = simulation(cells: 10_000)
        simulation.script = { _, _ in .init(duration: 1) }
        simulation.run()
        #expect(simulation.outcome == .succeeded)
        #expect(simulation.started.count == 20_000)
    }

    @Test func `after a resume, what had succeeded is waited for no more`() {
        var simulation = simulation()
        simulation.examine = { name, _ in name == "first#0" ? .done(.succeeded) : nil }
        simulation.run()
        #expect(simulation.attempts("first#0") == 0)
        #expect(simulation.started.first { $0.name == "second#0" }?.at == 0)
        #expect(simulation.outcome == .succeeded)
    }
}
