import Execution
import Files
import JSON
import Pipelines
import SystemPackage
import TestSupport
import Testing
import Tracking

@testable import Scheduling

/// The transitions T1 to T13 as the driver makes them, and what each of them writes.
@Suite(.timeLimit(.minutes(10))) struct DriverTransitionTests {
    /// Jobs that end only when they are stopped.
    static func holding(_ clock: ManualClock) -> ScriptedEngine.Script {
        { _ in
            await clock.sleep(until: .max)
            return .exited(0)
        }
    }

    private func pipelineRun(_ harness: DriverHarness) async throws -> Run {
        try #require(try await harness.runs().last { $0.data.tag(NodeTag.pipeline) != nil })
    }

    @Test func `T1: the pipeline's run has its params, tags, lease and plan before any step starts`() async throws {
        let harness = try await DriverHarness("name: one\nparams: {n: 5}\ntags: {team: a}\nsteps:\n  a: {command: x}\n")
        _ = try await harness.start()
        let run = try await pipelineRun(harness)
        #expect(run.info.status == .running)
        #expect(run.data.param("n") == "5")
        #expect(run.data.tag("team") == "a")
        #expect(run.data.tag(NodeTag.lease).flatMap { Lease($0) }?.epoch == 1)
        let folder = FilePath(String(run.info.artifactURI.trimmingPrefix("file://"))).appending("pipeline")
        #expect(try Plan(reading: readFile(folder.appending("plan.json"), limit: 1 << 20)).name == "one")
        for file in ["pipeline.yaml", "launch.json", "graph.mmd"] {
            #expect(fileStatus(folder.appending(file)) != nil, "\(file)")
        }
        #expect(harness.engine.launches.isEmpty)
        await harness.close()
    }

    @Test func `T2 T3: what waits, is skipped or blocked has no run; the pipeline's run names it`() async throws {
        let harness = try await DriverHarness(
            """
            name: three
            on_error: continue
            params: {n: 1}
            steps:
              bad: {command: x}
              needs_bad: {command: x, needs: [bad]}
              off: {when: params.n > 2, command: x}
              after_off: {command: x, needs: [off]}
              good: {command: x}
            """
        ) { $0.node == "bad" ? .exited(2) : .exited(0) }
        let outcome = try await harness.run()
        #expect(outcome.state == .failed)
        #expect(Set(try await harness.runs().compactMap { $0.data.tag(NodeTag.node) }) == ["bad", "good"])
        let run = try await pipelineRun(harness)
        #expect(run.data.tag(NodeTag.blocked) == "needs_bad")
        #expect(run.data.tag(NodeTag.skipped) == "off, after_off")
        #expect(harness.events.states(of: "good") == [.ready, .starting, .running, .succeeded])
        #expect(harness.witness.broken.isEmpty, "\(harness.witness.broken)")
        await harness.close()
    }

    @Test func `T4: a result that is taken over is one write`() async throws {
        let yaml = """
            name: cached
            cache: true
            steps:
              a:
                command: 'step {out}'
                params: {out: "${{ outputs.data }}"}
                outputs: {data: data.txt}
            """
        let harness = try await DriverHarness(yaml) { work in
            do { try performStep(work) } catch { return .exited(1) }
            return .exited(0)
        }
        try await harness.run()
        let first = try #require(try await harness.attempts(of: "a").first)
        let before = harness.witness.writes(of: "a")
        let second = try await harness.run()
        #expect(second.counts == [.cached: 1])
        #expect(harness.engine.launches == ["a"])
        #expect(harness.witness.writes(of: "a") == before + 1)
        let copy = try #require(try await harness.attempts(of: "a").last { $0.data.tag(NodeTag.cachedFrom) != nil })
        #expect(copy.info.status == .finished)
        #expect(copy.data.tag(NodeTag.cachedFrom) == first.info.runID)
        #expect(copy.data.params == first.data.params)
        #expect(copy.data.tag("swiftflow.digest.data") == first.data.tag("swiftflow.digest.data"))
        #expect(harness.witness.broken.isEmpty, "\(harness.witness.broken)")
        await harness.close()
    }

    @Test func `T5: the run with its values and its launch's name is there before anything is launched`() async throws {
        let harness = try await DriverHarness(
            "name: five\nsteps:\n  a: {command: 'x {p}', params: {p: '${{ 1 + 1 }}'}}\n")
        try await harness.run()
        let run = try #require(try await harness.attempts(of: "a").first)
        #expect(run.data.param("p") == "2")
        #expect(run.data.tag(NodeTag.launch)?.hasPrefix("sf-") == true)
        // The engine looks the run up in the store before it takes a job.
        #expect(harness.witness.broken.isEmpty, "\(harness.witness.broken)")
        // On a slow machine a short job may live long enough to be told of.
        #expect(harness.witness.states(of: "a").filter { $0 != "running" } == ["starting", "succeeded"])
        await harness.close()
        // What cannot be recorded is not started.
        let second = try await DriverHarness("name: five\nsteps:\n  a: {command: x}\n")
        let life = Life(.at(event: 2))
        _ = try await second.liveAndDie(life)
        #expect(life.isOver)
        #expect(second.engine.launches.isEmpty)
        await second.close()
    }

    @Test(arguments: ["local", "far"])
    func `T6: once its job exists a run is 'running', and says how to find the job`(backend: String) async throws {
        let clock = ManualClock(now: currentTimeMilliseconds())
        let harness = try await DriverHarness(
            "name: six\nsteps:\n  a: {command: x, backend: \(backend)}\n", clock: clock, script: Self.holding(clock))
        let run = try await harness.start()
        async let outcome = run.run()
        await harness.witness.waits(for: "a", in: .running)
        let attempt = try #require(try await harness.attempts(of: "a").first)
        #expect(attempt.data.tag(NodeTag.state) == "running")
        if backend == "far" { #expect(attempt.data.tag(WellKnownTag.jobHandle)?.hasPrefix("handle of sf-") == true) }
        await run.cancel(reason: "enough")
        #expect(try await outcome.state == .cancelled)
        #expect(harness.witness.states(of: "a") == ["starting", "running", "cancelled"])
        await harness.close()
    }

    @Test func `T7: what cannot be launched fails with its reason, and is tried once more for free`() async throws {
        let harness = try await DriverHarness("name: seven\nsteps:\n  a: {command: x, backend: nowhere}\n")
        let outcome = try await harness.run()
        #expect(outcome.state == .failed)
        let attempts = try await harness.attempts(of: "a")
        #expect(attempts.map { $0.data.tag(NodeTag.attempt) } == ["1", "2"])
        for run in attempts {
            #expect(run.info.status == .failed)
            #expect(run.data.tag(WellKnownTag.failureKind) == "launch")
            #expect(run.data.tag(NodeTag.state) == "failed")
            #expect(run.data.tag(WellKnownTag.failureReason)?.contains("nowhere") == true)
        }
        #expect(harness.witness.broken.isEmpty, "\(harness.witness.broken)")
        await harness.close()
    }

    @Test func `T8: the end of an attempt is one write, with outputs, digests and costs`() async throws {
        let harness = try await DriverHarness(
            """
            name: eight
            steps:
              a:
                command: 'step {out}'
                params: {out: "${{ outputs.data }}"}
                outputs: {data: data.txt, rows: rows}
            """
        ) { work in
            do {
                try performStep(work)
                try handOn("rows=9", work)
                return .exited(0)
            } catch { return .exited(1) }
        }
        try await harness.run()
        let run = try #require(try await harness.attempts(of: "a").first)
        #expect(run.info.status == .finished)
        #expect(run.data.tag("swiftflow.artifact.data") == "data.txt")
        #expect(run.data.tag("swiftflow.digest.data")?.count == 64)
        #expect(run.data.tag("swiftflow.output.rows") == "9")
        #expect(run.data.metric("system/wall_seconds")?.value == 0.005)
        #expect(run.data.metric("system/queue_seconds") != nil)
        // Its creation and its end.
        let told = harness.witness.states(of: "a").count { $0 == "running" }
        #expect(harness.witness.writes(of: "a") - told == 2)
        #expect(try await harness.results() == ["a": ["data": "a()", "rows": "9"]])
        await harness.close()
    }

    @Test(arguments: [
        ("exit", "{command: x}"), ("missing_output", "{command: x, outputs: {o: o.txt}}"),
        ("missing_metric", "{command: x, metrics: [rmse]}"), ("timeout", "{command: x, timeout: 5s}"),
    ])
    func `T9: a failed attempt says why`(reason: String, step: String) async throws {
        let clock = ManualClock(now: currentTimeMilliseconds())
        let harness = try await DriverHarness("name: nine\nsteps:\n  a: \(step)\n", clock: clock) { _ in
            if reason == "timeout" { await clock.sleep(until: .max) }
            return .exited(reason == "exit" ? 3 : 0)
        }
        let outcome = try await harness.run()
        #expect(outcome.state == .failed)
        let run = try #require(try await harness.attempts(of: "a").first)
        #expect(run.info.status == .failed)
        #expect(run.data.tag(WellKnownTag.failureKind) == reason)
        #expect(harness.witness.broken.isEmpty, "\(harness.witness.broken)")
        await harness.close()
    }

    @Test func `T10: a delay goes on where it was when another runner resumes`() async throws {
        let clock = ManualClock(now: currentTimeMilliseconds())
        let yaml = "name: ten\nsteps:\n  a: {command: x, retry: {times: 2, delay: 60s, jitter: 0.5}}\n"
        let harness = try await DriverHarness(yaml, clock: clock) { $0.attempt == 1 ? .exited(1) : .exited(0) }
        let life = Life()
        let first = try await harness.start(life)
        async let end: PipelineOutcome? = try? first.run()
        await harness.events.node("a", .retrying)
        let due = try #require(harness.events.statuses(of: "a").last?.dueAt)
        let failed = try #require(try await harness.attempts(of: "a").first)
        let delay = RetryPolicy(times: 2, delay: 60_000, jitter: 0.5).delay(
            afterFailure: 1, seed: stableHash(first.info.runID, "a", "1"))
        life.end()
        clock.advance(by: 20_000)
        let second = try await harness.resume(first.info.runID)
        async let outcome = second.run()
        await harness.events.first { event in
            if case .node(let status) = event {
                status.id == "a" && status.state == .retrying && status.dueAt != due
            } else {
                false
            }
        }
        let again = try #require(harness.events.statuses(of: "a").last?.dueAt)
        // From the end that the store knows.
        #expect(again == (failed.info.endTime ?? 0) + delay)
        #expect(harness.engine.launches == ["a"])
        clock.advance(to: again)
        #expect(try await outcome.state == .succeeded)
        #expect(harness.engine.launches == ["a", "a"])
        // The dead one sleeps on until it finds out.
        clock.advance(by: 600_000)
        _ = await end
        #expect(harness.engine.launches == ["a", "a"])
        await harness.close()
    }

    @Test(arguments: ["local", "far"])
    func `T11: a cancelled attempt is KILLED once its job is gone; what never started has no run`(
        backend: String
    ) async throws {
        let clock = ManualClock(now: currentTimeMilliseconds())
        let harness = try await DriverHarness(
            "name: eleven\ndefaults: {backend: \(backend)}\nsteps:\n  a: {command: x}\n  b: {command: x, needs: [a]}\n",
            clock: clock, script: Self.holding(clock))
        let run = try await harness.start()
        async let outcome = run.run()
        await harness.events.node("a", .running)
        try await harness.store.setTag(Tag(NodeTag.cancel, cancelWish(steps: [])), runID: run.info.runID)
        // It is seen the next time that the runner looks.
        clock.advance(by: PipelineRun.watchInterval)
        #expect(try await outcome.state == .cancelled)
        #expect(harness.engine.liveNodes.isEmpty)
        #expect(try await harness.attempts(of: "a").map(\.info.status) == [.killed])
        #expect(try await harness.attempts(of: "b").isEmpty)
        #expect(try await pipelineRun(harness).info.status == .killed)
        #expect(harness.witness.broken.isEmpty, "\(harness.witness.broken)")
        await harness.close()
    }

    @Test func `T11: what a dead runner left at work elsewhere is ended even if its turn never comes`() async throws {
        let clock = ManualClock(now: currentTimeMilliseconds())
        let harness = try await DriverHarness(
            """
            name: left
            limits: {parallel: 3, cpu: 3}
            defaults: {backend: far}
            steps:
              a: {matrix: {i: [1, 2]}, command: 'x {i}'}
              b: {command: x}
            """, clock: clock, script: Self.holding(clock))
        let life = Life()
        let first = try await harness.start(life)
        async let end: PipelineOutcome? = try? first.run()
        await harness.witness.waits(for: "a[i=1]", in: .running)
        await harness.witness.waits(for: "a[i=2]", in: .running)
        life.end()
        let second = try await harness.resume(first.info.runID)
        await second.cancel(reason: "enough")
        #expect(try await second.run().state == .cancelled)
        #expect(harness.engine.liveNodes.isEmpty)
        for run in try await harness.runs() { #expect(run.info.status.isTerminal, "\(run.info.runName)") }
        #expect(harness.witness.broken.isEmpty, "\(harness.witness.broken)")
        clock.advance(by: 600_000)
        _ = await end
        await harness.close()
    }

    @Test(arguments: ["local", "far"])
    func `T12: a pruned trial is KILLED once its job is gone, and neither a failure nor a candidate`(
        backend: String
    ) async throws {
        let clock = ManualClock(now: currentTimeMilliseconds())
        let harness = try await DriverHarness(
            """
            name: twelve
            limits: {parallel: 2, cpu: 2}
            defaults: {backend: \(backend)}
            steps:
              a: {matrix: {i: [1, 2]}, command: 'x {i}'}
              b: {command: 'x {n}', params: {n: "${{ len(steps.a.all.run_id) }}"}}
            """, clock: clock
        ) { work in
            if work.node == "a[i=2]" { await clock.sleep(until: .max) }
            return .exited(0)
        }
        let run = try await harness.start()
        async let outcome = run.run()
        await harness.witness.waits(for: "a[i=2]", in: .running)
        await run.post(.prune(1))
        #expect(try await outcome.state == .succeeded)
        #expect(harness.engine.liveNodes.isEmpty)
        let pruned = try #require(try await harness.attempts(of: "a[i=2]").first)
        #expect(pruned.info.status == .killed)
        #expect(pruned.data.tag(NodeTag.pruned) == "true")
        #expect(pruned.data.tag(NodeTag.state) == NodeState.pruned.rawValue)
        #expect(harness.events.states(of: "a[i=2]").last == .pruned)
        #expect(try await harness.attempts(of: "b").first?.data.param("n") == "1")
        let counts = try await pipelineRun(harness).data.tag(NodeTag.nodeCounts)
        #expect(counts == #"{"pruned": 1, "succeeded": 2}"#)
        #expect(harness.witness.broken.isEmpty, "\(harness.witness.broken)")
        await harness.close()
    }

    @Test func `T13: the pipeline's run has its status, counts and outputs when everything has ended`() async throws {
        let harness = try await DriverHarness(
            """
            name: thirteen
            steps:
              a: {command: step, outputs: {rows: rows}}
              cells: {matrix: {i: [1, 2]}, command: 'step {i}'}
            outputs: {rows: "${{ steps.a.outputs.rows }}"}
            """
        ) { work in
            if work.node == "a" { try? handOn("rows=3", work) }
            return .exited(0)
        }
        try await harness.run()
        let run = try await pipelineRun(harness)
        #expect(run.info.status == .finished)
        #expect(run.data.tag(NodeTag.nodeCounts) == #"{"succeeded": 3}"#)
        #expect(run.data.tag(NodeTag.output("rows")) == "3")
        #expect(run.data.tag(NodeTag.lease) == nil)
        #expect(harness.witness.broken.isEmpty, "\(harness.witness.broken)")
        await harness.close()
    }
}
