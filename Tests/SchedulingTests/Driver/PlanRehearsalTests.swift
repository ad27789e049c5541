import Files
import Pipelines
import SystemPackage
import Testing
import Tracking

@testable import Scheduling

/// What a plan says of the store is what its run then does.
@Suite(.timeLimit(.minutes(10))) struct PlanRehearsalTests {
    static func yaml(n: Int = 1) -> String {
        """
        name: planned
        cache: true
        params: {n: \(n)}
        steps:
          first:
            command: 'step {out}'
            params: {out: "${{ outputs.data }}"}
            outputs: {data: data.txt}
          list: {command: 'step', outputs: {cells: cells}}
          dynamic:
            matrix: {i: "${{ from_json(steps.list.outputs.cells) }}"}
            command: 'step {out} {data} {i}'
            params: {data: "${{ steps.first.outputs.data }}", out: "${{ outputs.part }}"}
            outputs: {part: part.txt}
          counted:
            command: 'step {out} {n}'
            params: {n: "${{ params.n }}", out: "${{ outputs.number }}"}
            outputs: {number: number.txt}
          join: {command: 'step x {number}', params: {number: "${{ steps.counted.outputs.number }}"}}
          off: {when: params.n > 5, command: step}
          after_off: {needs: [off], command: step}
        """
    }

    private func harness(_ text: String = yaml()) async throws -> DriverHarness {
        try await DriverHarness(text) { work in
            do {
                if work.node == "list" { try handOn("cells=[4, 5]", work) }
                try performStep(work)
                return .exited(0)
            } catch { return .exited(1) }
        }
    }

    private func told(_ forecast: PlanForecast) -> [String: String] {
        Dictionary(forecast.rows.map { ($0.step, "\($0.decision.rawValue): \($0.reason.prefix { $0 != " " })") }) { $1 }
    }

    @Test func `a plan says what would be reused and why the rest runs, and writes nothing`() async throws {
        let harness = try await harness()
        let empty = try await harness.rehearse()
        #expect(empty.hasWork)
        #expect(try await harness.runs().isEmpty)
        #expect(empty.rows.first { $0.step == "first" }?.reason == "it has not been run before")
        #expect(told(empty)["dynamic"] == "run: its")
        #expect(empty.rows.suffix(2).map(\.decision) == [.omit, .omit])

        try await harness.run()
        let count = try await harness.runs().count
        let again = try await harness.rehearse()
        #expect(!again.hasWork, "\(again.rows)")
        #expect(again.count(of: .reuse) == 6)
        #expect(again.path.steps.count > 0)
        #expect(try await harness.runs().count == count)

        let changed = try await harness.rehearse(DriverHarness.plan(Self.yaml(n: 2)))
        #expect(changed.rows.first { $0.step == "counted" }?.reason == "param n 1 → 2")
        #expect(changed.rows.first { $0.step == "join" }?.reason == "'counted' runs before it")
        #expect(changed.count(of: .reuse) == 4)
        #expect(changed.isTimeKnown)
        await harness.close()
    }

    /// After the second run the latest result is a copy, and what its key was made of is known of the original only.
    @Test(arguments: [1, 2]) func `the reason of a miss is a tag of the run`(earlierRuns: Int) async throws {
        let harness = try await harness()
        for _ in 0..<earlierRuns { try await harness.run() }
        let next = try DriverHarness.plan(Self.yaml(n: 3))
        let life = Life()
        let outcome = try await harness.pumping(life) { try await harness.start(life, plan: next).run() }
        #expect(outcome.state == .succeeded)
        let run = try #require(try await harness.runs().last { $0.data.tag(NodeTag.node) == "counted" })
        #expect(run.data.tag(NodeTag.cacheReason) == "param n 1 → 3")
        await harness.close()
    }

    @Test(arguments: ["' OR 'a' = 'a", "0123456789abcdef0123456789abcdef"])
    func `a copy whose original cannot be found tells no reason, whatever its tag says`(origin: String) async throws {
        let harness = try await harness()
        for _ in 0..<2 { try await harness.run() }
        let copy = try #require(
            try await harness.attempts(of: "counted").last { $0.data.tag(NodeTag.cachedFrom) != nil })
        try await harness.store.setTag(Tag(NodeTag.cachedFrom, origin), runID: copy.info.runID)
        let changed = try await harness.rehearse(DriverHarness.plan(Self.yaml(n: 2)))
        #expect(
            changed.rows.first { $0.step == "counted" }?.reason
                == "its last run left nothing to compare with, as with --no-cache")
        await harness.close()
    }

    @Test func `what is removed from the artifacts is not reused`() async throws {
        let harness = try await harness()
        try await harness.run()
        let run = try #require(try await harness.attempts(of: "first").first)
        let folder = FilePath(String(run.info.artifactURI.trimmingPrefix("file://")))
        try writeText("altered", to: folder.appending("data.txt"))
        let forecast = try await harness.rehearse()
        #expect(forecast.rows.first { $0.step == "first" }?.reason == "the earlier result is not usable any more")
        await harness.close()
    }
}
