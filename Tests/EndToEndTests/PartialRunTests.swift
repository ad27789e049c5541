import SystemPackage
import TestSupport
import Testing
import Tracking

/// `--only`, `--from`, `--until`, `--skip` and `--using` of the built program: what is left out comes from earlier runs.
@Suite(.timeLimit(.minutes(10))) struct `Parts of a pipeline` {
    let program: SwiftflowProgram
    let tool: String

    init() throws {
        program = try SwiftflowProgram()
        tool = try BuiltProducts.path("swiftflow").string
    }

    private func pipelines() async throws -> [Run] {
        try await program.recordedRuns().filter { $0.data.tag("swiftflow.pipeline") != nil }
    }

    private func logOfLast(_ step: String) async throws -> String {
        try await program.run("logs", try #require(try await pipelines().last).info.runID, step).output
    }

    @Test func `P070 before anything starts it is told which results no run has`() async throws {
        try program.write(
            "pipeline.yaml",
            """
            name: parts
            steps:
              first: {command: 'echo v=1 >> "$SWIFTFLOW_OUTPUT"', outputs: {v: v}}
              other: {command: "true"}
              second: {command: 'echo got {v}', params: {v: "${{ steps.first.outputs.v }}"}, needs: [other]}
            """)
        for verb in ["run", "plan"] {
            let early = try await program.run(verb, "pipeline.yaml", "--only", "second")
            #expect(early.exitCode == 2, "\(early)")
            #expect(early.messages.contains("pipeline.yaml:5:3: error P070: step 'second' needs steps.first.outputs.v"))
            #expect(early.messages.contains("step 'first' is left out and has no result in an earlier run"))
            #expect(!early.messages.contains("'other'"))
        }
        #expect(try await program.recordedRuns().isEmpty)
        #expect(try await program.run("run", "pipeline.yaml").exitCode == 0)
        let result = try await program.run("run", "pipeline.yaml", "--only", "second")
        #expect(result.exitCode == 0, "\(result.messages)")
        #expect(try await logOfLast("second") == "got 1\n")
        #expect(try await program.recordedRuns().count { $0.data.tag("swiftflow.node") == "first" } == 1)
    }

    @Test func `a step that is needed for its order only, or with something in its place, may be missing`() async throws
    {
        try program.write(
            "pipeline.yaml",
            """
            name: optional
            steps:
              a: {command: 'echo v=1 >> "$SWIFTFLOW_OUTPUT"', outputs: {v: v}}
              b: {command: 'echo v {v}', params: {v: "${{ steps.a.outputs.v ?? 'none' }}"}}
            outputs: {v: "${{ steps.a.outputs.v }}"}
            """)
        let result = try await program.run("run", "pipeline.yaml", "--from", "b")
        #expect(result.exitCode == 0, "\(result.messages)")
        #expect(try await logOfLast("b") == "v none\n")
        // Nobody has asked for the output of a part that is not run.
        #expect(!result.messages.contains("warning: 'outputs'"), "\(result.messages)")
        #expect(try await pipelines().last?.data.tag("swiftflow.output.v") == nil)
    }

    @Test func `cells, the choice among them and what was found are those of the earlier run`() async throws {
        try program.write(
            "pipeline.yaml",
            """
            name: cells
            steps:
              train:
                matrix: {k: "${{ range(12) }}"}
                command: 'test {k} != 3 && \(tool) log metric loss $((20 - {k}))'
                allow_failure: 1
                select: {metric: loss, goal: min, top: 2}
              found: {needs: [train], search: {filter: "metrics.loss < 11 and attributes.run_name LIKE 'train[%'", order_by: metrics.loss ASC, limit: 5}}
              tell:
                command: 'echo {best} {second} {all} {found}'
                params:
                  best: ${{ steps.train.best.params.k }}
                  second: ${{ steps.train.top[1].params.k }}
                  all: ${{ steps.train.all.metrics.loss }}
                  found: ${{ len(steps.found.all.run_id) }} ${{ steps.found.best.params.k }}
            """)
        let whole = try await program.run("run", "pipeline.yaml")
        #expect(whole.exitCode == 0, "\(whole.messages)")
        let told = try await logOfLast("tell")
        #expect(told.hasPrefix("11 10 20.0 19.0 18.0 16.0 15.0") && told.hasSuffix(" 2 11\n"), "\(told)")
        // Neither the search nor the training is made again.
        let runs = try await program.recordedRuns().count
        let part = try await program.run("run", "pipeline.yaml", "--only", "tell")
        #expect(part.exitCode == 0, "\(part.messages)")
        #expect(try await program.recordedRuns().count == runs + 2)
        #expect(try await logOfLast("tell") == told)
    }

    @Test func `a fan-out that did not succeed as a whole is no result`() async throws {
        try program.write(
            "pipeline.yaml",
            """
            name: half
            on_error: continue
            steps:
              list: {command: 'echo ks=[1,2,3] >> "$SWIFTFLOW_OUTPUT"', outputs: {ks: ks}}
              train:
                matrix: {k: "${{ from_json(steps.list.outputs.ks) }}"}
                command: 'test {k} != 2 -o -e healed && echo v={k} >> "$SWIFTFLOW_OUTPUT"'
                outputs: {v: v}
              tell: {command: 'echo {all}', params: {all: "${{ steps.train.all.outputs.v }}"}}
            """)
        #expect(try await program.run("run", "pipeline.yaml").exitCode == 1)
        let refused = try await program.run("run", "pipeline.yaml", "--only", "tell")
        #expect(refused.exitCode == 2)
        #expect(refused.messages.contains("error P070: step 'tell' needs steps.train.all.outputs.v"))
        try program.write("healed", "")
        #expect(try await program.run("run", "pipeline.yaml").exitCode == 0)
        #expect(try await program.run("run", "pipeline.yaml", "--only", "tell").exitCode == 0)
        #expect(try await logOfLast("tell") == "1 2 3\n")
    }

    @Test func `--using names the run whose results are taken`() async throws {
        try program.write(
            "pipeline.yaml",
            """
            name: using
            params: {x: 1}
            steps:
              a: {command: 'echo v={x} >> "$SWIFTFLOW_OUTPUT"', params: {x: "${{ params.x }}"}, outputs: {v: v}}
              b: {command: 'echo v {v}', params: {v: "${{ steps.a.outputs.v }}"}}
            """)
        #expect(try await program.run("run", "pipeline.yaml").exitCode == 0)
        let first = try #require(try await pipelines().first).info.runID
        #expect(try await program.run("run", "pipeline.yaml", "-P", "x=2").exitCode == 0)
        #expect(try await program.run("run", "pipeline.yaml", "--only", "b").exitCode == 0)
        #expect(try await logOfLast("b") == "v 2\n")
        let result = try await program.run("run", "pipeline.yaml", "--only", "b", "--using", first)
        #expect(result.exitCode == 0, "\(result.messages)")
        #expect(try await logOfLast("b") == "v 1\n")
        let step = try #require(try await program.recordedRuns().first { $0.data.tag("swiftflow.node") == "a" })
        let refused = try await program.run("run", "pipeline.yaml", "--only", "b", "--using", step.info.runID)
        #expect(refused.exitCode == 2 && refused.messages.contains("is not the run of a pipeline"), "\(refused)")
    }
}
