import Files
import Foundation
import Processes
import SystemPackage
import TestSupport
import Testing
import Tracking

/// Pipelines run by the built program, with real processes and a real store.
@Suite(.timeLimit(.minutes(10))) struct `Pipelines of real processes` {
    let program: SwiftflowProgram

    init() throws {
        program = try SwiftflowProgram()
    }

    private func runs() async throws -> [Run] { try await program.recordedRuns() }

    private func pipeline(_ runs: [Run]) throws -> Run {
        try #require(runs.last { $0.data.tag("swiftflow.pipeline") != nil })
    }

    private func node(_ id: String, _ runs: [Run]) throws -> Run {
        try #require(runs.last { $0.data.tag("swiftflow.node") == id })
    }

    @Test func `values, files and small outputs go from step to step`() async throws {
        try program.write(
            "pipeline.yaml",
            """
            name: flow
            params: {n: 3}
            steps:
              make:
                command: 'seq {n} > {out}; echo "rows={n}" >> "$SWIFTFLOW_OUTPUT"'
                params: {n: "${{ params.n }}", out: "${{ outputs.table }}"}
                outputs: {table: data/table.txt, rows: rows}
              each:
                matrix: {i: [1, 2]}
                command: 'grep -c {i} {table} > {out}'
                params: {table: "${{ steps.make.outputs.table }}", out: "${{ outputs.part }}"}
                outputs: {part: part.txt}
              join:
                command: 'cat {parts}; echo rows {rows}'
                params: {parts: "${{ steps.each.all.outputs.part }}", rows: "${{ steps.make.outputs.rows }}"}
            outputs: {rows: "${{ steps.make.outputs.rows }}"}
            """)
        let result = try await program.run("run", "pipeline.yaml", "-P", "n=5")
        #expect(result.exitCode == 0, "\(result.messages)")
        let all = try await runs()
        #expect(all.count == 6)
        #expect(all.allSatisfy { $0.info.status == .finished })
        let parent = try pipeline(all)
        #expect(parent.data.param("n") == "5")
        #expect(parent.data.tag("swiftflow.output.rows") == "5")
        let group = try #require(all.first { $0.data.tag("swiftflow.group") != nil })
        #expect(group.data.tag("mlflow.parentRunId") == parent.info.runID)
        #expect(try node("each[i=1]", all).data.tag("mlflow.parentRunId") == group.info.runID)
        let make = try node("make", all)
        #expect(make.data.tag("swiftflow.digest.table")?.count == 64)
        #expect(
            try node("each[i=2]", all).data.tag("swiftflow.input.table") == "runs:/\(make.info.runID)/data/table.txt")
        let log = try await program.run("logs", parent.info.runID, "join")
        #expect(log.output == "1\n1\nrows 5\n")
    }

    @Test func `a file that a step leaves in the project's folder is an output when the pipeline says so`() async throws
    {
        try program.write("old.txt", "from an earlier day")
        try await Task.sleep(for: .seconds(1.2))
        try program.write(
            "pipeline.yaml",
            """
            name: in-place
            on_error: continue
            steps:
              fresh: {command: 'mkdir -p out; echo 7 > out/new.txt', outputs: {file: ./out/new.txt}}
              reader: {command: 'cat {file}', params: {file: "${{ steps.fresh.outputs.file }}"}}
              stale: {command: "true", outputs: {file: ./old.txt}}
              absent: {command: "true", outputs: {file: ./absent.txt}}
              unsaid: {command: 'echo 1 > kept.txt', outputs: {file: kept.txt}}
            """)
        let result = try await program.run("run", "pipeline.yaml")
        #expect(result.exitCode == 1)
        let all = try await runs()
        let states = Dictionary(
            all.compactMap { run in run.data.tag("swiftflow.node").map { ($0, run.info.status) } },
            uniquingKeysWith: { $1 })
        #expect(
            states == ["fresh": .finished, "reader": .finished, "stale": .failed, "absent": .failed, "unsaid": .failed])
        #expect(result.messages.contains("the output 'file' is missing: './old.txt' is older than the attempt"))
        #expect(result.messages.contains("the output 'file' is missing: there is no './absent.txt'"))
        #expect(
            result.messages.contains(
                "the step logged no artifact 'kept.txt' and wrote nothing to ${{ outputs.file }};"
                    + " if the project's own 'kept.txt' is meant, say './kept.txt'"))
        let log = try await program.run("logs", try pipeline(all).info.runID, "reader")
        #expect(log.output == "7\n")
    }

    @Test func `W-02: a failure blocks what needs it and is told with the path`() async throws {
        try program.write(
            "pipeline.yaml",
            """
            name: failing
            on_error: continue
            steps:
              bad: {command: exit 3}
              silent: {command: "true", outputs: {file: nothing.txt}}
              late: {command: sleep 1000, timeout: 200ms, grace: 1s}
              needs_bad: {command: "true", needs: [bad]}
              good: {command: "true"}
            """)
        let result = try await program.run("run", "pipeline.yaml")
        #expect(result.exitCode == 1)
        let all = try await runs()
        #expect(try node("bad", all).data.tag("swiftflow.reason") == "exit")
        #expect(try node("silent", all).data.tag("swiftflow.reason") == "missing_output")
        #expect(try node("late", all).data.tag("swiftflow.reason") == "timeout")
        #expect(try node("late", all).info.status == .failed)
        #expect(try node("good", all).info.status == .finished)
        #expect(all.allSatisfy { $0.data.tag("swiftflow.node") != "needs_bad" })
        let parent = try pipeline(all)
        #expect(parent.info.status == .failed)
        #expect(parent.data.tag("swiftflow.blocked") == "needs_bad")
        #expect(parent.data.tag("swiftflow.failure")?.contains("bad: the command ended with exit code 3") == true)
    }

    @Test func `W-05: what a step hands on is data, whatever is in it`() async throws {
        try program.write("value", "v={x} $(touch hacked) \"q\" 's' ; rm -rf x\n")
        try program.write(
            "pipeline.yaml",
            """
            name: hostile
            steps:
              make:
                command: 'cat value >> "$SWIFTFLOW_OUTPUT"'
                outputs: {v: v}
              use:
                command: 'printf %s {v}'
                params: {v: "${{ steps.make.outputs.v }}"}
              large:
                command: 'head -c 10000000 /dev/zero >> "$SWIFTFLOW_OUTPUT"'
                run_on: always
            """)
        let result = try await program.run("run", "pipeline.yaml", "--parallel", "1")
        #expect(result.exitCode == 1)
        let all = try await runs()
        let log = try await program.run("logs", try pipeline(all).info.runID, "use")
        #expect(log.output == "{x} $(touch hacked) \"q\" 's' ; rm -rf x")
        #expect(fileStatus(program.path.appending("hacked")) == nil)
        #expect(try node("large", all).data.tag("swiftflow.failure")?.contains("10000000 bytes") == true)
    }

    @Test func `X-12: secrets reach only the steps that ask, and no record`() async throws {
        try program.write(
            "pipeline.yaml",
            """
            name: secrets
            secrets: [TOKEN]
            steps:
              asks: {command: 'test "$TOKEN" = hunter2-secret', secrets: [TOKEN]}
            """)
        let result = try await program.run("run", "pipeline.yaml", variables: ["TOKEN": "hunter2-secret"])
        #expect(result.exitCode == 0, "\(result.messages)")
        for run in try await runs() {
            #expect(!run.data.tags.contains { $0.value.contains("hunter2") })
            #expect(!run.data.params.contains { $0.value.contains("hunter2") })
        }
        let missing = try await program.run("run", "pipeline.yaml")
        #expect(missing.exitCode != 0)
        #expect(missing.messages.contains("TOKEN"))
    }

    @Test func `T4 W-11 W-14: equal work is reused, changed work runs again with its reason`() async throws {
        try program.write("code.sh", "cat input.txt\n")
        try program.write("input.txt", "one\n")
        try program.write(
            "pipeline.yaml",
            """
            name: reuse
            cache: {code: ["*.sh", "input.txt"]}
            params: {n: 1}
            steps:
              first:
                command: 'sh code.sh > {out}'
                params: {out: "${{ outputs.text }}"}
                outputs: {text: text.txt}
              second:
                command: 'cat {text}; echo {n} > {out}'
                params: {text: "${{ steps.first.outputs.text }}", n: "${{ params.n }}", out: "${{ outputs.number }}"}
                outputs: {number: number.txt}
            """)
        func states(_ arguments: String...) async throws -> ([String: Bool], String) {
            let before = Set((try? await runs())?.map(\.info.runID) ?? [])
            let result = try await program.run(["run", "pipeline.yaml"] + arguments)
            #expect(result.exitCode == 0, "\(result.messages)")
            let new = try await runs().filter { !before.contains($0.info.runID) }
            var cached: [String: Bool] = [:]
            for run in new {
                if let id = run.data.tag("swiftflow.node") {
                    cached[id] = run.data.tag("swiftflow.cached_from") != nil
                }
            }
            return (cached, result.messages)
        }
        #expect(try await states().0 == ["first": false, "second": false])
        #expect(try await states().0 == ["first": true, "second": true])
        let changed = try await states("-P", "n=2")
        #expect(changed.0 == ["first": true, "second": false])
        #expect(changed.1.contains("n 1 → 2"), "\(changed.1)")
        // Other times with the same content are no other work.
        try program.write("input.txt", "one\n")
        #expect(try await states("-P", "n=2").0 == ["first": true, "second": true])
        // Other code with the same output stops there.
        try program.write("code.sh", "cat  input.txt\n")
        #expect(try await states("-P", "n=2").0["first"] == false)
        #expect(try await states("--force", "all").0 == ["first": false, "second": false])
        // A recorded output that was altered is not taken for the result.
        for run in try await runs() where run.data.tag("swiftflow.node") == "first" {
            let path = FilePath(run.info.artifactURI.replacing("file://", with: "")).appending("text.txt")
            if fileStatus(path) != nil { try Data("altered".utf8).write(to: URL(fileURLWithPath: path.string)) }
        }
        #expect(try await states().0["first"] == false)
    }

    @Test func `a plan asks the store: exit code 3 only when anything would run, and what git ignores is no code`()
        async throws
    {
        try program.write("work/.gitignore", "*.log\n")
        try program.write("work/input.txt", "one\n")
        try program.write(
            "work/pipeline.yaml",
            """
            name: asked
            cache: true
            steps:
              copy:
                command: 'cat input.txt > {out}'
                params: {out: "${{ outputs.text }}"}
                outputs: {text: text.txt}
            """)
        let git = try GitFixture()
        for arguments in [["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"]] {
            try await git.git(arguments, in: program.path.appending("work"))
        }
        func plan() async throws -> (Int32?, String) {
            let result = try await program.run("plan", "work/pipeline.yaml", "--check")
            return (result.exitCode, result.output)
        }
        #expect(try await plan().0 == 3)
        #expect(fileStatus(program.path.appending("mlflow.db")) == nil)
        #expect(try await program.run("run", "work/pipeline.yaml").exitCode == 0)
        let known = try await plan()
        #expect(known.0 == 0, "\(known.1)")
        #expect(known.1.contains("reuse  run "))
        try program.write("work/noise.log", "noise\n")
        #expect(try await plan().0 == 0)
        try program.write("work/input.txt", "two\n")
        let changed = try await plan()
        #expect(changed.0 == 3)
        #expect(changed.1.contains("code: input.txt changed\n"), "\(changed.1)")
    }

    @Test func `W-12: two runners never have one pipeline; a cancelled one can be resumed`() async throws {
        try program.write(
            "pipeline.yaml",
            """
            name: held
            steps:
              first: {command: "true"}
              hold: {command: "test -f go || sleep 1000; test -f go", needs: [first], grace: 1s}
            """)
        let running = try await program.start(["run", "pipeline.yaml"])
        try await running.waits(for: "hold")
        let id = try pipeline(try await runs()).info.runID
        let second = try await program.run("resume", id)
        #expect(second.exitCode == 1)
        #expect(second.messages.contains("is being run by process \(running.process.processID)"), "\(second.messages)")
        #expect(try await program.run("cancel", id).exitCode == 0)
        #expect(try await running.result().exitCode == 130)
        let all = try await runs()
        #expect(try pipeline(all).info.status == .killed)
        #expect(try node("hold", all).info.status == .killed)
        try program.write("go", "")
        let resumed = try await program.run("resume", id)
        #expect(resumed.exitCode == 0, "\(resumed.messages)")
        let after = try await runs()
        #expect(try pipeline(after).info.status == .finished)
        #expect(after.count { $0.data.tag("swiftflow.node") == "first" } == 1)
        #expect(try node("hold", after).data.tag("swiftflow.attempt") == "2")
    }

    @Test func `an interrupt ends the pipeline politely and its exit code says so`() async throws {
        try program.write("pipeline.yaml", "name: interrupted\nsteps:\n  hold: {command: sleep 1000, grace: 1s}\n")
        let running = try await program.start(["run", "pipeline.yaml"])
        try await running.waits(for: "hold")
        await running.process.signal(SIGINT)
        #expect(try await running.result().exitCode == 130)
        #expect(try await runs().allSatisfy { $0.info.status == .killed })
    }

    @Test func `the best cell is chosen, registered and found again`() async throws {
        let tool = try BuiltProducts.path("swiftflow").string
        try program.write(
            "pipeline.yaml",
            """
            name: choice
            steps:
              train:
                matrix: {k: [3, 1, 2]}
                command: '\(tool) log metric rmse {k} && echo model {k} > {out}'
                params: {out: "${{ outputs.model }}"}
                outputs: {model: model.txt}
                metrics: [rmse]
                select: {metric: rmse, goal: min}
              register:
                register: {model: "${{ steps.train.best.outputs.model }}", name: chosen, alias: champion}
              nothing:
                search: {filter: "metrics.rmse < 0"}
              found:
                needs: [train]
                search: {filter: "metrics.rmse > 0", order_by: metrics.rmse ASC}
              tell:
                command: 'echo best {best} found {found} fallback {fallback}'
                params:
                  best: ${{ steps.train.best.params.k }}
                  found: ${{ steps.found.best.metrics.rmse }}
                  fallback: ${{ steps.nothing.best.metrics.rmse ?? 7 }}
            """)
        let result = try await program.run("run", "pipeline.yaml")
        #expect(result.exitCode == 0, "\(result.messages)")
        let all = try await runs()
        let group = try #require(all.first { $0.data.tag("swiftflow.group") != nil })
        #expect(group.data.tag("swiftflow.best_run_id") == (try node("train[k=1]", all).info.runID))
        #expect(group.data.metric("rmse")?.value == 1)
        let log = try await program.run("logs", try pipeline(all).info.runID, "tell")
        #expect(log.output == "best 1 found 1.0 fallback 7\n")
        #expect(try node("register", all).data.tag("swiftflow.output.version") == "1")
        #expect(try await program.run("status").messages.contains("the last one was choice, FINISHED"))
        let kept = try await program.run("artifacts", "list", "runs:/\(try pipeline(all).info.runID)/pipeline")
        #expect(kept.exitCode == 0 && kept.output.contains("plan.json"), "\(kept)")
    }

    // MARK: W-09

    /// So many kills; `SWIFTFLOW_TEST_KILLS=100` for the whole proof.
    static let kills = environmentVariable("SWIFTFLOW_TEST_KILLS").flatMap { Int($0) } ?? 4

    @Test(.timeLimit(.minutes(60)))
    func `W-09 W-10 W-13: killed at any moment, a resume finishes what was begun and repeats nothing`() async throws {
        try program.write(
            "pipeline.yaml",
            """
            name: killed
            limits: {parallel: 4, cpu: 8}
            steps:
              start:
                command: 'echo start > {out}; sleep 0.05'
                params: {out: "${{ outputs.data }}"}
                outputs: {data: data.txt}
              cells:
                matrix: {i: "${{ range(12) }}"}
                command: 'cat {data} > {out}; sleep 0.05; echo {i} >> {out}'
                params: {data: "${{ steps.start.outputs.data }}", out: "${{ outputs.part }}"}
                outputs: {part: part.txt}
              flaky:
                needs: [start]
                retry: {times: 5, delay: 50ms}
                command: 'test "$SWIFTFLOW_ATTEMPT" -gt 1'
              join:
                command: 'cat {parts} > {out}'
                params: {parts: "${{ steps.cells.all.outputs.part }}", out: "${{ outputs.all }}"}
                outputs: {all: all.txt}
              last: {command: "true", needs: [join, flaky]}
            """)
        for round in 0..<Self.kills {
            let current = try await program.runKilled(after: "run ", within: 0...1500, pipeline)
            try await check(current, round)
        }
    }

    private func check(_ parent: RunInfo, _ round: Int) async throws {
        let all = try await runs()
        #expect(parent.status == .finished, "round \(round)")
        #expect(all.allSatisfy { $0.info.status != .running }, "round \(round)")
        let groups = Set(
            all.filter { $0.data.tag("mlflow.parentRunId") == parent.runID && $0.data.tag("swiftflow.group") != nil }
                .map(\.info.runID))
        let members = all.filter { run in
            guard let id = run.data.tag("mlflow.parentRunId"), run.data.tag("swiftflow.group") == nil else {
                return false
            }
            return id == parent.runID || groups.contains(id)
        }
        let nodes = Dictionary(grouping: members) { $0.data.tag("swiftflow.node") ?? "" }
        #expect(nodes.count == 16, "round \(round): \(nodes.keys.sorted())")
        for (id, attempts) in nodes {
            #expect(attempts.count { $0.info.status == .finished } == 1, "round \(round): \(id)")
            let numbers = attempts.compactMap { $0.data.tag("swiftflow.attempt") }
            #expect(Set(numbers).count == numbers.count, "round \(round): \(id) has an attempt twice")
            // Nothing is done again once it has succeeded.
            let success = attempts.first { $0.info.status == .finished }
            #expect(
                attempts.allSatisfy { $0.info.startTime <= success?.info.startTime ?? .max }, "round \(round): \(id)")
        }
        let join = try #require(nodes["join"]?.first { $0.info.status == .finished })
        let folder = FilePath(join.info.artifactURI.replacing("file://", with: ""))
        let text = String(decoding: try readFile(folder.appending("all.txt"), limit: 1 << 20), as: UTF8.self)
        #expect(text == (0..<12).map { "start\n\($0)\n" }.joined(), "round \(round)")
    }
}
