import Execution
import Files
import Processes
import TestSupport
import Testing
import Tracking

@testable import Scheduling

/// A runner that dies at any write or event leaves what another one can finish.
@Suite(.timeLimit(.minutes(10))) struct `W-09: runners that die` {
    /// Eleven nodes: four cells, a step that fails twice, one that is told its own run, and one that is skipped.
    static func pipeline(backend: String) -> String {
        """
        name: ten
        params: {n: 2}
        limits: {parallel: 3, cpu: 8}
        defaults: {backend: \(backend)}
        steps:
          load:
            command: 'step {out}'
            params: {out: "${{ outputs.data }}"}
            outputs: {data: data.txt}
          small:
            command: 'step'
            outputs: {rows: rows}
          cells:
            matrix: {i: [0, 1, 2, 3]}
            command: 'step {out} {data} {i}'
            params: {data: "${{ steps.load.outputs.data }}", out: "${{ outputs.part }}"}
            outputs: {part: part.txt}
          flaky:
            needs: [load]
            command: 'step'
            retry: {times: 3, delay: 10s}
          own:
            command: 'step {id}'
            params: {id: "${{ run.run_id }}"}
            env: {PLACE: "${{ run.artifact_uri }}"}
          never: {when: params.n > 5, command: step}
          join:
            command: 'step {out} {parts} {rows}'
            params:
              out: ${{ outputs.all }}
              parts: ${{ steps.cells.all.outputs.part }}
              rows: ${{ steps.small.outputs.rows }}
            outputs: {all: all.txt}
          last: {needs: [join, flaky], command: step}
        """
    }

    static func harness(backend: String) async throws -> DriverHarness {
        try await DriverHarness(pipeline(backend: backend)) { work in
            await Task.yield()
            return perform(work)
        }
    }

    static func perform(_ work: ScriptedEngine.Work) -> JobEnd {
        do {
            if work.node == "flaky", work.attempt < 3 { return .exited(1) }
            if work.node == "own", !work.knowsItsRun { return .exited(2) }
            if work.node == "small" { try handOn("rows=7", work) }
            try performStep(work)
            return .exited(0)
        } catch {
            return .failed(.exit, reason: "\(error)", end: nil)
        }
    }

    static let expected: [String: [String: String]] = [
        "load": ["data": "load()"], "small": ["rows": "7"], "flaky": [:], "own": [:], "last": [:],
        "cells[i=0]": ["part": "cells[i=0](load(),0)"], "cells[i=1]": ["part": "cells[i=1](load(),1)"],
        "cells[i=2]": ["part": "cells[i=2](load(),2)"], "cells[i=3]": ["part": "cells[i=3](load(),3)"],
        "join": [
            "all": "join(cells[i=0](load(),0),cells[i=1](load(),1),cells[i=2](load(),2),cells[i=3](load(),3),7)"
        ],
    ]

    /// Every point is tried with `SWIFTFLOW_TEST_CRASHES=all`, otherwise every so manyth from a random one on.
    static let stride = environmentVariable("SWIFTFLOW_TEST_CRASHES") == "all" ? 1 : 11

    /// Lives one life that ends as `death` says, and another to the end.
    ///
    /// - Returns: false when the first life came to its natural end before.
    private func survives(_ death: Life.Death, backend: String) async throws -> Bool {
        let harness = try await Self.harness(backend: backend)
        let life = Life(death)
        let id = try await harness.liveAndDie(life)
        let died = life.isOver
        if died, let id {
            let info = try await harness.store.run(id: id).info
            if !info.status.isTerminal {
                let second = Life()
                let outcome = try await harness.pumping(second) { try await harness.resume(id, second).run() }
                #expect(outcome.state == .succeeded, "\(death): \(outcome.failures)")
            } else if info.status == .failed {
                // It died before anything was started, and could still say so.
                #expect(harness.engine.launches.isEmpty, "\(death)")
            }
        }
        if let id, try await harness.store.run(id: id).info.status == .finished {
            #expect(try await harness.results() == Self.expected, "\(death)")
            for run in try await harness.runs() {
                #expect(run.info.status.isTerminal, "\(death): \(run.info.runName) is \(run.info.status)")
            }
        }
        #expect(harness.witness.broken.isEmpty, "\(death): \(harness.witness.broken)")
        #expect(harness.engine.liveNodes.isEmpty, "\(death)")
        await harness.close()
        return died
    }

    private func sweep(_ backend: String, _ death: (Int) -> Life.Death) async throws {
        var number = Int.random(in: 1...Self.stride)
        while try await survives(death(number), backend: backend) {
            number += Self.stride
            guard number < 2_000 else { throw FixtureFailure("it never comes to its end") }
        }
        #expect(number > 30)
    }

    @Test(arguments: ["local", "far"])
    func `invariant 6: dead instead of any write, and resumed, it comes to the same end`(backend: String) async throws {
        try await sweep(backend) { .before(write: $0) }
    }

    @Test(arguments: ["local", "far"])
    func `invariant 6: dead right after any write, and resumed, it comes to the same end`(backend: String) async throws
    {
        try await sweep(backend) { .after(write: $0) }
    }

    @Test(arguments: ["local", "far"])
    func `invariant 6: dead at any event, and resumed, it comes to the same end`(backend: String) async throws {
        try await sweep(backend) { .at(event: $0) }
    }
}
