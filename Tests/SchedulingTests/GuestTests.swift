import Testing

@testable import Scheduling

/// Steps of nested pipelines wait in line with the steps of the pipeline around them.
struct GuestTests {
    private func simulation(_ limits: [String: Double]) -> Simulation {
        var simulation = Simulation([StepShape("host"), StepShape("beside"), StepShape("after")], limits: limits)
        // The host runs until it is told otherwise, and takes nothing itself.
        simulation.amounts = { $0 == "host" ? [:] : [ResourcePool.parallel: 1] }
        simulation.script = { name, _ in .init(duration: name == "host" ? 1_000 : 10) }
        return simulation
    }

    private func borrow(
        _ guest: Int, _ amounts: [String: Double], _ machine: StateMachine
    ) throws -> StateMachine.Event {
        .borrow(guest, try machine.pool.request(amounts), host: 0)
    }

    @Test func `a guest waits until there is room, and its place goes to the next when it is given back`() throws {
        var simulation = simulation([ResourcePool.parallel: 1])
        let one = [ResourcePool.parallel: 1.0]
        simulation.interventions = [
            (1, try borrow(1, one, simulation.machine)), (2, try borrow(2, one, simulation.machine)),
            (30, .giveBack(1)), (40, .giveBack(2)),
        ]
        simulation.run()
        // The host's step comes first in the file, so its guests go before the step that waits beside them.
        #expect(simulation.lent.map(\.guest) == [1, 2])
        #expect(simulation.lent.map(\.at) == [10, 30])
        #expect(simulation.started.map(\.name) == ["host", "beside", "after"])
        #expect(simulation.started.map(\.at) == [0, 0, 40])
        #expect(simulation.outcome == .succeeded)
    }

    @Test func `a guest that does not wait any more is let in nowhere`() throws {
        var simulation = simulation([ResourcePool.parallel: 1])
        let one = [ResourcePool.parallel: 1.0]
        simulation.interventions = [
            (1, try borrow(1, one, simulation.machine)), (2, .giveBack(1)), (3, .giveBack(1)), (4, .giveBack(7)),
        ]
        simulation.run()
        #expect(simulation.lent.isEmpty)
        #expect(simulation.started.map(\.at) == [0, 0, 10])
    }

    @Test func `devices are lent one by one`() throws {
        var simulation = simulation([ResourcePool.parallel: 8, ResourcePool.gpu: 2])
        let device = [ResourcePool.gpu: 1.0]
        simulation.interventions = [
            (1, try borrow(1, device, simulation.machine)), (1, try borrow(2, device, simulation.machine)),
            (1, try borrow(3, device, simulation.machine)), (5, .giveBack(1)), (6, .giveBack(2)), (7, .giveBack(3)),
        ]
        simulation.run()
        #expect(simulation.lent.map(\.devices) == [[0], [1], [0]])
    }

    @Test func `what can never be lent is refused at once`() {
        let machine = simulation([ResourcePool.parallel: 2, "db": 1]).machine
        #expect(throws: NodeFailure.self) { try machine.pool.request(["db": 2]) }
        #expect(machine.pool.sharedLimits == [ResourcePool.parallel: 2, "db": 1])
    }

    @Test func `a pool may be of certain devices only`() throws {
        var pool = ResourcePool(limits: [ResourcePool.gpu: 2], devices: [5, 3])
        let request = try pool.request([ResourcePool.gpu: 1])
        #expect(pool.take(request) == [3])
        #expect(pool.take(request) == [5])
        #expect(!pool.fits(request))
    }
}
