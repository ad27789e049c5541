import Files
import Foundation
import Processes
import SystemPackage
import TestSupport
import Testing
import Tracking

/// Pipelines whose steps are pipelines, run by the built program with real processes.
@Suite(.timeLimit(.minutes(5))) struct `Pipelines within pipelines` {
    let program: SwiftflowProgram

    init() throws {
        program = try SwiftflowProgram()
    }

    private func runs() async throws -> [Run] { try await program.recordedRuns() }

    private func node(_ id: String, _ runs: [Run]) throws -> Run {
        try #require(runs.last { $0.data.tag("swiftflow.node") == id })
    }

    private func outermost(_ runs: [Run]) throws -> Run {
        try #require(
            runs.last { $0.data.tag("swiftflow.pipeline") != nil && $0.data.tag("swiftflow.node") == nil })
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
        let all = try await runs()
        let outer = try outermost(all)
        let prepare = try node("prepare", all)
        #expect(prepare.info.status == .finished)
        #expect(prepare.info.runName == "prepare")
        #expect(prepare.data.tag("swiftflow.pipeline") == "inner")
        #expect(prepare.data.tag("stage") == "early")
        #expect(prepare.data.tag("mlflow.parentRunId") == outer.info.runID)
        #expect(prepare.data.param("n") == "5")
        #expect(prepare.data.metric("half")?.value == 2.5)
        let count = try node("count", all)
        #expect(count.data.tag("mlflow.parentRunId") == prepare.info.runID)
        // What the outer step made is read where it lies.
        #expect(
            count.data.tag("swiftflow.input.table") == "runs:/\(try node("make", all).info.runID)/table.txt")
        #expect(prepare.data.tag("swiftflow.output.lines") == "runs:/\(count.info.runID)/copy.txt")
        #expect(prepare.data.tag("swiftflow.digest.lines") == count.data.tag("swiftflow.digest.copy"))
        let log = try await program.run("logs", outer.info.runID, "use")
        #expect(log.output == "4\n3.5 10 2.5\n")
        let nested = try await program.run("logs", outer.info.runID, "prepare/count")
        #expect(nested.output == "counted\n", "\(nested.messages)")
        let status = try await program.run("status", outer.info.runID)
        #expect(status.output.contains("prepare/each[i=2]"), "\(status.output)")
        #expect(status.output.contains("prepare/count"))
        let json = try await program.run("status", outer.info.runID, "--json")
        let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
        let nodes = (object?["nodes"] as? [[String: Any]])?.compactMap { $0["node"] as? String }
        #expect(nodes?.contains("prepare/count") == true, "\(json.output)")
    }

    @Test func `the report tells the steps of nested pipelines`() async throws {
        try program.write("inner.yaml", "steps:\n  clean: {command: \"true\"}\n")
        try program.write(
            "pipeline.yaml", "name: outer\nsteps:\n  prepare: {pipeline: inner.yaml, matrix: {n: [1, 2]}}\n")
        #expect(try await program.run("run", "pipeline.yaml").exitCode != 0, "the pipeline has no param 'n'")
        try program.write("inner.yaml", "params: {n: 0}\nsteps:\n  clean: {command: \"true\"}\n")
        #expect(try await program.run("run", "pipeline.yaml").exitCode == 0)
        let id = try outermost(try await runs()).info.runID
        let report = try await program.run("report", id, "-o", "report.html")
        #expect(report.exitCode == 0, "\(report.messages)")
        #expect(try program.read("report.html").contains("prepare[n=2]/clean"))
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
        let all = try await runs()
        let outer = try outermost(all)
        let reason = try #require(outer.data.tag("swiftflow.failure"))
        #expect(reason.contains("prepare: prepare/bad: the command ended with exit code 3"), "\(reason)")
        #expect(outer.data.tag("swiftflow.blocked") == "after")
        #expect(try node("prepare", all).info.status == .failed)
        #expect(try node("prepare", all).data.tag("swiftflow.reason") == "exit")
        #expect(all.allSatisfy { $0.info.status != .running })
    }

    @Test func `a resume goes on inside a nested pipeline that failed, and repeats nothing of it`() async throws {
        try program.write(
            "inner.yaml",
            """
            steps:
              first: {command: 'echo v=1 >> "$SWIFTFLOW_OUTPUT"', outputs: {v: $SWIFTFLOW_OUTPUT}}
              second: {command: test -f go, needs: [first]}
            outputs: {v: "${{ steps.first.outputs.v }}"}
            """)
        try program.write(
            "pipeline.yaml",
            """
            name: outer
            steps:
              prepare: {pipeline: inner.yaml}
              use: {command: 'echo {v}', params: {v: "${{ steps.prepare.outputs.v }}"}}
            """)
        #expect(try await program.run("run", "pipeline.yaml").exitCode == 1)
        let id = try outermost(try await runs()).info.runID
        try program.write("go", "")
        let result = try await program.run("resume", id)
        #expect(result.exitCode == 0, "\(result.messages)")
        let all = try await runs()
        #expect(all.count { $0.data.tag("swiftflow.node") == "first" } == 1)
        #expect(all.count { $0.data.tag("swiftflow.node") == "prepare" } == 1)
        #expect(all.count { $0.data.tag("swiftflow.node") == "second" } == 2)
        #expect(try node("prepare", all).info.status == .finished)
        #expect(try node("use", all).data.param("v") == "1")
    }

    @Test func `a changed file of a nested pipeline is noticed before anything is gone on with`() async throws {
        try program.write("inner.yaml", "steps:\n  s: {command: test -f go}\n")
        try program.write("pipeline.yaml", "name: outer\nsteps:\n  prepare: {pipeline: inner.yaml}\n")
        #expect(try await program.run("run", "pipeline.yaml").exitCode == 1)
        let id = try outermost(try await runs()).info.runID
        try program.write("inner.yaml", "steps:\n  s: {command: \"true\"}\n")
        let refused = try await program.run("resume", id)
        #expect(refused.exitCode != 0)
        #expect(refused.messages.contains("step 'prepare'"), "\(refused.messages)")
        #expect(refused.messages.contains("--updated"))
        #expect(try await program.run("resume", id, "--updated").exitCode == 0)
        #expect(try outermost(try await runs()).info.status == .finished)
    }

    @Test(arguments: [
        ("steps:\n  a: {pipeline: nowhere.yaml}\n", "there is no pipeline 'nowhere.yaml'", "no file"),
        ("steps:\n  a: {pipeline: sub}\n", "p/sub/pipeline.yaml:4:28: error P041", "the nested file's own place"),
        ("steps:\n  a: {pipeline: ok.yaml, params: {m: 1}}\n", "p/pipeline.yaml:2:38: error P021", "unknown param"),
        ("steps:\n  a: {pipeline: ok.yaml, params: {n: x}}\n", "error P022", "type"),
        (
            "steps:\n  a: {pipeline: ok.yaml, matrix: {n: [1, x]}}\n", "p/pipeline.yaml:2:42: error P022",
            "type of a cell"
        ),
        (
            "steps:\n  a: {pipeline: ok.yaml}\n",
            "p/pipeline.yaml:2:3: error P020: the pipeline of step 'a' needs a value for 'n'", "param without value"
        ),
        (
            "steps:\n  a: {pipeline: ok.yaml, params: {n: 1}}\n  b: {command: 'x {v}', params: {v: \"${{ steps.a.outputs.w }}\"}}\n",
            "error P042", "unknown output"
        ),
        ("steps:\n  a: {pipeline: one.yaml}\n", "p/pipeline.yaml → p/one.yaml → p/two.yaml → p/one.yaml", "a cycle"),
    ])
    func `what is wrong with a nested pipeline is found before the start`(
        text: String, expected: String, what: String
    ) async throws {
        try program.write("p/pipeline.yaml", text)
        try program.write(
            "p/sub/pipeline.yaml",
            "steps:\n  a: {command: \"true\"}\n  b:\n    params: {x: \"${{ steps.c.run_id }}\"}\n    command: x\n")
        try program.write(
            "p/ok.yaml",
            "params: {n: {type: int}}\nsteps:\n  s: {command: \"true\"}\noutputs: {v: \"${{ steps.s.run_id }}\"}\n")
        try program.write("p/one.yaml", "steps:\n  a: {pipeline: two.yaml}\n")
        try program.write("p/two.yaml", "steps:\n  a: {pipeline: one.yaml}\n")
        for verb in ["check", "plan"] {
            let result = try await program.run(verb, "p/pipeline.yaml")
            #expect(result.exitCode == 2, "\(what)")
            #expect(result.messages.contains(expected), "\(verb), \(what): \(result.messages)")
        }
        #expect(try await program.run("run", "p/pipeline.yaml").exitCode != 0)
        #expect(fileStatus(program.path.appending("mlflow.db")) == nil)
    }

    @Test func `a plan tells the steps of nested pipelines`() async throws {
        try program.write("inner.yaml", "cache: true\nsteps:\n  clean: {command: x}\n  split: {command: x}\n")
        try program.write("outer.yaml", "name: outer\nsteps:\n  prepare: {pipeline: inner.yaml}\n  use: {command: x}\n")
        let result = try await program.run("plan", "outer.yaml")
        #expect(result.exitCode == 0)
        let lines = result.output.split(separator: "\n").map { $0.split(separator: " ").first.map(String.init) }
        #expect(lines == ["outer", "prepare", "prepare/clean", "prepare/split", "use"], "\(result.output)")
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
        let all = try await runs()
        let outer = try outermost(all)
        let told = try await program.run("logs", outer.info.runID, "tell")
        #expect(told.output == "one two\n", "\(result.messages)")
        #expect(try node("old", all).data.tag("mlflow.source.git.commit") == first)
        #expect(try node("new", all).data.tag("mlflow.source.git.commit") == second)
        let deeper = all.filter { $0.data.tag("swiftflow.node") == "there" }
        #expect(Set(deeper.compactMap { $0.data.tag("mlflow.source.git.commit") }) == [first, second])
        // What was fetched names nothing outside of its repository.
        let away = try node("away", all).data.tag("swiftflow.failure") ?? ""
        #expect(away.contains("is not in the project that names it"), "\(away)")
    }

    @Test func `pipelines are nested at most sixteen deep`() async throws {
        for level in 0..<18 { try program.write("\(level).yaml", "steps: {s: {pipeline: \(level + 1).yaml}}") }
        try program.write("18.yaml", "steps: {s: {command: \"true\"}}")
        #expect(try await program.run("check", "2.yaml").exitCode == 0)
        let result = try await program.run("check", "1.yaml")
        #expect(result.exitCode == 2)
        #expect(result.messages.contains("nested deeper than 16 levels: 1.yaml → 2.yaml →"), "\(result.messages)")
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
        let all = try await runs()
        let best = try node("train[k=1]", all)
        let group = try #require(all.first { $0.data.tag("swiftflow.group") != nil })
        #expect(group.data.tag("swiftflow.best_run_id") == best.info.runID)
        #expect(best.data.tag("mlflow.parentRunId") == group.info.runID)
        let log = try await program.run("logs", try outermost(all).info.runID, "tell")
        #expect(log.output == "model 1\n3.0 2.0 1.0\n")
    }

    @Test func `retries, timeouts and allowed failures of a step hold for its pipeline`() async throws {
        try program.write("flaky.yaml", "steps:\n  flaky: {command: 'test -f once || { touch once; exit 1; }'}\n")
        try program.write("slow.yaml", "steps:\n  slow: {command: sleep 60, grace: 1s}\n")
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
        let all = try await runs()
        #expect(all.count { $0.data.tag("swiftflow.node") == "again" } == 2)
        #expect(try node("again", all).info.status == .finished)
        #expect(try node("again", all).data.tag("swiftflow.attempt") == "2")
        #expect(try node("late", all).info.status == .failed)
        #expect(try node("late", all).data.tag("swiftflow.reason") == "timeout")
        #expect(try node("slow", all).info.status == .killed)
        let reason = try #require(try outermost(all).data.tag("swiftflow.failure"))
        #expect(reason.contains("late: it took longer than its timeout"), "\(reason)")
        #expect(all.allSatisfy { $0.info.status != .running })
    }

    @Test func `nested steps share the limits of the pipeline around them`() async throws {
        // Each step notes how many are at work beside it.
        let command = #"'touch busy.{i}; ls busy.* | wc -l >> seen; sleep 0.1; rm busy.{i}'"#
        try program.write(
            "inner.yaml",
            """
            params: {p: 0}
            limits: {parallel: 8, cpu: 8}
            steps:
              work:
                matrix: {j: [1, 2, 3]}
                command: \(command)
                params: {i: "${{ format('{}-{}', params.p, matrix.j) }}"}
            """)
        try program.write(
            "pipeline.yaml",
            """
            name: outer
            limits: {parallel: 2, cpu: 8}
            steps:
              parts:
                matrix: {p: [1, 2]}
                pipeline: inner.yaml
              beside:
                matrix: {k: [1, 2, 3]}
                command: \(command)
                params: {i: "${{ format('b{}', matrix.k) }}"}
            """)
        let result = try await program.run("run", "pipeline.yaml")
        #expect(result.exitCode == 0, "\(result.messages)")
        let seen = try program.read("seen").split(separator: "\n").compactMap { Int($0) }
        #expect(seen.count == 9)
        #expect(seen.allSatisfy { $0 <= 2 }, "\(seen)")
    }

    @Test func `what a step sets aside is shared by its pipeline and by nobody else`() async throws {
        try program.write(
            "inner.yaml",
            """
            limits: {db: 9}
            steps:
              work:
                matrix: {j: [1, 2, 3]}
                resources: {db: 1}
                command: 'touch busy.{j}; ls busy.* | wc -l >> seen; sleep 0.1; rm busy.{j}'
            """)
        try program.write(
            "pipeline.yaml",
            """
            name: outer
            limits: {db: 2, parallel: 8, cpu: 8}
            steps:
              alone: {pipeline: inner.yaml, resources: {db: 1}}
            """)
        let result = try await program.run("run", "pipeline.yaml")
        #expect(result.exitCode == 0, "\(result.messages)")
        #expect(try program.read("seen") == "1\n1\n1\n")
    }

    @Test func `a cancelled pipeline ends the ones in it, and a resume goes on with them`() async throws {
        try program.write(
            "inner.yaml",
            """
            steps:
              first: {command: "true"}
              hold: {command: "test -f go || sleep 60; test -f go", needs: [first], grace: 1s}
            """)
        try program.write("pipeline.yaml", "name: outer\nsteps:\n  prepare: {pipeline: inner.yaml}\n")
        let running = try await program.start(["run", "pipeline.yaml"])
        try await running.waits(for: "prepare/hold")
        let id = try outermost(try await runs()).info.runID
        let second = try await program.run("resume", try node("prepare", try await runs()).info.runID)
        #expect(second.messages.contains("is being run by process"), "\(second.messages)")
        #expect(try await program.run("cancel", id).exitCode == 0)
        #expect(try await running.result().exitCode == 130)
        var all = try await runs()
        #expect(try node("prepare", all).info.status == .killed)
        #expect(try node("hold", all).info.status == .killed)
        #expect(try outermost(all).info.status == .killed)
        try program.write("go", "")
        #expect(try await program.run("resume", id).exitCode == 0)
        all = try await runs()
        #expect(all.count { $0.data.tag("swiftflow.node") == "first" } == 1)
        #expect(all.count { $0.data.tag("swiftflow.node") == "prepare" } == 1)
        #expect(try outermost(all).info.status == .finished)
    }

    @Test func `a second interrupt kills what runs in nested pipelines`() async throws {
        try program.write(
            "inner.yaml", "steps:\n  hold: {command: \"trap '' TERM; sleep 60 & wait; sleep 60\", grace: 60s}\n")
        try program.write("pipeline.yaml", "name: outer\nsteps:\n  prepare: {pipeline: inner.yaml}\n")
        let running = try await program.start(["run", "pipeline.yaml"])
        try await running.waits(for: "prepare/hold")
        await running.process.signal(SIGINT)
        try await running.waits(for: "stopping the pipeline")
        await running.process.signal(SIGINT)
        #expect(try await running.result().exitCode == 130)
        #expect(try await runs().allSatisfy { $0.info.status == .killed })
    }

    // MARK: Kills

    @Test(.timeLimit(.minutes(30)))
    func `W-09: killed inside a nested pipeline, a resume finishes what was begun and repeats nothing`() async throws {
        try program.write(
            "inner.yaml",
            """
            params: {p: 0}
            steps:
              start:
                command: 'echo {p} > {out}; sleep 0.05'
                params: {p: "${{ params.p }}", out: "${{ outputs.data }}"}
                outputs: {data: data.txt}
              cells:
                matrix: {i: "${{ range(3) }}"}
                command: 'cat {data} > {out}; sleep 0.05; echo {i} >> {out}'
                params: {data: "${{ steps.start.outputs.data }}", out: "${{ outputs.part }}"}
                outputs: {part: part.txt}
              join:
                command: 'cat {parts} > {out}'
                params: {parts: "${{ steps.cells.all.outputs.part }}", out: "${{ outputs.all }}"}
                outputs: {all: all.txt}
            outputs: {all: "${{ steps.join.outputs.all }}"}
            """)
        try program.write(
            "pipeline.yaml",
            """
            name: outer
            limits: {parallel: 4, cpu: 8}
            steps:
              parts:
                matrix: {p: [1, 2]}
                pipeline: inner.yaml
              last:
                command: 'cat {parts} > {out}'
                params: {parts: "${{ steps.parts.all.outputs.all }}", out: "${{ outputs.all }}"}
                outputs: {all: all.txt}
            """)
        for round in 0..<`Pipelines of real processes`.kills {
            let sign = round == 0 ? "parts[p=1]/start" : "run "
            let current = try await program.runKilled(after: sign, within: 0...1200, outermost)
            try await check(current, round)
        }
    }

    /// Everything below a run has ended, and each node of each pipeline has succeeded once, in its last attempt.
    private func check(_ parent: RunInfo, _ round: Int) async throws {
        let all = try await runs()
        #expect(parent.status == .finished, "round \(round)")
        #expect(all.allSatisfy { $0.info.status != .running }, "round \(round)")
        var below: [String: [Run]] = [:]
        var open = [(parent.runID, "")]
        while let (id, path) = open.popLast() {
            for run in all where run.data.tag("mlflow.parentRunId") == id {
                let node = run.data.tag("swiftflow.node") ?? ""
                if run.data.tag("swiftflow.group") != nil {
                    open.append((run.info.runID, path))
                } else {
                    below[path + "/" + node, default: []].append(run)
                    open.append((run.info.runID, path + "/" + node))
                }
            }
        }
        #expect(below.count == 3 + 2 * 5, "round \(round): \(below.keys.sorted())")
        for (id, attempts) in below {
            #expect(attempts.count { $0.info.status == .finished } == 1, "round \(round): \(id)")
            if id.hasPrefix("/parts"), !id.dropFirst().contains("/") {
                let reasons = attempts.map { $0.data.tag("swiftflow.failure") ?? "" }
                #expect(attempts.count == 1, "round \(round): \(id) was begun anew: \(reasons)")
            }
            let success = attempts.first { $0.info.status == .finished }
            #expect(
                attempts.allSatisfy { $0.info.startTime <= success?.info.startTime ?? .max }, "round \(round): \(id)")
        }
        let last = try #require(below["/last"]?.first { $0.info.status == .finished })
        let folder = FilePath(last.info.artifactURI.replacing("file://", with: ""))
        let text = String(decoding: try readFile(folder.appending("all.txt"), limit: 1 << 20), as: UTF8.self)
        let expected = [1, 2].flatMap { part in (0..<3).map { "\(part)\n\($0)\n" } }.joined()
        #expect(text == expected, "round \(round)")
    }
}
