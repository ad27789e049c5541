import Execution
import Pipelines
import Synchronization
import TestSupport
import Testing
import Tracking

@testable import Scheduling

/// Pipelines within pipelines whose runner dies at any write: what had finished in them stays, and nothing is left RUNNING.
@Suite(.serialized, .timeLimit(.minutes(10))) struct `W-09: runners of nested pipelines that die` {
    /// A nested pipeline with a fan-out and a retry in it, one that fails as a whole and is begun anew, and two levels of them.
    static func outer(_ backend: String) -> String {
        """
        name: outer
        limits: {parallel: 3, cpu: 8}
        defaults: {backend: \(backend)}
        steps:
          load:
            command: 'step {out}'
            params: {out: "${{ outputs.data }}"}
            outputs: {data: data.txt}
          prepare:
            pipeline: prepare.yaml
            params: {data: "${{ steps.load.outputs.data }}"}
          again:
            pipeline: again.yaml
            retry: {times: 1, delay: 5s}
          deep:
            matrix: {part: [1, 2]}
            pipeline: deep.yaml
            params: {data: "${{ steps.prepare.outputs.all }}"}
          join:
            command: 'step {out} {parts} {count}'
            needs: [again]
            params:
              out: ${{ outputs.all }}
              parts: ${{ steps.deep.all.outputs.result }}
              count: ${{ steps.prepare.outputs.count }}
            outputs: {all: all.txt}
        """
    }

    static func nested(_ backend: String) -> [String: String] {
        [
            "prepare.yaml": """
            params: {data: {type: uri}}
            defaults: {backend: \(backend)}
            steps:
              cells:
                matrix: {i: [0, 1]}
                command: 'step {out} {data} {i}'
                params: {data: "${{ params.data }}", out: "${{ outputs.part }}"}
                outputs: {part: part.txt}
              small: {command: step, outputs: {rows: rows}}
              flaky: {command: step, retry: {times: 2, delay: 10s}}
              gather:
                command: 'step {out} {parts}'
                needs: [flaky]
                params: {out: "${{ outputs.all }}", parts: "${{ steps.cells.all.outputs.part }}"}
                outputs: {all: all.txt}
            outputs: {all: "${{ steps.gather.outputs.all }}", count: "${{ steps.small.outputs.rows }}"}
            """,
            "again.yaml": """
            defaults: {backend: \(backend)}
            steps:
              first: {command: step}
              bad: {command: step, needs: [first]}
            """,
            "deep.yaml": """
            params: {data: {type: uri}, part: 0}
            steps:
              inside: {pipeline: deeper.yaml, params: {data: "${{ params.data }}", part: "${{ params.part }}"}}
            outputs: {result: "${{ steps.inside.outputs.made }}"}
            """,
            "deeper.yaml": """
            params: {data: {type: uri}, part: 0}
            defaults: {backend: \(backend)}
            steps:
              make:
                command: 'step {out} {data} {part}'
                params: {data: "${{ params.data }}", part: "${{ params.part }}", out: "${{ outputs.made }}"}
                outputs: {made: made.txt}
              check: {command: step, needs: [make]}
            outputs: {made: "${{ steps.make.outputs.made }}"}
            """,
        ]
    }

    static func harness(_ backend: String) async throws -> DriverHarness {
        let tries = Counter()
        return try await DriverHarness(outer(backend), nested: nested(backend)) { work in
            await Task.yield()
            do {
                if work.node == "prepare/flaky", work.attempt < 2 { return .exited(1) }
                // It fails once, and so its pipeline does, which is begun anew or gone on with.
                if work.node == "again/bad", tries.next() == 1 { return .exited(1) }
                if work.node == "prepare/small" { try handOn("rows=7", work) }
                try performStep(work)
                return .exited(0)
            } catch {
                return .failed(.exit, reason: "\(error)", end: nil)
            }
        }
    }

    static let expected: [String: [String: String]] = {
        let gathered = "prepare/gather(prepare/cells[i=0](load(),0),prepare/cells[i=1](load(),1))"
        var results: [String: [String: String]] = [
            "load": ["data": "load()"], "prepare/small": ["rows": "7"], "prepare/flaky": [:],
            "prepare/cells[i=0]": ["part": "prepare/cells[i=0](load(),0)"],
            "prepare/cells[i=1]": ["part": "prepare/cells[i=1](load(),1)"],
            "prepare/gather": ["all": gathered], "prepare": ["all": gathered, "count": "7"],
            "again": [:], "again/first": [:], "again/bad": [:],
        ]
        var parts: [String] = []
        for part in 1...2 {
            let path = "deep[part=\(part)]"
            let made = "\(path)/inside/make(\(gathered),\(part))"
            parts.append(made)
            results[path] = ["result": made]
            results["\(path)/inside"] = ["made": made]
            results["\(path)/inside/make"] = ["made": made]
            results["\(path)/inside/check"] = [:]
        }
        results["join"] = ["all": "join(\(parts.joined(separator: ",")),7)"]
        return results
    }()

    /// Lives one life that ends as `death` says, and others to the end.
    ///
    /// - Returns: false when the first life came to its natural end before.
    private func survives(_ death: Life.Death, _ backend: String) async throws -> Bool {
        let harness = try await Self.harness(backend)
        let life = Life(death)
        let id = try await harness.liveAndDie(life)
        if life.isOver, let id {
            let info = try await harness.store.run(id: id).info
            if !info.status.isTerminal {
                let second = Life()
                let outcome = try await harness.pumping(second) { try await harness.resume(id, second).run() }
                #expect(outcome.state == .succeeded, "\(death): \(outcome.failures) \(outcome.reason ?? "")")
            } else if info.status == .failed {
                #expect(harness.engine.launches.isEmpty, "\(death)")
            }
        }
        if let id, try await harness.store.run(id: id).info.status == .finished {
            #expect(try await harness.results() == Self.expected, "\(death)")
        }
        try await expectOrder(harness, "\(death)")
        await harness.close()
        return life.isOver
    }

    /// Nothing is RUNNING that does not run, and no rule was broken.
    private func expectOrder(_ harness: DriverHarness, _ what: String) async throws {
        for run in try await harness.runs() where harness.engine.launches.isEmpty == false {
            #expect(run.info.status.isTerminal, "\(what): \(run.data.path ?? run.info.runName) is \(run.info.status)")
            #expect(run.data.tag(NodeTag.redo) == nil, "\(what): \(run.info.runName) is still to be done again")
            #expect(run.data.tag(NodeTag.lease) == nil, "\(what): \(run.info.runName) has an owner")
        }
        #expect(harness.witness.broken.isEmpty, "\(what): \(harness.witness.broken)")
        #expect(harness.engine.liveNodes.isEmpty, "\(what)")
    }

    private func sweep(_ body: (Int) async throws -> Bool) async throws {
        let stride = `W-09: runners that die`.stride * 5
        var number = Int.random(in: 1...stride)
        while try await body(number) {
            number += stride
            guard number < 2_000 else { throw FixtureFailure("it never comes to its end") }
        }
        #expect(number > 30)
    }

    @Test(arguments: ["local", "far"])
    func `invariant 6: dead instead of any write of nested pipelines, and resumed`(backend: String) async throws {
        try await sweep { try await survives(.before(write: $0), backend) }
    }

    @Test(arguments: ["local", "far"])
    func `invariant 6: dead right after any write of nested pipelines, and resumed`(backend: String) async throws {
        try await sweep { try await survives(.after(write: $0), backend) }
    }

    @Test(arguments: ["local", "far"])
    func `invariant 6: dead at any event of nested pipelines, and resumed`(backend: String) async throws {
        try await sweep { try await survives(.at(event: $0), backend) }
    }
}

private final class Counter: Sendable {
    private let count = Mutex(0)

    func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }
}
