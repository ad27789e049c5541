import Foundation
import Processes
import SystemPackage
import TestSupport
import Testing
import Tracking

/// Pipelines whose steps are pipelines, run by the built program with real processes.
@Suite(.timeLimit(.minutes(10))) struct `Pipelines within pipelines` {
    let program: SwiftflowProgram

    init() throws {
        program = try SwiftflowProgram()
    }

    private let inner = """
        name: inner
        params: {table: {type: path}, n: {type: int}}
        steps:
          count:
            command: 'wc -l < {table} > {out}; echo "c={n}" >> "$SWIFTFLOW_OUTPUT"; echo counted'
            params: {table: "${{ params.table }}", n: "${{ params.n }}", out: "${{ outputs.copy }}"}
            outputs: {copy: copy.txt, c: $SWIFTFLOW_OUTPUT}
          each:
            matrix: {i: [1, 2]}
            command: echo {i}
            needs: [count]
        outputs:
          lines: ${{ steps.count.outputs.copy }}
          half: ${{ params.n / 2 }}
          list: "${{ [params.n, 1] }}"
        """

    @Test func `a nested run stands in place of its step's, and hands on artifacts and values with their types`()
        async throws
    {
        try program.write("sub/inner.yaml", inner)
        try program.write(
            "pipeline.yaml",
            """
            name: outer
            steps:
              make:
                command: 'seq 4 > {out}'
                params: {out: "${{ outputs.table }}"}
                outputs: {table: table.txt}
              prepare:
                pipeline: sub/inner.yaml
                params: {table: "${{ steps.make.outputs.table }}", n: 5}
                tags: {stage: early}
              use:
                command: 'cat {lines}; echo {sum} {first} {metric}'
                params:
                  lines: ${{ steps.prepare.outputs.lines }}
                  sum: ${{ steps.prepare.outputs.half + 1 }}
                  first: ${{ steps.prepare.outputs.list[0] * 2 }}
                  metric: ${{ steps.prepare.metrics.half }}
            """)
        let result = try await program.run("run", "pipeline.yaml")
        #expect(result.exitCode == 0, "\(result.messages)")
        #expect(result.messages.contains("✓ prepare/count succeeded"), "\(result.messages)")
        let all = try await program.recordedRuns()
        let outer = try all.outermost()
        let prepare = try all.node("prepare")
        #expect(prepare.info.status == .finished)
        #expect(prepare.info.runName == "prepare")
        #expect(prepare.data.tag("swiftflow.pipeline") == "inner")
        #expect(prepare.data.tag("stage") == "early")
        #expect(prepare.data.tag("mlflow.parentRunId") == outer.info.runID)
        #expect(prepare.data.param("n") == "5")
        #expect(prepare.data.metric("half")?.value == 2.5)
        let count = try all.node("count")
        #expect(count.data.tag("mlflow.parentRunId") == prepare.info.runID)
        // What the outer step made is read where it lies.
        #expect(
            count.data.tag("swiftflow.input.table") == "runs:/\(try all.node("make").info.runID)/table.txt")
        #expect(prepare.data.tag("swiftflow.output.lines") == "runs:/\(count.info.runID)/copy.txt")
        #expect(prepare.data.tag("swiftflow.digest.lines") == count.data.tag("swiftflow.digest.copy"))
        let log = try await program.run("logs", outer.info.runID, "use")
        #expect(log.output == "4\n3.5 10 2.5\n")
        let nested = try await program.run("logs", outer.info.runID, "prepare/count")
        #expect(nested.output == "counted\n", "\(nested.messages)")
        // Of a nested pipeline the logs of its steps, by their names.
        let inside = try await program.run("logs", outer.info.runID, "prepare")
        #expect(inside.output.contains("counted\n"))
        #expect(inside.messages.contains("==> prepare/count ("), "\(inside.messages)")
        #expect(!inside.messages.contains("==> prepare ("), "\(inside.messages)")
        let status = try await program.run("status", outer.info.runID)
        #expect(status.output.contains("prepare/each[i=2]"), "\(status.output)")
        #expect(status.output.contains("prepare/count"))
        let json = try await program.run("status", outer.info.runID, "--json")
        let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
        let nodes = (object?["nodes"] as? [[String: Any]])?.compactMap { $0["node"] as? String }
        #expect(nodes?.contains("prepare/count") == true, "\(json.output)")
    }

    @Test func `a failure in a nested pipeline is told with the way to it, and blocks what needs it`() async throws {
        try program.write(
            "inner.yaml", "steps:\n  good: {command: \"true\"}\n  bad: {command: exit 3, needs: [good]}\n")
        try program.write(
            "pipeline.yaml",
            """
            name: outer
            steps:
              prepare: {pipeline: inner.yaml}
              after: {command: "true", needs: [prepare]}
            """)
        let result = try await program.run("run", "pipeline.yaml")
        #expect(result.exitCode == 1)
        let all = try await program.recordedRuns()
        let outer = try all.outermost()
        let reason = try #require(outer.data.tag("swiftflow.failure"))
        #expect(reason.contains("prepare: prepare/bad: the command ended with exit code 3"), "\(reason)")
        #expect(outer.data.tag("swiftflow.blocked") == "after")
        #expect(try all.node("prepare").info.status == .failed)
        #expect(try all.node("prepare").data.tag("swiftflow.reason") == "exit")
        #expect(all.allSatisfy { $0.info.status != .running })
    }

    @Test func `cells may be pipelines, and the best of them is chosen by a number they hand on`() async throws {
        try program.write(
            "inner.yaml",
            """
            params: {k: 0}
            steps:
              fit:
                command: 'test {k} -ne 2; echo "rmse={k}" >> "$SWIFTFLOW_OUTPUT"; echo model {k} > {out}'
                params: {k: "${{ params.k }}", out: "${{ outputs.model }}"}
                outputs: {model: model.txt, rmse: $SWIFTFLOW_OUTPUT}
            outputs:
              model: ${{ steps.fit.outputs.model }}
              rmse: ${{ float(steps.fit.outputs.rmse) }}
            """)
        try program.write(
            "pipeline.yaml",
            """
            name: outer
            steps:
              train:
                matrix: {k: [3, 2, 1]}
                pipeline: inner.yaml
                metrics: [rmse]
                select: {metric: rmse, goal: min}
              tell:
                command: 'cat {model}; echo {all}'
                params:
                  model: ${{ steps.train.best.outputs.model }}
                  all: ${{ steps.train.all.outputs.rmse }}
            """)
        let result = try await program.run("run", "pipeline.yaml")
        #expect(result.exitCode == 0, "\(result.messages)")
        let all = try await program.recordedRuns()
        let best = try all.node("train[k=1]")
        let group = try #require(all.first { $0.data.tag("swiftflow.group") != nil })
        #expect(group.data.tag("swiftflow.best_run_id") == best.info.runID)
        #expect(best.data.tag("mlflow.parentRunId") == group.info.runID)
        let log = try await program.run("logs", try all.outermost().info.runID, "tell")
        #expect(log.output == "model 1\n3.0 2.0 1.0\n")
    }

    @Test func `a pipeline that contains itself by its address is refused once, with the way there`() async throws {
        let git = try GitFixture(starter: try Keeper.launch())
        let place = git.repository("around").string
        _ = try await git.makeRepository(
            "around",
            files: ["pipeline.yaml": "name: around\nsteps:\n  again: {pipeline: \"file://\(place)\", retry: 3}\n"])
        for uri in ["file://\(place)", place] {
            let result = try await program.run("run", uri)
            #expect(result.exitCode == 1)
            #expect(result.messages.contains("pipelines contain each other"), "\(result.messages)")
            #expect(result.messages.contains("(P047)"), "\(result.messages)")
        }
        let all = try await program.recordedRuns()
        // Nothing is tried a second time, though the step has retries: neither a pipeline nor what is in it.
        let tried = all.filter { $0.data.tag("swiftflow.node") == "again" }
        #expect(tried.count <= 3, "\(tried.count)")
        #expect(tried.allSatisfy { $0.data.tag("swiftflow.attempt") == "1" })
        #expect(all.allSatisfy { $0.info.status == .failed })
    }

    @Test func `what is tried once more for free in a nested pipeline is not tried again around it`() async throws {
        try program.write(
            "inner.yaml",
            """
            steps:
              name: {command: 'echo p=nowhere >> "$SWIFTFLOW_OUTPUT"', outputs: {p: $SWIFTFLOW_OUTPUT}}
              there: {project: "${{ steps.name.outputs.p }}", command: "true"}
            """)
        try program.write("pipeline.yaml", "name: outer\nsteps:\n  prepare: {pipeline: inner.yaml}\n")
        #expect(try await program.run("run", "pipeline.yaml").exitCode == 1)
        let all = try await program.recordedRuns()
        #expect(try all.node("there").data.tag("swiftflow.reason") == "launch")
        #expect(all.count { $0.data.tag("swiftflow.node") == "there" } == 2)
        #expect(all.count { $0.data.tag("swiftflow.node") == "prepare" } == 1)
    }

    @Test func `retries, timeouts and allowed failures of a step hold for its pipeline`() async throws {
        try program.write("flaky.yaml", "steps:\n  flaky: {command: 'test -f once || { touch once; exit 1; }'}\n")
        try program.write("slow.yaml", "steps:\n  slow: {command: sleep 1000, grace: 1s}\n")
        try program.write("bad.yaml", "steps:\n  bad: {command: exit 1}\n")
        try program.write(
            "pipeline.yaml",
            """
            name: outer
            on_error: continue
            steps:
              again: {pipeline: flaky.yaml, retry: {times: 1, delay: 10ms}}
              late: {pipeline: slow.yaml, timeout: 300ms}
              allowed: {pipeline: bad.yaml, allow_failure: true}
            """)
        let result = try await program.run("run", "pipeline.yaml")
        #expect(result.exitCode == 1)
        let all = try await program.recordedRuns()
        #expect(all.count { $0.data.tag("swiftflow.node") == "again" } == 2)
        #expect(try all.node("again").info.status == .finished)
        #expect(try all.node("again").data.tag("swiftflow.attempt") == "2")
        #expect(try all.node("late").info.status == .failed)
        #expect(try all.node("late").data.tag("swiftflow.reason") == "timeout")
        #expect(try all.node("slow").info.status == .killed)
        let reason = try #require(try all.outermost().data.tag("swiftflow.failure"))
        #expect(reason.contains("late: it took longer than its timeout"), "\(reason)")
        #expect(all.allSatisfy { $0.info.status != .running })
    }

    @Test func `pipelines of repositories run at their versions, and name files of their own commit`() async throws {
        let git = try GitFixture(starter: try Keeper.launch())
        let files = [
            "pipeline.yaml": """
            name: fetched
            params: {n: 1}
            steps:
              here: {command: 'cat data.txt; echo {n}', params: {n: "${{ params.n }}"}}
              deeper: {pipeline: sub/deeper.yaml, needs: [here]}
            outputs: {where: "${{ steps.deeper.outputs.w }}"}
            """,
            "sub/deeper.yaml": """
            steps:
              there: {command: 'echo "w=$(cat own.txt)" >> "$SWIFTFLOW_OUTPUT"', outputs: {w: $SWIFTFLOW_OUTPUT}}
            outputs: {w: "${{ steps.there.outputs.w }}"}
            """,
            "data.txt": "root\n", "sub/own.txt": "one\n",
            "away/pipeline.yaml": "steps:\n  out: {pipeline: \(program.path.string)/outside.yaml}\n",
        ]
        try program.write("outside.yaml", "steps:\n  s: {command: \"true\"}\n")
        let first = try await git.makeRepository("nested", files: files)
        let second = try await git.commit(["sub/own.txt": "two\n"], to: "nested")
        let place = git.repository("nested").string
        try program.write(
            "pipeline.yaml",
            """
            name: outer
            on_error: continue
            steps:
              old: {pipeline: \(place), version: \(first), params: {n: 2}}
              new: {pipeline: \(place)}
              away: {pipeline: "\(place)#away"}
              tell:
                command: 'echo {a} {b}'
                params: {a: "${{ steps.old.outputs.where }}", b: "${{ steps.new.outputs.where }}"}
            """)
        let result = try await program.run("run", "pipeline.yaml")
        #expect(result.exitCode == 1)
        let all = try await program.recordedRuns()
        let outer = try all.outermost()
        let told = try await program.run("logs", outer.info.runID, "tell")
        #expect(told.output == "one two\n", "\(result.messages)")
        #expect(try all.node("old").data.tag("mlflow.source.git.commit") == first)
        #expect(try all.node("new").data.tag("mlflow.source.git.commit") == second)
        let deeper = all.filter { $0.data.tag("swiftflow.node") == "there" }
        #expect(Set(deeper.compactMap { $0.data.tag("mlflow.source.git.commit") }) == [first, second])
        // What was fetched names nothing outside of its repository.
        let away = try all.node("away").data.tag("swiftflow.failure") ?? ""
        #expect(away.contains("is not in the project that names it"), "\(away)")
    }
}
