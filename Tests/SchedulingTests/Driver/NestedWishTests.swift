import Execution
import Files
import Pipelines
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Tracking

@testable import Scheduling

/// What somebody wants of nested pipelines, when the runner that was told dies: it is done later, or not begun at all, and never half forgotten.
@Suite(.serialized, .timeLimit(.minutes(10))) struct `W-09: wishes to nested pipelines` {
    static func pipeline(_ backend: String) -> String {
        """
        name: outer
        defaults: {backend: \(backend)}
        steps:
          load: {command: 'step {out}', params: {out: "${{ outputs.o }}"}, outputs: {o: o.txt}}
          parts:
            matrix: {p: [1, 2]}
            pipeline: middle.yaml
            params: {data: "${{ steps.load.outputs.o }}"}
          join: {command: 'step {all}', params: {all: "${{ steps.parts.all.outputs.made }}"}}
        """
    }

    static func nested(_ backend: String) -> [String: String] {
        [
            "middle.yaml": """
            params: {data: {type: uri}, p: 0}
            defaults: {backend: \(backend)}
            steps:
              first: {command: step}
              inside: {pipeline: inner.yaml, needs: [first], params: {data: "${{ params.data }}"}}
              last: {command: step, needs: [inside]}
            outputs: {made: "${{ steps.inside.outputs.made }}"}
            """,
            "inner.yaml": """
            params: {data: {type: uri}}
            defaults: {backend: \(backend)}
            steps:
              a: {command: step}
              b:
                command: 'step {out} {data}'
                needs: [a]
                params: {data: "${{ params.data }}", out: "${{ outputs.made }}"}
                outputs: {made: made.txt}
            outputs: {made: "${{ steps.b.outputs.made }}"}
            """,
        ]
    }

    static let all = [
        "load", "parts[p=1]/first", "parts[p=1]/inside/a", "parts[p=1]/inside/b", "parts[p=1]/last", "parts[p=2]/first",
        "parts[p=2]/inside/a", "parts[p=2]/inside/b", "parts[p=2]/last", "join",
    ]

    /// - Parameter held: the step that waits until the gate is opened, or somebody stops it.
    static func harness(_ backend: String, held: String? = nil, _ gate: Gate = Gate()) async throws -> DriverHarness {
        try await DriverHarness(pipeline(backend), nested: nested(backend)) { work in
            if work.node == held { await gate.pass() }
            do { try performStep(work) } catch { return .failed(.exit, reason: "\(error)", end: nil) }
            return .exited(0)
        }
    }

    private func expectOrder(_ harness: DriverHarness, _ what: String) async throws {
        for run in try await harness.runs() {
            let name = run.data.path ?? run.info.runName
            #expect(run.info.status.isTerminal, "\(what): \(name) is \(run.info.status)")
            #expect(run.data.tag(NodeTag.redo) == nil, "\(what): \(name) is still to be done again")
            #expect(run.data.tag(NodeTag.lease) == nil, "\(what): \(name) has an owner")
        }
        #expect(harness.witness.broken.isEmpty, "\(what): \(harness.witness.broken)")
        let said = try await harness.runs().compactMap { $0.data.tag(WellKnownTag.failureReason) }
        #expect(harness.engine.liveNodes.isEmpty, "\(what): \(said)")
    }

    private static let stride = `W-09: runners that die`.stride

    // MARK: Again

    /// Runs it to its end; a runner that is to do a step again dies; the next one is not told of it.
    ///
    /// - Returns: false when that runner came to its natural end.
    private func isDone(_ name: String, _ wanted: Set<String>, despite death: Life.Death) async throws -> Bool {
        let harness = try await Self.harness("local")
        let id = try await harness.run().run.runID
        let before = harness.engine.launches.count
        let life = Life(death)
        _ = try await harness.liveAndDie(life, resuming: id, from: [name])
        var isRefused = false
        if life.isOver {
            let second = Life()
            do {
                let run = try await harness.resume(id, second, mayRepeat: true)
                #expect(try await harness.pumping(second) { try await run.run() }.state == .succeeded, "\(death)")
            } catch is ResumeRefused {
                isRefused = true
            }
        }
        let again = Set(harness.engine.launches.dropFirst(before))
        if isRefused, again.isEmpty {
            // It was dead before it had begun: nobody can take this for what was wanted.
            #expect(death == .before(write: 1))
        } else {
            #expect(again == wanted, "\(death): \(again.sorted())")
        }
        #expect(try await harness.store.run(id: id).info.status == .finished)
        try await expectOrder(harness, "\(name), \(death)")
        await harness.close()
        return life.isOver
    }

    static let again: [(name: String, wanted: Set<String>)] = [
        ("parts[p=1]/inside/b", ["parts[p=1]/inside/b", "parts[p=1]/last", "join"]),
        ("parts/first", Set(all).subtracting(["load"])),
        ("parts", Set(all).subtracting(["load"])),
    ]

    @Test(arguments: again)
    func `a runner that dies at any write while a step is to be done again leaves that to the next one`(
        name: String, wanted: Set<String>
    ) async throws {
        for isBefore in [true, false] {
            // The first writes are where it is written down.
            var number = 1
            while try await isDone(name, wanted, despite: isBefore ? .before(write: number) : .after(write: number)) {
                number += number < 14 && name.contains("/inside") ? 1 : Self.stride * 3
                guard number < 1_000 else { throw FixtureFailure("it never comes to its end") }
            }
            #expect(number > 30)
        }
    }

    @Test func `what one resume did not come to is done beside what the next one is told`() async throws {
        let harness = try await Self.harness("local")
        let id = try await harness.run().run.runID
        // Its wish to the nested pipeline is written, and nobody has read it.
        _ = try await harness.liveAndDie(Life(.after(write: 8)), resuming: id, from: ["parts[p=2]/inside/b"])
        let before = harness.engine.launches.count
        let life = Life()
        let run = try await harness.resume(id, life, from: ["parts[p=2]/last"])
        #expect(try await harness.pumping(life) { try await run.run() }.state == .succeeded)
        #expect(
            Set(harness.engine.launches.dropFirst(before)) == ["parts[p=2]/inside/b", "parts[p=2]/last", "join"])
        try await expectOrder(harness, "both")
        await harness.close()
    }

    @Test(arguments: ["local", "far"])
    func `a nested pipeline that was interrupted is begun anew where it is to be done again as a whole`(
        backend: String
    ) async throws {
        let gate = Gate()
        let harness = try await Self.harness(backend, held: "parts[p=1]/inside/b", gate)
        let life = Life()
        let found = try await harness.liveAndDie(life) { [witness = harness.witness] _ in
            await witness.waits(for: "parts[p=1]/inside/b", in: .running)
            life.end()
        }
        let id = try #require(found)
        gate.open()
        let before = harness.engine.launches.count
        let second = Life()
        let run = try await harness.resume(id, second, from: ["parts"])
        #expect(try await harness.pumping(second) { try await run.run() }.state == .succeeded)
        let again = harness.engine.launches.dropFirst(before)
        #expect(again.contains("parts[p=1]/first") && again.contains("parts[p=1]/inside/a"), "\(again)")
        #expect(!again.contains("load"))
        try await expectOrder(harness, backend)
        await harness.close()
    }

    // MARK: The end

    /// What comes of a wish to cancel that a dying runner was obeying: the next one goes on.
    private func survives(
        _ death: Life.Death, _ backend: String,
        cancelling cancel: @escaping @Sendable (DriverHarness, PipelineRun) async throws -> Void
    ) async throws -> Bool {
        let gate = Gate()
        let held = "parts[p=1]/inside/b"
        let harness = try await Self.harness(backend, held: held, gate)
        let life = Life(death)
        let found = try await harness.liveAndDie(life) { run in
            let watch = Task {
                await harness.witness.waits(for: held, in: .running)
                try? await cancel(harness, run)
            }
            await withTaskCancellationHandler {
                await watch.value
            } onCancel: {
                watch.cancel()
            }
        }
        gate.open()
        if let id = found {
            if try await !harness.store.run(id: id).info.status.isTerminal || !life.isOver {
                func goOn() async throws -> PipelineOutcome {
                    let life = Life()
                    return try await harness.pumping(life) { try await harness.resume(id, life).run() }
                }
                var outcome = try await goOn()
                // A job elsewhere that the dead runner had stopped, and could not say so, has failed for all anybody knows.
                let stopped = try await harness.attempts(of: held).last?.data.tag(WellKnownTag.failureKind)
                if backend == "far", stopped == "signal" { outcome = try await goOn() }
                #expect(outcome.state == .succeeded, "\(death): \(outcome.reason ?? "")")
                #expect(Set(harness.engine.launches) == Set(Self.all), "\(death)")
            }
            try await expectOrder(harness, "\(death)")
        }
        await harness.close()
        return life.isOver
    }

    /// Sweeps the death over the writes of such a run.
    private func expectSurvival(
        _ backend: String, cancelling cancel: @escaping @Sendable (DriverHarness, PipelineRun) async throws -> Void
    ) async throws {
        var number = Int.random(in: 1...Self.stride)
        while try await survives(.after(write: number), backend, cancelling: cancel) {
            number += Self.stride * 3
            guard number < 1_000 else { throw FixtureFailure("it never comes to its end") }
        }
        #expect(number > 30)
    }

    @Test(arguments: ["local", "far"])
    func `a runner that dies at any write while all of it is cancelled can be gone on from`(
        backend: String
    ) async throws {
        try await expectSurvival(backend) { _, run in await run.cancel(reason: "enough") }
    }

    @Test(arguments: ["local", "far"])
    func `a runner that dies at any write while a nested step is cancelled can be gone on from`(
        backend: String
    ) async throws {
        try await expectSurvival(backend) { harness, _ in
            let inside = try await harness.attempts(of: "parts[p=1]/inside").last
            guard let inside else { return }
            try await harness.store.setTag(
                Tag(NodeTag.cancel, cancelWish(steps: ["b"])), runID: inside.info.runID)
        }
    }

    @Test(arguments: ["local", "far"])
    func `what an interrupted nested pipeline left is ended by a runner that is cancelled before its turn comes`(
        backend: String
    ) async throws {
        let gate = Gate()
        let held = "parts[p=1]/inside/b"
        let harness = try await Self.harness(backend, held: held, gate)
        let life = Life()
        let found = try await harness.liveAndDie(life) { [witness = harness.witness] _ in
            await witness.waits(for: held, in: .running)
            life.end()
        }
        let id = try #require(found)
        let second = Life()
        let run = try await harness.resume(id, second)
        await run.cancel(reason: "enough")
        #expect(try await harness.pumping(second) { try await run.run() }.state == .cancelled)
        try await expectOrder(harness, backend)
        #expect(try await harness.attempts(of: held).map(\.info.status.isTerminal) == [true])
        // That can be gone on from as well.
        gate.open()
        let third = Life()
        let last = try await harness.resume(id, third)
        #expect(try await harness.pumping(third) { try await last.run() }.state == .succeeded)
        #expect(Set(harness.engine.launches) == Set(Self.all))
        try await expectOrder(harness, backend)
        await harness.close()
    }

    @Test func `whoever ends what a dead runner left may die at any write, and the next one ends the rest`()
        async throws
    {
        let held = "parts[p=1]/inside/b"
        let harness = try await Self.harness("local", held: held)
        let life = Life()
        let found = try await harness.liveAndDie(life) { [witness = harness.witness] _ in
            await witness.waits(for: held, in: .running)
            life.end()
        }
        let id = try #require(found)
        var writers = 0
        while true {
            let run = try await harness.store.run(id: id)
            let open = try await harness.runs().count { !$0.info.status.isTerminal }
            guard !run.info.status.isTerminal else {
                #expect(open == 0)
                break
            }
            writers += 1
            let writer = Life(.after(write: 1))
            let store = WitnessStore(base: harness.store, life: writer, witness: harness.witness)
            await #expect(throws: Life.Over.self) {
                try await endAbandonedPipeline(run, "cancelled", in: store, at: harness.clock.now())
            }
            #expect(try await harness.runs().count { !$0.info.status.isTerminal } == open - 1)
        }
        #expect(writers > 4)
        try await expectOrder(harness, "ended")
        await harness.close()
    }
}

/// Holds whoever comes until it is opened, or their task is cancelled.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var next = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var gone: Set<Int> = []
    }

    private let state = Mutex(State())

    func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        waiters.forEach { $0.resume() }
    }

    func pass() async {
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isFree = state.withLock { state in
                    if state.isOpen || state.gone.contains(number) { return true }
                    state.waiters[number] = continuation
                    return false
                }
                if isFree { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.gone.insert(number)
                return state.waiters.removeValue(forKey: number)
            }
            waiter?.resume()
        }
    }
}
