import Execution
import Pipelines
import Testing
import Tracking

@testable import Scheduling

/// `run.run_id` and `run.artifact_uri`: values that are there only once the attempt's run is.
@Suite(.timeLimit(.minutes(10))) struct OwnRunTests {
    @Test(arguments: ["local", "far"])
    func `a step is told its own run, in every attempt that of this attempt`(backend: String) async throws {
        let harness = try await DriverHarness(
            """
            name: own
            steps:
              a:
                backend: \(backend)
                command: 'step {id}'
                params: {id: "${{ run.run_id }}", label: "attempt ${{ attempt }} of ${{ run.run_id }}"}
                env: {PLACE: "${{ run.artifact_uri }}", FIXED: "1"}
                retry: {times: 1, delay: 1s}
                tags: {kind: own}
            """
        ) { work in work.knowsItsRun && work.attempt == 2 ? .exited(0) : .exited(1) }
        #expect(try await harness.run().state == .succeeded)
        let attempts = try await harness.attempts(of: "a")
        #expect(attempts.map(\.info.status) == [.failed, .finished])
        for (number, run) in attempts.enumerated() {
            #expect(run.data.param("id") == run.info.runID)
            #expect(run.data.param("label") == "attempt \(number + 1) of \(run.info.runID)")
            // It is a project's run like any other.
            #expect(run.data.tag(WellKnownTag.projectEntryPoint) == "a")
            #expect(run.data.tag(WellKnownTag.projectBackend) == backend)
            #expect(run.data.tag("kind") == "own")
            #expect(run.data.tag(WellKnownTag.runner) == nil)
        }
        #expect(harness.witness.broken.isEmpty, "\(harness.witness.broken)")
        await harness.close()
    }

    @Test func `a value that cannot be made of the run fails the attempt, whose run says why`() async throws {
        let harness = try await DriverHarness(
            """
            name: own
            steps:
              a:
                command: step
                params: {n: "${{ int(run.run_id) }}"}
            """)
        #expect(try await harness.run().state == .failed)
        let attempts = try await harness.attempts(of: "a")
        #expect(!attempts.isEmpty)
        for run in attempts {
            #expect(run.info.status == .failed)
            #expect(run.data.tag(WellKnownTag.failureKind) == "launch")
            #expect(run.data.tag(WellKnownTag.failureReason)?.contains("pipeline.yaml:5") == true)
        }
        #expect(harness.engine.launches.isEmpty)
        #expect(harness.witness.broken.isEmpty, "\(harness.witness.broken)")
        await harness.close()
    }

    @Test func `a variable of the top level tells every step its own run, also in nested pipelines`() async throws {
        let harness = try await DriverHarness(
            """
            name: own
            env: {PLACE: "${{ run.artifact_uri }}", WHO: "${{ pipeline.name }}"}
            steps:
              a: {command: 'step {id}', params: {id: "${{ run.run_id }}"}}
              b: {command: step, env: {PLACE: mine}}
              c:
                command: 'step {i}'
                matrix: {i: [1, 2]}
                retry: {times: 1, delay: 1s}
              inner: {pipeline: inner.yaml}
              found: {search: {filter: "tags.x = 'y'"}}
            """,
            nested: [
                "inner.yaml": """
                name: inner
                env: {WHO: "${{ pipeline.name }} of ${{ run.run_id }}"}
                steps:
                  d: {command: step}
                  e: {command: step, env: {PLACE: mine}}
                  deeper: {pipeline: deeper.yaml}
                """,
                "deeper.yaml": "steps: {f: {command: step}}",
            ]
        ) { work in
            let (place, who) = (work.variables["PLACE"], work.variables["WHO"])
            let own = work.job.run
            let isTold =
                switch work.node {
                case "a": work.knowsItsRun && who == "own"
                case "b": place == "mine" && who == "own"
                case "inner/e": place == "mine" && who == "inner of \(own.runID)"
                case "inner/d", "inner/deeper/f": place == own.artifactURI && who == "inner of \(own.runID)"
                default: place == own.artifactURI && who == "own" && work.attempt == 2
                }
            return .exited(isTold ? 0 : 1)
        }
        let outcome = try await harness.run()
        #expect(outcome.state == .succeeded, "\(outcome.reason ?? "")")
        #expect(harness.engine.launches.count == 9)
        #expect(harness.witness.broken.isEmpty, "\(harness.witness.broken)")
        await harness.close()
    }

    @Test(arguments: [("cache: true", false), ("cache: {ignore: [ID]}", true)])
    func `what all steps are told of their own runs keeps them from being reused, unless it is to be ignored`(
        cache: String, isReused: Bool
    ) async throws {
        let harness = try await DriverHarness(
            """
            name: own
            \(cache)
            env: {ID: "${{ run.run_id }}"}
            steps: {a: {command: step}, inner: {pipeline: inner.yaml}}
            """,
            nested: ["inner.yaml": "\(cache)\nsteps: {b: {command: step, params: {other: work}}}"])
        for _ in 1...2 { #expect(try await harness.run().state == .succeeded) }
        #expect(harness.engine.launches.count == (isReused ? 2 : 4))
        await harness.close()
    }

    @Test(arguments: [
        (#"params: {id: "${{ run.run_id }}"}, cache: true"#, false),
        (#"params: {id: "${{ run.run_id }}"}, cache: {ignore: [id]}"#, true),
        (#"env: {ID: "${{ run.run_id }}"}, cache: {ignore: [id]}"#, false),
        (#"env: {ID: "${{ run.run_id }}"}, cache: {ignore: [ID]}"#, true),
        (#"env: {ID: "${{ pipeline.run_id }}"}, cache: {ignore: [ID]}"#, true),
    ])
    func `what is told its own run is reused only where that does not matter`(step: String, isReused: Bool) async throws
    {
        let harness = try await DriverHarness("name: own\nsteps:\n  a: {command: step, \(step)}\n")
        for _ in 1...2 { #expect(try await harness.run().state == .succeeded) }
        #expect(harness.engine.launches.count == (isReused ? 1 : 2))
        let forecast = try await harness.rehearse()
        #expect((forecast.count(of: .reuse) == 1) == isReused)
        await harness.close()
    }
}
