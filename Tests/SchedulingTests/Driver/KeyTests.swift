import Diagnostics
import Execution
import Files
import Pipelines
import Processes
import Synchronization
import SystemPackage
import Testing
import Tracking

@testable import Scheduling

/// What keys of the file say is what happens: those that no transition is about.
@Suite(.timeLimit(.minutes(10))) struct KeyTests {
    @Test func `description, tags and experiment are those of the runs`() async throws {
        let harness = try await DriverHarness(
            """
            name: keys
            description: About all of it.
            experiment: elsewhere
            tags: {team: a, kind: general}
            steps:
              one: {command: x, description: About one., tags: {kind: own}}
            """)
        let outcome = try await harness.run()
        let id = try await harness.store.experiment(named: "elsewhere").experimentID
        let runs = try await harness.store.searchRuns(RunSearch(experimentIDs: [id], maxResults: 10)).elements
        let pipeline = try #require(runs.first { $0.info.runID == outcome.run.runID })
        let one = try #require(runs.first { $0.data.tag(NodeTag.node) == "one" })
        #expect(runs.count == 2)
        #expect(pipeline.data.tag(WellKnownTag.note) == "About all of it.")
        #expect(pipeline.data.tag("team") == "a" && pipeline.data.tag("kind") == "general")
        #expect(one.data.tag(WellKnownTag.note) == "About one.")
        #expect(one.data.tag("team") == "a" && one.data.tag("kind") == "own")
        await harness.close()
    }

    @Test func `a step runs the entry point it names, else the one of its own name`() async throws {
        let commands = Mutex<[String: String]>([:])
        let harness = try await DriverHarness(
            """
            name: keys
            steps:
              train: {params: {k: 3}}
              again: {entry_point: train}
            """
        ) { work in
            commands.withLock { $0[work.node] = work.job.command }
            return .exited(0)
        }
        try writeText(
            "name: p\nentry_points:\n  train:\n    parameters: {k: {type: int, default: 1}}\n    command: 'fit {k}'\n",
            to: harness.project.appending("MLproject"))
        #expect(try await harness.run().state == .succeeded)
        #expect(commands.withLock { $0 } == ["train": "fit 3", "again": "fit 1"])
        #expect(
            try await harness.attempts(of: "again").first?.data.tag(WellKnownTag.projectEntryPoint) == "train")
        await harness.close()
    }

    @Test func `env_manager of a step wins over what its project asks for`() async throws {
        let harness = try await DriverHarness(
            """
            name: keys
            on_error: continue
            steps:
              here: {command: x, env_manager: local}
              built: {command: x, env_manager: virtualenv}
            """)
        try writeText("name: p\npython_env: python_env.yaml\n", to: harness.project.appending("MLproject"))
        try writeText("python: \"3.11\"\ndependencies: [nothing]\n", to: harness.project.appending("python_env.yaml"))
        #expect(try await harness.run().state == .failed)
        // Nothing can be built here, since no process is started in these tests.
        #expect(harness.engine.launches == ["here"])
        #expect(try await harness.attempts(of: "here").map(\.info.status) == [.finished])
        #expect(
            try await harness.attempts(of: "built").allSatisfy { $0.data.tag(WellKnownTag.failureKind) == "launch" })
        await harness.close()
    }

    @Test func `priority orders what is ready, and max_parallel bounds the cells of its step`() async throws {
        let harness = try await DriverHarness(
            """
            name: keys
            limits: {parallel: 1, cpu: 8}
            steps:
              late: {command: x, priority: -1}
              usual: {command: x}
              first: {command: x, priority: 5}
            """)
        #expect(try await harness.run().state == .succeeded)
        #expect(harness.engine.launches == ["first", "usual", "late"])
        await harness.close()

        let atWork = Mutex((now: 0, most: 0))
        let cells = try await DriverHarness(
            """
            name: keys
            limits: {parallel: 8, cpu: 8}
            steps:
              cells: {command: 'x {i}', matrix: {i: "${{ range(8) }}"}, max_parallel: 2}
            """
        ) { _ in
            atWork.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
            for _ in 0..<50 { await Task.yield() }
            atWork.withLock { $0.now -= 1 }
            return .exited(0)
        }
        #expect(try await cells.run().state == .succeeded)
        #expect(atWork.withLock { $0.most } <= 2)
        #expect(cells.engine.launches.count == 8)
        await cells.close()
    }

    /// What is different the second time, and whether the first result is used.
    static let reuses: [(cache: String, change: @Sendable (inout String) -> Void, days: Int64, isReused: Bool)] = [
        ("true", { _ in }, 0, true),
        ("true", { $0.replace("k: 1", with: "k: 2") }, 0, false),
        ("{ignore: [k]}", { $0.replace("k: 1", with: "k: 2") }, 0, true),
        ("{salt: v1}", { $0.replace("salt: v1", with: "salt: v2") }, 0, false),
        ("{ttl: 7d}", { _ in }, 6, true),
        ("{ttl: 7d}", { _ in }, 8, false),
        ("{scope: experiment}", { $0 += "experiment: other\n" }, 0, false),
        ("{scope: store}", { $0 += "experiment: other\n" }, 0, true),
        ("true", { $0.replace("cache: true", with: "cache: false") }, 0, false),
    ]

    @Test(arguments: reuses.indices)
    func `cache says what may be reused`(index: Int) async throws {
        let reuse = Self.reuses[index]
        let text = "name: keys\nsteps:\n  a: {command: 'x {k}', params: {k: 1}, cache: \(reuse.cache)}\n"
        let clock = ManualClock(now: currentTimeMilliseconds())
        let harness = try await DriverHarness(text, clock: clock)
        #expect(try await harness.run().state == .succeeded)
        var changed = text
        reuse.change(&changed)
        clock.advance(by: reuse.days * 86_400_000)
        let life = Life()
        let plan = try DriverHarness.plan(changed)
        let outcome = try await harness.pumping(life) { try await harness.start(life, plan: plan).run() }
        #expect(outcome.state == .succeeded)
        #expect(harness.engine.launches.count == (reuse.isReused ? 1 : 2), "\(reuse.cache)")
        await harness.close()
    }

    @Test func `the pipeline's timeout cancels it, and says so`() async throws {
        let clock = ManualClock(now: currentTimeMilliseconds())
        let harness = try await DriverHarness(
            "name: keys\ntimeout: 1h\nsteps:\n  a: {command: x}\n", clock: clock
        ) { _ in
            await clock.sleep(until: .max)
            return .exited(0)
        }
        let run = try await harness.start()
        async let outcome = run.run()
        await harness.witness.waits(for: "a", in: .running)
        clock.advance(by: 3_600_000)
        #expect(try await outcome.state == .cancelled)
        #expect(try await outcome.reason?.contains("longer than its timeout") == true)
        #expect(try await harness.attempts(of: "a").map(\.info.status) == [.killed])
        #expect(harness.engine.liveNodes.isEmpty)
        await harness.close()
    }

    @Test
    func `P045: a metric that was not logged fails who asks for it, with those there are, unless it says what else`()
        async throws
    {
        let harness = try await DriverHarness(
            """
            name: keys
            on_error: continue
            steps:
              a: {command: x}
              asks: {command: 'x {m}', params: {m: "${{ steps.a.metrics.rmse }}"}}
              knows: {command: 'x {m}', params: {m: "${{ steps.a.metrics.rmse ?? 0.5 }}"}}
            """)
        #expect(try await harness.run().state == .failed)
        let failure = try await harness.attempts(of: "asks").first?.data.tag(WellKnownTag.failureReason) ?? ""
        #expect(failure.contains("'a' has no metric 'rmse'") && failure.contains("P045"), "\(failure)")
        #expect(try await harness.attempts(of: "knows").first?.data.param("m") == "0.5")
        await harness.close()
    }
}
