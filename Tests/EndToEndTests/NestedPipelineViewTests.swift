import Files
import Processes
import SystemPackage
import TestSupport
import Testing
import Tracking

/// What is said of pipelines within pipelines before they run, and shown of them afterwards.
@Suite(.timeLimit(.minutes(10))) struct `Pipelines within pipelines, looked at` {
    let program: SwiftflowProgram

    init() throws {
        program = try SwiftflowProgram()
    }

    @Test(arguments: [
        ("steps:\n  a: {pipeline: nowhere.yaml}\n", "there is no pipeline 'nowhere.yaml'", "no file"),
        ("steps:\n  a: {pipeline: sub}\n", "p/sub/pipeline.yaml:4:28: error P041", "the nested file's own place"),
        ("steps:\n  a: {pipeline: ok.yaml, params: {m: 1}}\n", "p/pipeline.yaml:2:38: error P021", "unknown param"),
        ("steps:\n  a: {pipeline: ok.yaml, params: {n: x}}\n", "error P022", "type"),
        (
            "steps:\n  a: {pipeline: sub}\n",
            "    4 |     params: {x: \"${{ steps.c.run_id }}\"}\n      |                            ^", "its line"
        ),
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
            // The line is shown of whichever file it is in.
            #expect(result.messages.contains(" | "), "\(verb), \(what): \(result.messages)")
        }
        #expect(try await program.run("run", "p/pipeline.yaml").exitCode != 0)
        #expect(fileStatus(program.path.appending("mlflow.db")) == nil)
    }

    @Test func `pipelines are nested at most sixteen deep`() async throws {
        for level in 0..<18 { try program.write("\(level).yaml", "steps: {s: {pipeline: \(level + 1).yaml}}") }
        try program.write("18.yaml", "steps: {s: {command: \"true\"}}")
        #expect(try await program.run("check", "2.yaml").exitCode == 0)
        let result = try await program.run("check", "1.yaml")
        #expect(result.exitCode == 2)
        #expect(result.messages.contains("nested deeper than 16 levels: 1.yaml → 2.yaml →"), "\(result.messages)")
    }

    @Test func `a plan tells the steps of nested pipelines`() async throws {
        try program.write("inner.yaml", "cache: true\nsteps:\n  clean: {command: x}\n  split: {command: x}\n")
        try program.write("outer.yaml", "name: outer\nsteps:\n  prepare: {pipeline: inner.yaml}\n  use: {command: x}\n")
        let result = try await program.run("plan", "outer.yaml")
        #expect(result.exitCode == 0)
        let lines = result.output.split(separator: "\n").map { $0.split(separator: " ").first.map(String.init) }
        #expect(lines == ["outer", "prepare", "prepare/clean", "prepare/split", "use"], "\(result.output)")
    }

    @Test func `a plan asks the store for the steps of nested pipelines, and what does not run there does not count`()
        async throws
    {
        try program.write(
            "p/in/inner.yaml",
            """
            cache: true
            params: {table: {type: path}, n: 1}
            steps:
              clean:
                command: 'sort {t} > {out}'
                params: {t: "${{ params.table }}", out: "${{ outputs.c }}"}
                outputs: {c: c.txt}
              count:
                command: 'echo {n} > {out}'
                params: {n: "${{ params.n }}", out: "${{ outputs.k }}"}
                outputs: {k: k.txt}
            outputs: {c: "${{ steps.clean.outputs.c }}", twice: "${{ params.n * 2 }}"}
            """)
        try program.write(
            "p/outer.yaml",
            """
            name: outer
            cache: true
            params: {n: 1}
            steps:
              make: {command: 'seq 3 > {out}', params: {out: "${{ outputs.t }}"}, outputs: {t: t.txt}}
              prepare:
                pipeline: in/inner.yaml
                params: {table: "${{ steps.make.outputs.t }}", n: "${{ params.n }}"}
              folds:
                matrix: {n: [1, 2, 3]}
                pipeline: in/inner.yaml
                params: {table: "${{ steps.make.outputs.t }}"}
                metrics: [twice]
                select: {metric: twice, goal: max}
              use:
                command: 'wc -l < {c}'
                params: {c: "${{ steps.prepare.outputs.c }}", m: "${{ steps.folds.best.metrics.twice }}"}
            """)
        // Nothing has been recorded: each is shown, and counted for each cell.
        #expect(try await program.run("plan", "p/outer.yaml", "--check").exitCode == 3)
        let first = try await program.run("plan", "p/outer.yaml")
        #expect(first.output.hasPrefix("outer  6 steps, 10 to run, 0 reused"), "\(first.output)")
        #expect(first.output.contains("folds/clean ×3   run    it has not been run before"), "\(first.output)")
        #expect(try await program.run("run", "p/outer.yaml").exitCode == 0)

        let again = try await program.run("plan", "p/outer.yaml", "--check")
        #expect(again.exitCode == 0, "\(again.output)")
        #expect(again.output.hasPrefix("outer  6 steps, 0 to run, 10 reused"), "\(again.output)")
        #expect(again.output.contains("prepare          reuse  nothing in it has to run"), "\(again.output)")

        // One param of one nested step: it is told, with what waits for its pipeline.
        let other = try await program.run("plan", "p/outer.yaml", "-P", "n=4", "--check")
        #expect(other.exitCode == 3)
        for row in [
            "outer  6 steps, 2 to run, 8 reused", "prepare          run    1 to run, 1 reused",
            "prepare/clean    reuse  run ", "prepare/count    run    param n ",
            "use              run    'prepare' runs",
            "folds ×3         reuse  nothing in it has to run",
        ] {
            #expect(other.output.contains(row), "\(row): \(other.output)")
        }
        let json = try await program.run("plan", "p/outer.yaml", "--json")
        #expect(json.output.contains("\"step\": \"folds/count\""), "\(json.output)")
        #expect(json.output.contains("\"holds_steps\": true"))

        // What is forced is forced inside too, in the plan and in the run.
        let forced = try await program.run("plan", "p/outer.yaml", "--force", "prepare")
        #expect(forced.output.contains("prepare/clean    run    --force"), "\(forced.output)")
        let run = try await program.run("run", "p/outer.yaml", "--force", "prepare", "--progress", "plain")
        #expect(run.messages.contains("✓ prepare/clean succeeded"), "\(run.messages)")
        #expect(run.messages.contains("= folds[n=1]/clean cached"))
    }

    @Test func `plan fetches the pipelines that it names, and looks into them as into files of this machine`()
        async throws
    {
        let git = try GitFixture(starter: try Keeper.launch())
        let files = [
            "pipeline.yaml": """
            params: {n: 1}
            cache: true
            steps:
              here: {command: 'echo {n}', params: {n: "${{ params.n }}"}}
              deeper: {pipeline: sub/deeper.yaml, needs: [here]}
            """,
            "sub/deeper.yaml": "cache: true\nsteps: {there: {command: echo there}}\n",
        ]
        let first = try await git.makeRepository("nested", files: files)
        try await git.commit(["sub/deeper.yaml": "cache: true\nsteps: {later: {command: echo later}}\n"], to: "nested")
        let uri = "file://\(git.repository("nested").string)"
        try program.write(
            "pipeline.yaml",
            """
            name: outer
            steps:
              old: {pipeline: "\(uri)", version: \(first), params: {n: 2}}
              new: {pipeline: "\(uri)"}
            """)
        // Nothing has been recorded anywhere.
        let before = try await program.run("plan", "pipeline.yaml")
        #expect(before.exitCode == 0, "\(before.messages)")
        #expect(before.output.hasPrefix("outer  4 steps, 4 to run, 0 reused"), "\(before.output)")
        for row in ["old/here", "old/deeper/there", "new/here", "new/deeper/later"] {
            #expect(before.output.contains("  \(row) "), "\(row): \(before.output)")
        }
        #expect(fileStatus(program.path.appending("mlflow.db")) == nil)

        let run = try await program.run("run", "pipeline.yaml")
        #expect(run.exitCode == 0, "\(run.messages)")
        let after = try await program.run("plan", "pipeline.yaml", "--check")
        #expect(after.exitCode == 0, "\(after.output)\(after.messages)")
        #expect(after.output.contains("old/deeper/there   reuse  run "), "\(after.output)")

        // A mistake in what its steps are given is found without starting anything.
        try program.write("pipeline.yaml", "name: outer\nsteps: {new: {pipeline: \"\(uri)\", params: {m: 2}}}\n")
        let wrong = try await program.run("plan", "pipeline.yaml")
        #expect(wrong.exitCode == 2)
        #expect(wrong.messages.contains("pipeline.yaml:2:"), "\(wrong.messages)")
        #expect(wrong.messages.contains("has no param 'm'; did you mean 'n'?"), "\(wrong.messages)")
    }

    @Test func `of a pipeline that cannot be fetched the plan says so at its step, and shows the others`() async throws
    {
        try program.write(
            "pipeline.yaml",
            """
            name: outer
            steps:
              gone: {pipeline: "https://127.0.0.1:1/gone.git"}
              next: {command: "true", needs: [gone]}
            """)
        let plan = try await program.run("plan", "pipeline.yaml")
        #expect(plan.exitCode == 0, "\(plan.messages)")
        #expect(
            plan.messages.contains("pipeline.yaml:3:20: warning: the pipeline of step 'gone' cannot be looked into"),
            "\(plan.messages)")
        #expect(plan.output.contains("  gone   run    its own steps decide"), "\(plan.output)")
    }

    @Test func `a graph shows the steps of nested pipelines in a frame`() async throws {
        try program.write("inner.yaml", "steps:\n  clean: {command: x}\n  split: {command: x, needs: [clean]}\n")
        try program.write(
            "outer.yaml", "steps:\n  prepare: {pipeline: inner.yaml}\n  use: {command: x, needs: [prepare]}\n")
        let graph = try await program.run("graph", "outer.yaml")
        #expect(graph.output.contains("  subgraph n0[\"prepare\"]\n    n1[\"clean\"]\n"), "\(graph.output)")
        let flat = try await program.run("graph", "outer.yaml", "--flat")
        #expect(flat.output.contains("n0[[\"prepare\"]]") && !flat.output.contains("clean"), "\(flat.output)")
    }

    @Test func `the report tells the steps of nested pipelines`() async throws {
        try program.write("inner.yaml", "steps:\n  clean: {command: \"true\"}\n")
        try program.write(
            "pipeline.yaml", "name: outer\nsteps:\n  prepare: {pipeline: inner.yaml, matrix: {n: [1, 2]}}\n")
        #expect(try await program.run("run", "pipeline.yaml").exitCode != 0, "the pipeline has no param 'n'")
        try program.write(
            "inner.yaml",
            "params: {n: 0}\nsteps:\n  clean: {command: \"true\"}\n  extra: {command: \"true\", when: params.n > 1}\n")
        #expect(try await program.run("run", "pipeline.yaml").exitCode == 0)
        let id = try await program.recordedRuns().outermost().info.runID
        let report = try await program.run("report", id, "-o", "report.html")
        #expect(report.exitCode == 0, "\(report.messages)")
        let page = try program.read("report.html")
        #expect(page.contains("prepare[n=2]/clean"))
        // One step of the first has no run, and the page says why.
        let row = try #require(page.firstRange(of: "prepare[n=1]/extra").map { page[$0.upperBound...].prefix(300) })
        #expect(row.contains("skipped"), "\(row)")
        // Their graph is in a frame, of which the state is that of all cells.
        #expect(page.contains("<title>prepare/clean</title><rect class=\"box command\""))
        #expect(page.contains("<title>prepare</title><rect class=\"box pipeline frame\""))
        #expect(page.contains("#node-1 .box{fill:var(--good-soft)"))
    }
}
