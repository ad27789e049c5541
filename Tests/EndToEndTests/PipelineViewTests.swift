import Files
import Processes
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Tracking

@Suite(.timeLimit(.minutes(10))) struct PipelineViewTests {
    @Test func `on a terminal a pipeline is a tree that is redrawn in place, and its report is kept`() async throws {
        let program = try SwiftflowProgram()
        try program.write(
            "pipeline.yaml",
            """
            name: tree
            steps:
              first: {command: "echo from the first"}
              bad: {command: "echo last words; exit 3", needs: [first]}
              after: {command: "true", needs: [bad]}
            """)
        let starter = try Keeper.launch()
        let seen = Mutex("")
        // `script` gives what it starts a terminal of its own.
        var environment = program.environment
        environment["TERM"] = "xterm"
        let process = try await starter.start(
            ProcessSpecification(
                executable: "/usr/bin/script",
                arguments: ["-qec", "\(try BuiltProducts.path("swiftflow").string) run pipeline.yaml", "/dev/null"],
                environment: environment, workingDirectory: program.path,
                output: OutputHandling { _, bytes in
                    let text = unsafe bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
                    seen.withLock { $0 += text }
                }))
        #expect(await process.wait().termination == .exited(code: 1))
        let text = seen.withLock { $0 }
        // Redrawn: the cursor goes up, and what the steps write is not in between.
        #expect(text.contains("\u{1B}[3A"), "\(text)")
        #expect(text.contains("✓\u{1B}[0m first"))
        #expect(text.contains("│ last words"))
        #expect(!text.contains("from the first"))
        let end = try #require(text.firstRange(of: "=== Pipeline"))
        #expect(!text[end.upperBound...].contains("first"))

        let found = try await program.run("runs", "list", "--json", "--filter", "tags.\"swiftflow.pipeline\" = 'tree'")
        let digits = try #require(found.output.firstRange(of: "\"runID\""))
        let run = String(found.output[digits.upperBound...].drop { $0 != "\"" }.dropFirst().prefix(32))
        let kept = try program.read("mlruns/0/\(run)/artifacts/pipeline/report.html")
        #expect(kept.contains("the command ended with exit code 3"))
        let again = try await program.run("report", run, "-o", "-")
        #expect(again.output.contains("<h2>Timeline</h2>"))
        let written = try await program.run("report", String(run.prefix(12)))
        #expect(written.messages.contains("written to tree-\(run.prefix(8)).html"))
        #expect(try await program.run("report", "0123").exitCode == 1)
    }

    @Test func `what a pipeline hands on is said at its end, and by its status`() async throws {
        let program = try SwiftflowProgram()
        try program.write(
            "pipeline.yaml",
            """
            name: results
            steps:
              fit: {command: 'echo score=7 >> "$SWIFTFLOW_OUTPUT"; echo model > {to}', params: {to: "${{ outputs.model }}"},
                outputs: {score: $SWIFTFLOW_OUTPUT, model: model.txt}}
            outputs: {score: "${{ int(steps.fit.outputs.score) }}", model: "${{ steps.fit.outputs.model }}"}
            """)
        let ran = try await program.run("run", "pipeline.yaml")
        #expect(ran.exitCode == 0, "\(ran.messages)")
        #expect(ran.messages.contains("\n  score = 7\n"), "\(ran.messages)")
        let told = try await program.run("run", "pipeline.yaml", "--progress", "json")
        #expect(told.output.contains(#""score":7"#), "\(told.output)")
        let end = try #require(told.output.split(separator: "\n").last)
        let place = try #require(end.firstRange(of: #""run_id":""#))
        let run = String(end[place.upperBound...].prefix(32))
        let shown = try await program.run("status", run)
        #expect(shown.output.contains("\n  score = 7\n"), "\(shown.output)")
        #expect(shown.output.contains("\n  model = runs:/"), "\(shown.output)")
    }

    @Test func `a pipeline that failed says how to go on, and a fan-out over nothing that there was nothing`()
        async throws
    {
        let program = try SwiftflowProgram()
        try program.write(
            "pipeline.yaml",
            """
            name: p
            params: {n: 0}
            steps:
              none: {command: 'echo {i}', matrix: {i: "${{ range(params.n) }}"}}
              bad: {command: test -f there, needs: [none]}
            """)
        let bad = try await program.run("run", "pipeline.yaml", "--progress", "plain")
        #expect(bad.messages.contains("✓ none succeeded  no cells: its matrix has no values"), "\(bad.messages)")
        let id = try #require(bad.messages.firstMatch(of: /go on with: swiftflow resume ([0-9a-f]{8})\n/)?.1)
        try program.write("there", "")
        let resumed = try await program.run("resume", String(id), "--progress", "plain")
        #expect(resumed.exitCode == 0)
        #expect(!resumed.messages.contains("go on with"), "\(resumed.messages)")
    }

    @Test func `a step that fails before it could start says why, and what a resume has done is not blocked any more`()
        async throws
    {
        let program = try SwiftflowProgram()
        try program.write(
            "pipeline.yaml",
            """
            name: p
            on_error: continue
            steps:
              first: {command: "true"}
              asks: {command: "true", when: steps.first.metrics.accuracy > 0.5}
              bad: {command: test -f there}
              next: {command: "true", needs: [bad]}
              may: {command: exit 4, allow_failure: true}
            """)
        let bad = try await program.run("run", "pipeline.yaml", "--progress", "plain")
        // What may fail is not among the reasons.
        let reason = try await program.recordedRuns().outermost().data.tag("swiftflow.failure") ?? ""
        #expect(reason.contains("bad: ") && !reason.contains("may: "), "\(reason)")
        #expect(bad.messages.contains("✗ asks failed: pipeline.yaml:5:"), "\(bad.messages)")
        let id = try await program.recordedRuns().outermost().info.runID
        #expect(try await program.run("status", id).output.contains("  next   blocked"))
        try program.write("there", "")
        try program.write(
            "pipeline.yaml",
            try program.read("pipeline.yaml").replacing(", when: steps.first.metrics.accuracy > 0.5", with: ""))
        let resumed = try await program.run("resume", id, "--updated", "--progress", "plain")
        #expect(resumed.exitCode == 0, "\(resumed.messages)")
        #expect(
            resumed.messages.firstMatch(of: /✓ first succeeded .* before, not run again\n/) != nil,
            "\(resumed.messages)")
        #expect(resumed.messages.firstMatch(of: /✓ bad succeeded .*before/) == nil, "\(resumed.messages)")
        let status = try await program.run("status", id)
        #expect(status.output.contains("  next   succeeded") && !status.output.contains("blocked"), "\(status.output)")
    }

    @Test func `what begins says in which experiment, by its name`() async throws {
        let program = try SwiftflowProgram()
        try program.write("MLproject", "entry_points:\n  main: {command: \"true\"}\n")
        try program.write("named.yaml", "name: p\nexperiment: churn\nsteps: {a: {command: \"true\"}}\n")
        try program.write("bad.yaml", "name: p\nsteps: {a: {command: test -f there}}\n")
        let project = try await program.run("run", ".")
        #expect(project.messages.contains(" in experiment Default\n"), "\(project.messages)")
        let other = try await program.run("run", ".", "--experiment-name", "mine")
        #expect(other.messages.contains(" in experiment mine\n"), "\(other.messages)")
        let named = try await program.run("run", "named.yaml", "--progress", "plain")
        #expect(named.messages.contains("  experiment churn\n"), "\(named.messages)")
        let bad = try await program.run("run", "bad.yaml", "--progress", "plain")
        #expect(bad.messages.contains("  experiment Default\n"), "\(bad.messages)")
        let id = try #require(bad.messages.firstMatch(of: /run ([0-9a-f]{32})/)?.1)
        try program.write("there", "")
        let resumed = try await program.run("resume", String(id), "--progress", "json")
        let text = resumed.output + resumed.messages
        #expect(text.contains("\"experiment_id\":\"0\",\"experiment_name\":\"Default\""), "\(text)")
    }
}
