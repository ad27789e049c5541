import Files
import Glibc
import Processes
import SystemPackage
import TestSupport
import Testing
import Tracking

/// Pipelines within pipelines that failed, were stopped, or lost their runner.
@Suite(.timeLimit(.minutes(10))) struct `Pipelines within pipelines, taken up again` {
    let program: SwiftflowProgram

    init() throws {
        program = try SwiftflowProgram()
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
        let id = try await program.recordedRuns().outermost().info.runID
        try program.write("go", "")
        let result = try await program.run("resume", id)
        #expect(result.exitCode == 0, "\(result.messages)")
        let all = try await program.recordedRuns()
        #expect(all.count { $0.data.tag("swiftflow.node") == "first" } == 1)
        #expect(all.count { $0.data.tag("swiftflow.node") == "prepare" } == 1)
        #expect(all.count { $0.data.tag("swiftflow.node") == "second" } == 2)
        #expect(try all.node("prepare").info.status == .finished)
        #expect(try all.node("use").data.param("v") == "1")
    }

    /// Steps note that they ran; `clean` waits for somebody to kill its runner when it is told to.
    private func writeRepeatable() throws {
        try program.write(
            "inner.yaml",
            """
            cache: true
            params: {p: 0}
            steps:
              load: {command: 'echo load {p} >> seen', params: {p: "${{ params.p }}"}}
              clean:
                needs: [load]
                command: 'echo clean {p} >> seen; test "$(cat hold)" != yes || sleep 1000; cat number > {out}'
                params: {p: "${{ params.p }}", out: "${{ outputs.o }}"}
                outputs: {o: o.txt}
              fit:
                command: 'echo fit {p} >> seen; cat {o} > {out}'
                params: {p: "${{ params.p }}", o: "${{ steps.clean.outputs.o }}", out: "${{ outputs.m }}"}
                outputs: {m: m.txt}
            outputs: {m: "${{ steps.fit.outputs.m }}"}
            """)
        try program.write(
            "pipeline.yaml",
            """
            name: outer
            steps:
              first: {command: echo first >> seen}
              parts: {matrix: {p: [1, 2]}, pipeline: inner.yaml, needs: [first]}
              use: {command: 'cat {all} >> seen', params: {all: "${{ steps.parts.all.outputs.m }}"}}
              beside: {command: echo beside >> seen}
            """)
        try program.write("number", "one\n")
        try program.write("hold", "no")
    }

    private func seen() throws -> [String] {
        try program.read("seen").split(separator: "\n").map(String.init)
    }

    @Test func `resume --from a step of a nested pipeline does that again, and what follows from it in and around it`()
        async throws
    {
        try writeRepeatable()
        #expect(try await program.run("run", "pipeline.yaml").exitCode == 0)
        let id = try await program.recordedRuns().outermost().info.runID
        for (name, expected) in [
            ("parts/cleen", "--from parts: step 'cleen' does not exist; did you mean 'clean'?"),
            ("first/clean", "step 'first' is no pipeline"), ("parts.clean", "did you mean 'parts/clean'?"),
            ("nothing/clean", "--from: step 'nothing' does not exist"),
            ("parts/clean/x", "step 'clean' is no pipeline"), ("parts[p=1]", "name the step: 'parts'"),
        ] {
            let refused = try await program.run("resume", id, "--from", name)
            #expect(refused.exitCode != 0)
            #expect(refused.messages.replacing("\n  ", with: "; ").contains(expected), "\(name): \(refused.messages)")
        }

        try program.write("number", "two\n")
        try program.write("seen", "")
        let result = try await program.run("resume", id, "--from", "parts[p=2]/clean")
        #expect(result.exitCode == 0, "\(result.messages)")
        #expect(try seen() == ["clean 2", "fit 2", "one", "two"])
        let all = try await program.recordedRuns()
        // The same runs of the nested pipelines, with new attempts in one of them.
        #expect(all.count { $0.data.tag("swiftflow.node")?.hasPrefix("parts[") == true } == 2)
        #expect(all.count { $0.data.tag("swiftflow.node") == "clean" } == 3)
        #expect(all.allSatisfy { $0.info.status == .finished })
        #expect(all.allSatisfy { $0.data.tag("swiftflow.redo") == nil && $0.data.tag("swiftflow.lease") == nil })

        // Of all cells; in a run the part of a pipeline is chosen among its own steps.
        try program.write("seen", "")
        #expect(try await program.run("resume", id, "--from", "parts/fit").exitCode == 0)
        #expect(try Set(seen()) == ["fit 1", "fit 2", "one", "two"])
        let part = try await program.run("run", "pipeline.yaml", "--from", "parts/fit")
        #expect(part.exitCode != 0)
        #expect(part.messages.contains("is no step of this pipeline, but of one in it"), "\(part.messages)")
    }

    @Test func `a runner that dies while it does a nested step again leaves that wish to the next one`() async throws {
        try writeRepeatable()
        #expect(try await program.run("run", "pipeline.yaml").exitCode == 0)
        let id = try await program.recordedRuns().outermost().info.runID
        try program.write("number", "two\n")
        try program.write("seen", "")
        try program.write("hold", "yes")
        let running = try await program.start(["resume", id, "--from", "parts[p=1]/clean", "--progress", "plain"])
        try await running.waits(for: "▶ parts[p=1]/clean")
        kill(running.process.processID, SIGKILL)
        _ = try await running.result()
        try program.write("hold", "no")
        let result = try await program.run("resume", id)
        #expect(result.exitCode == 0, "\(result.messages)")
        // Begun twice, for it was killed; what follows from it was done once.
        #expect(try seen().filter { $0 != "clean 1" } == ["fit 1", "two", "one"])
        #expect(try await program.recordedRuns().outermost().info.status == .finished)
    }

    @Test func `a step of a nested pipeline can be cancelled by its name`() async throws {
        try program.write(
            "inner.yaml",
            "on_error: continue\nsteps:\n  hold: {command: sleep 1000, grace: 1s}\n  good: {command: \"true\"}\n")
        try program.write("pipeline.yaml", "name: outer\nsteps:\n  prepare: {pipeline: inner.yaml}\n")
        let running = try await program.start(["run", "pipeline.yaml"])
        try await running.waits(for: "▶ prepare/hold")
        let id = try await program.recordedRuns().outermost().info.runID
        let wrong = try await program.run("cancel", id, "other/hold")
        #expect(wrong.messages.contains("no pipeline 'other' is running"), "\(wrong.messages)")
        #expect(try await program.run("cancel", id, "prepare/hold").exitCode == 0)
        #expect(try await running.result().exitCode == 1)
        let all = try await program.recordedRuns()
        #expect(try all.node("hold").info.status == .killed)
        #expect(try all.node("good").info.status == .finished)
    }

    @Test func `a changed file of a nested pipeline is noticed before anything is gone on with`() async throws {
        try program.write("inner.yaml", "steps:\n  s: {command: test -f go}\n")
        try program.write("pipeline.yaml", "name: outer\nsteps:\n  prepare: {pipeline: inner.yaml}\n")
        #expect(try await program.run("run", "pipeline.yaml").exitCode == 1)
        let id = try await program.recordedRuns().outermost().info.runID
        try program.write("inner.yaml", "steps:\n  s: {command: \"true\"}\n")
        let refused = try await program.run("resume", id)
        #expect(refused.exitCode != 0)
        #expect(refused.messages.contains("step 'prepare'"), "\(refused.messages)")
        #expect(refused.messages.contains("--updated"))
        #expect(try await program.run("resume", id, "--updated").exitCode == 0)
        #expect(try await program.recordedRuns().outermost().info.status == .finished)
    }

    @Test func `a cancelled pipeline ends the ones in it, and a resume goes on with them`() async throws {
        try program.write(
            "inner.yaml",
            """
            steps:
              first: {command: "true"}
              hold: {command: "test -f go || sleep 1000; test -f go", needs: [first], grace: 1s}
            """)
        try program.write("pipeline.yaml", "name: outer\nsteps:\n  prepare: {pipeline: inner.yaml}\n")
        let running = try await program.start(["run", "pipeline.yaml"])
        try await running.waits(for: "prepare/hold")
        let id = try await program.recordedRuns().outermost().info.runID
        let second = try await program.run("resume", try await program.recordedRuns().node("prepare").info.runID)
        #expect(second.messages.contains("is being run by process"), "\(second.messages)")
        #expect(try await program.run("cancel", id).exitCode == 0)
        #expect(try await running.result().exitCode == 130)
        var all = try await program.recordedRuns()
        #expect(try all.node("prepare").info.status == .killed)
        #expect(try all.node("hold").info.status == .killed)
        #expect(try all.outermost().info.status == .killed)
        try program.write("go", "")
        #expect(try await program.run("resume", id).exitCode == 0)
        all = try await program.recordedRuns()
        #expect(all.count { $0.data.tag("swiftflow.node") == "first" } == 1)
        #expect(all.count { $0.data.tag("swiftflow.node") == "prepare" } == 1)
        #expect(try all.outermost().info.status == .finished)
    }

    @Test func `a second interrupt kills what runs in nested pipelines`() async throws {
        try program.write(
            "inner.yaml", "steps:\n  hold: {command: \"trap '' TERM; sleep 1000 & wait; sleep 1000\", grace: 60s}\n")
        try program.write("pipeline.yaml", "name: outer\nsteps:\n  prepare: {pipeline: inner.yaml}\n")
        let running = try await program.start(["run", "pipeline.yaml"])
        try await running.waits(for: "prepare/hold")
        await running.process.signal(SIGINT)
        try await running.waits(for: "stopping the pipeline")
        await running.process.signal(SIGINT)
        #expect(try await running.result().exitCode == 130)
        #expect(try await program.recordedRuns().allSatisfy { $0.info.status == .killed })
    }

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
            let current = try await program.runKilled(after: sign, within: 0...1200) { try $0.outermost() }
            try await check(current, round)
        }
    }

    /// Everything below a run has ended, and each node of each pipeline has succeeded once, in its last attempt.
    private func check(_ parent: RunInfo, _ round: Int) async throws {
        let all = try await program.recordedRuns()
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
