import Diagnostics
import Files
import Pipelines
import Processes
import Synchronization
import SystemPackage
import Testing
import Tracking

@testable import Scheduling

/// Results of earlier runs: looked for together, and never taken for more than they are.
@Suite(.timeLimit(.minutes(10))) struct ReuseTests {
    private static func fanOut(_ cells: Int) -> String {
        """
        name: reuse
        cache: true
        steps:
          cell:
            matrix: {i: "${{ range(\(cells)) }}"}
            command: 'step {out} {i}'
            params: {out: "${{ outputs.data }}"}
            outputs: {data: data.txt}
        """
    }

    private func harness(_ cells: Int) async throws -> DriverHarness {
        try await DriverHarness(Self.fanOut(cells)) { work in
            do { try performStep(work) } catch { return .exited(1) }
            return .exited(0)
        }
    }

    private func folder(of run: Run) -> FilePath {
        FilePath(String(run.info.artifactURI.trimmingPrefix("file://")))
    }

    @Test func `the cells of a fan-out ask the store together`() async throws {
        let yaml = """
            name: together
            cache: true
            steps:
              cell: {matrix: {i: "${{ range(100) }}"}, command: 'step {i}'}
            """
        let harness = try await DriverHarness(yaml)
        try await harness.run()
        let life = Life()
        let again = try await harness.run(life)
        #expect(again.counts == [.cached: 100])
        // A write for each cell, and little beside them.
        #expect(life.activity.operations < 150)
        #expect(harness.witness.broken.isEmpty, "\(harness.witness.broken)")
        await harness.close()
    }

    @Test func `deleted runs and results that are gone run again, and the others do not`() async throws {
        let harness = try await harness(20)
        try await harness.run()
        let deleted = try #require(try await harness.attempts(of: "cell[i=3]").first)
        try await harness.store.deleteRun(id: deleted.info.runID)
        let damaged = try #require(try await harness.attempts(of: "cell[i=7]").first)
        try writeText("altered", to: folder(of: damaged).appending("data.txt"))
        let changed = try #require(try await harness.attempts(of: "cell[i=9]").first)
        try await harness.store.setTag(Tracking.Tag(NodeTag.cacheKey, "another"), runID: changed.info.runID)
        let again = try await harness.run()
        #expect(again.counts == [.cached: 17, .succeeded: 3])
        #expect(harness.engine.launches.suffix(3).sorted() == ["cell[i=3]", "cell[i=7]", "cell[i=9]"])
        #expect(try await harness.run().counts == [.cached: 20])
        await harness.close()
    }

    @Test func `where the latest result is gone, the one before it is used`() async throws {
        let harness = try await harness(2)
        try await harness.run()
        let first = try #require(try await harness.attempts(of: "cell[i=0]").first)
        // Somebody has computed the same again, and thrown the result away.
        let tags = first.data.tags.filter { $0.key != NodeTag.launch && $0.key != "mlflow.runName" }
        let later = try await harness.store.createRun(
            RunCreation(
                experimentID: "0", startTime: first.info.startTime + 1, tags: tags, params: first.data.params,
                end: RunEnd(.finished, at: first.info.startTime + 2)))
        #expect(try await harness.run().counts == [.cached: 2])
        let copy = try #require(
            try await harness.attempts(of: "cell[i=0]").last { $0.data.tag(NodeTag.cachedFrom) != nil })
        #expect(copy.data.tag(NodeTag.cachedFrom) == first.info.runID)
        #expect(later.info.runID != first.info.runID)
        await harness.close()
    }

    @Test func `a cell waits for somebody else who does the same, and the others do not wait for it`() async throws {
        let harness = try await harness(4)
        try await harness.run()
        let finished = try #require(try await harness.attempts(of: "cell[i=1]").first)
        try await harness.store.deleteRun(id: finished.info.runID)
        // Somebody who lives: this process itself.
        let elsewhere = try await harness.store.createRun(
            RunCreation(
                experimentID: "0", startTime: finished.info.startTime,
                tags: [
                    Tracking.Tag(
                        NodeTag.cacheKey, try #require(finished.data.tag(NodeTag.cacheKey))),
                    Tracking.Tag(WellKnownTag.runner, ProcessIdentity.current.description),
                ]))
        let life = Life()
        async let outcome = harness.run(life)
        await harness.events.first { if case .note(let text) = $0 { text.contains("waits for run") } else { false } }
        await harness.events.first {
            if case .node(let status) = $0 { status.id == "cell[i=3]" && status.state == .cached } else { false }
        }
        #expect(harness.events.states(of: "cell[i=1]").last == .ready)
        // It has failed, so that it is no result for anybody.
        try await harness.store.updateRun(RunUpdate(runID: elsewhere.info.runID, status: .failed, endTime: 1))
        #expect(try await outcome.counts == [.cached: 3, .succeeded: 1])
        await harness.close()
    }

    @Test func `what another pipeline records meanwhile is found`() async throws {
        let yaml = """
            name: two
            cache: true
            steps:
              first: {command: 'first'}
              second: {command: 'second', needs: [first]}
            """
        let other = """
            name: other
            cache: true
            steps:
              second: {command: 'second'}
            """
        let folder = try TemporaryDirectory()
        let mine = Mutex<DriverHarness?>(nil)
        let harness = try await DriverHarness(yaml, in: folder) { work in
            guard work.node == "first", let other = mine.withLock({ $0 }) else { return .exited(0) }
            // The other pipeline comes and goes while this step is at work.
            let outcome = try? await other.run()
            return .exited(outcome?.state == .succeeded ? 0 : 1)
        }
        let second = try await DriverHarness(other, over: harness.store, in: folder)
        mine.withLock { $0 = second }
        #expect(try await harness.run().counts == [.succeeded: 1, .cached: 1])
        #expect(second.engine.launches == ["second"])
        await harness.close()
    }
}
