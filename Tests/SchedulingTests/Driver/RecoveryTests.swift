import Execution
import Files
import Pipelines
import Processes
import RemoteStore
import SQLiteStore
import Server
import SystemPackage
import TestSupport
import Testing
import Tracking

@testable import Scheduling

/// What a resume finds, and what it must not take for a result.
@Suite(.timeLimit(.minutes(10))) struct RecoveryTests {
    static let oneOutput = """
        name: half
        steps:
          make:
            command: 'step {out}'
            params: {out: "${{ outputs.data }}"}
            outputs: {data: data.txt}
          use:
            command: 'step {out} {data}'
            params: {out: "${{ outputs.all }}", data: "${{ steps.make.outputs.data }}"}
            outputs: {all: all.txt}
        """

    @Test(arguments: ["local", "far"])
    func `W-10: killed between outputs written and end recorded, a step runs again from clean outputs`(
        backend: String
    ) async throws {
        let harness = try await DriverHarness(
            Self.oneOutput.replacing("name: half", with: "name: half\ndefaults: {backend: \(backend)}")
        ) { work in
            do {
                if let place = work.words.first, fileStatus(FilePath(place)) != nil { return .exited(99) }
                try performStep(work)
                return .exited(0)
            } catch { return .exited(1) }
        }
        let life = Life(.beforeEnd(of: "make"))
        let id = try #require(try await harness.liveAndDie(life))
        #expect(life.isOver)
        #expect(harness.engine.launches == ["make"])
        let second = Life()
        #expect(try await harness.pumping(second) { try await harness.resume(id, second).run() }.state == .succeeded)
        // A job elsewhere had ended well, so it is not repeated; one of this machine is gone with its runner.
        #expect(harness.engine.launches == (backend == "far" ? ["make", "use"] : ["make", "make", "use"]))
        #expect(
            try await harness.results() == ["make": ["data": "make()"], "use": ["all": "use(make())"]])
        #expect(harness.witness.broken.isEmpty, "\(harness.witness.broken)")
        await harness.close()
    }

    @Test func `W-13: what a failed or interrupted attempt left is never taken for its output`() async throws {
        let harness = try await DriverHarness(
            """
            name: partial
            steps:
              make:
                command: 'step {out}'
                params: {out: "${{ outputs.data }}"}
                outputs: {data: data.txt, model: model}
                retry: {times: 3, delay: 1s}
            """
        ) { work in
            do {
                guard let place = work.words.first else { return .exited(1) }
                switch work.attempt {
                case 1:
                    // Half of everything, at the place it was given and where its code logs, then a crash.
                    try writeText("half", to: FilePath(place))
                    let folder = FilePath(String(work.job.run.artifactURI.trimmingPrefix("file://")))
                    try makeFolders(folder)
                    try writeText("half", to: folder.appending("model"))
                    return .exited(1)
                case 2:
                    // Nothing at all, and says that all is well.
                    return .exited(0)
                default:
                    try writeText("whole", to: FilePath(place))
                    let folder = FilePath(String(work.job.run.artifactURI.trimmingPrefix("file://")))
                    try makeFolders(folder)
                    try writeText("whole", to: folder.appending("model"))
                    return .exited(0)
                }
            } catch { return .exited(1) }
        }
        #expect(try await harness.run().state == .succeeded)
        let attempts = try await harness.attempts(of: "make")
        #expect(attempts.map { $0.data.tag(WellKnownTag.failureKind) } == ["exit", "missing_output", nil])
        #expect(try await harness.results() == ["make": ["data": "whole", "model": "whole"]])
        await harness.close()
    }

    @Test func `5.5: an attempt at work elsewhere is adopted with its number and its run, and its timeout goes on`()
        async throws
    {
        let clock = ManualClock(now: currentTimeMilliseconds())
        let harness = try await DriverHarness(
            "name: far\nsteps:\n  a: {command: x, backend: far, timeout: 1h}\n", clock: clock
        ) { _ in
            await clock.sleep(until: .max)
            return .exited(0)
        }
        let life = Life()
        let first = try await harness.start(life)
        async let end: PipelineOutcome? = try? first.run()
        await harness.witness.waits(for: "a", in: .running)
        life.end()
        // Half its time is over; what is left of it is less than a new attempt would have.
        clock.advance(by: 1_800_000)
        let half = clock.now()
        let second = try await harness.resume(first.info.runID)
        async let outcome = second.run()
        await harness.engine.adopted("a")
        await harness.events.first { event in
            if case .node(let status) = event { status.state == .running && status.time >= half } else { false }
        }
        #expect(try await harness.attempts(of: "a").count == 1)
        clock.advance(by: 1_900_000)
        #expect(try await outcome.state == .failed)
        let attempts = try await harness.attempts(of: "a")
        #expect(attempts.map { $0.data.tag(WellKnownTag.failureKind) } == ["timeout"])
        #expect(attempts.first?.data.tag(NodeTag.attempt) == "1")
        #expect(attempts.first?.data.tag(NodeTag.epoch) == "2")
        #expect(harness.engine.launches == ["a"])
        #expect(harness.witness.broken.isEmpty, "\(harness.witness.broken)")
        clock.advance(by: 600_000)
        _ = await end
        await harness.close()
    }

    @Test func `W-12: whoever has lost the lease stops, and touches nothing`() async throws {
        let clock = ManualClock(now: currentTimeMilliseconds())
        let harness = try await DriverHarness(
            "name: lost\nsteps:\n  a: {command: x, backend: far}\n", clock: clock
        ) { _ in
            await clock.sleep(until: .max)
            return .exited(0)
        }
        let run = try await harness.start()
        let outcome = Task { try await run.run() }
        await harness.witness.waits(for: "a", in: .running)
        let other = Lease(owner: .current, epoch: 2, heartbeat: clock.now())
        try await harness.store.setTag(Tag(NodeTag.lease, other.text), runID: run.info.runID)
        clock.advance(by: PipelineRun.watchInterval)
        await #expect(throws: LeaseLost.self) { _ = try await outcome.value }
        #expect(harness.engine.liveNodes == ["a"])
        #expect(try await harness.attempts(of: "a").map(\.info.status) == [.running])
        #expect(try await harness.store.run(id: run.info.runID).info.status == .running)
        await harness.close()
    }

    @Test func `a resume repeats only what has not succeeded, with new attempts`() async throws {
        let harness = try await DriverHarness(
            """
            name: again
            on_error: continue
            steps:
              good: {command: x}
              bad: {command: x}
              after: {command: x, needs: [bad]}
            """
        ) { $0.node == "bad" && $0.attempt == 1 ? .exited(1) : .exited(0) }
        let outcome = try await harness.run()
        #expect(outcome.state == .failed)
        let life = Life()
        let second = try await harness.pumping(life) { try await harness.resume(outcome.run.runID, life).run() }
        #expect(second.state == .succeeded)
        #expect(harness.engine.launches.sorted() == ["after", "bad", "bad", "good"])
        #expect(try await harness.attempts(of: "bad").map { $0.data.tag(NodeTag.attempt) } == ["1", "2"])
        #expect(harness.witness.broken.isEmpty, "\(harness.witness.broken)")
        await harness.close()
    }

    // MARK: Over HTTP

    @Test(arguments: ["local", "far"])
    func `a pipeline over a tracking server runs, dies and is resumed as over a file`(backend: String) async throws {
        let folder = try TemporaryDirectory()
        var options = SQLiteStore.Options(workingDirectory: folder.path)
        options.durability = .normal
        let local = try await SQLiteStore.open(folder.path.appending("mlflow.db"), options: options)
        let endpoint = try TrackingEndpoint(store: local)
        let remote = try await RemoteStore.open(
            endpoint.uri, environment: ["MLFLOW_TRACKING_TOKEN": endpoint.token])
        let yaml = `W-09: runners that die`.pipeline(backend: backend)
        let harness = try await DriverHarness(yaml, over: remote, in: folder) { `W-09: runners that die`.perform($0) }
        let life = Life(.beforeEnd(of: "cells[i=2]"))
        let id = try #require(try await harness.liveAndDie(life))
        #expect(life.isOver)
        let second = Life()
        let outcome = try await harness.pumping(second) { try await harness.resume(id, second).run() }
        #expect(outcome.state == .succeeded, "\(outcome.failures)")
        #expect(try await harness.results() == `W-09: runners that die`.expected)
        for run in try await harness.runs() { #expect(run.info.status.isTerminal, "\(run.info.runName)") }
        #expect(harness.witness.broken.isEmpty, "\(harness.witness.broken)")
        await harness.close()
        await endpoint.close(grace: .zero)
        await local.close()
    }
}
