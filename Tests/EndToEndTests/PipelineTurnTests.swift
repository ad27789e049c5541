import Files
import Foundation
import Glibc
import Processes
import SystemPackage
import TestSupport
import Testing
import Tracking

/// Runs of one pipeline beside and after each other: `concurrency`, `resume --from`, the offer to resume, secrets from a file.
@Suite(.timeLimit(.minutes(10))) struct `Runs of one pipeline` {
    let program: SwiftflowProgram

    init() throws {
        program = try SwiftflowProgram()
    }

    private func runs() async throws -> [Run] { try await program.recordedRuns() }

    private func pipelines() async throws -> [Run] {
        try await runs().filter { $0.data.tag("swiftflow.pipeline") != nil }
    }

    /// A pipeline that holds on until there is a file `go`, and notes when it begins and ends.
    private func writeHolding(_ concurrency: String) throws {
        try program.write(
            "pipeline.yaml",
            """
            name: held
            concurrency: \(concurrency)
            steps:
              hold:
                command: 'echo begin >> seen; until test -f go; do sleep 0.05; done; echo end >> seen'
                grace: 1s
            """)
    }

    @Test func `concurrency queue: one waits for the other, and they never run at once`() async throws {
        try writeHolding("queue")
        let first = try await program.start(["run", "pipeline.yaml"])
        try await first.waits(for: "▶ hold")
        let second = try await program.start(["run", "pipeline.yaml"])
        try await second.waits(for: "waits for run")
        let waiting = try #require(try await pipelines().last)
        #expect(waiting.info.status == .scheduled || waiting.data.tag("swiftflow.turn") == "queue")
        #expect(try await program.run("status").output.contains("waiting"))
        #expect(!second.seen.contains("▶ hold"))
        try program.write("go", "")
        #expect(try await first.result().exitCode == 0)
        #expect(try await second.result().exitCode == 0)
        #expect(try program.read("seen") == "begin\nend\nbegin\nend\n")
        let ended = try await pipelines()
        #expect(ended.allSatisfy { $0.info.status == .finished && $0.data.tag("swiftflow.turn") == nil })
    }

    @Test func `one that waits in the queue can be cancelled`() async throws {
        try writeHolding("queue")
        let first = try await program.start(["run", "pipeline.yaml"])
        try await first.waits(for: "▶ hold")
        let second = try await program.start(["run", "pipeline.yaml"])
        try await second.waits(for: "waits for run")
        await second.process.signal(SIGINT)
        #expect(try await second.result().exitCode == 130)
        #expect(try await pipelines().last?.info.status == .killed)
        try program.write("go", "")
        #expect(try await first.result().exitCode == 0)
        #expect(try program.read("seen") == "begin\nend\n")
    }

    @Test func `P080: concurrency skip refuses a second one and leaves no run of it`() async throws {
        try writeHolding("skip")
        let first = try await program.start(["run", "pipeline.yaml"])
        try await first.waits(for: "▶ hold")
        let second = try await program.run("run", "pipeline.yaml")
        #expect(second.exitCode == 1)
        #expect(second.messages.contains("another run of the pipeline 'held' is active"), "\(second.messages)")
        #expect(try await pipelines().count == 1)
        try program.write("go", "")
        #expect(try await first.result().exitCode == 0)
        #expect(try await program.run("run", "pipeline.yaml").exitCode == 0)
    }

    @Test func `concurrency replace ends the one that is active, then begins`() async throws {
        try writeHolding("replace")
        let first = try await program.start(["run", "pipeline.yaml"])
        try await first.waits(for: "▶ hold")
        let second = try await program.start(["run", "pipeline.yaml"])
        #expect(try await first.result().exitCode == 130)
        try await second.waits(for: "▶ hold")
        try program.write("go", "")
        #expect(try await second.result().exitCode == 0)
        #expect(try program.read("seen") == "begin\nbegin\nend\n")
        #expect(try await pipelines().map(\.info.status) == [.killed, .finished])
    }

    @Test func `of several that come at once, one goes at a time`() async throws {
        try program.write(
            "pipeline.yaml",
            """
            name: crowd
            concurrency: queue
            steps: {s: {command: 'mkdir alone && sleep 0.1 && rmdir alone'}}
            """)
        try await withThrowingTaskGroup { group in
            for _ in 0..<4 {
                group.addTask { [program] in
                    let result = try await program.run("run", "pipeline.yaml")
                    #expect(result.exitCode == 0, "\(result.messages)")
                }
            }
            try await group.waitForAll()
        }
        #expect(try await pipelines().count { $0.info.status == .finished } == 4)
    }

    // MARK: Resuming

    @Test func `resume --from does a step and what follows from it again, also of a pipeline that has succeeded`()
        async throws
    {
        try program.write(
            "pipeline.yaml",
            """
            name: again
            cache: true
            steps:
              a: {command: 'echo a >> seen; echo v=1 >> "$SWIFTFLOW_OUTPUT"', outputs: {v: $SWIFTFLOW_OUTPUT}}
              b:
                matrix: {i: [1, 2]}
                command: 'echo b >> seen; cat number > {out}'
                params: {v: "${{ steps.a.outputs.v }}", out: "${{ outputs.o }}"}
                outputs: {o: o.txt}
              c: {command: 'cat {o} >> seen', params: {o: "${{ steps.b.all.outputs.o }}"}, cache: false}
              d: {command: 'echo d >> seen'}
            """)
        try program.write("number", "1\n")
        #expect(try await program.run("run", "pipeline.yaml", "--parallel", "1").exitCode == 0)
        let id = try #require(try await pipelines().first).info.runID
        #expect(try await program.run("resume", id).messages.contains("has succeeded"))
        let unknown = try await program.run("resume", id, "--from", "bb")
        #expect(unknown.exitCode != 0)
        #expect(unknown.messages.contains("--from: step 'bb' does not exist") && unknown.messages.contains("'b'"))
        try program.write("number", "2\n")
        try program.write("seen", "")
        let result = try await program.run("resume", id, "--from", "b")
        #expect(result.exitCode == 0, "\(result.messages)")
        // Neither what comes before nor what stands beside is done again.
        #expect(try program.read("seen") == "b\nb\n2\n2\n")
        let after = try await runs()
        #expect(after.filter { $0.data.tag("swiftflow.node") == "c" }.count == 2)
        #expect(after.filter { $0.data.tag("swiftflow.node") == "a" }.count == 1)
        #expect(after.allSatisfy { $0.info.status == .finished })
        #expect(try await pipelines().count == 1)
        // What was done again stands; nothing is left to be done.
        #expect(try await program.run("status", id).output.contains("succeeded"))
    }

    @Test func `an interrupted run is told where nobody can be asked, and never gone on with unasked`() async throws {
        try writeHolding("allow")
        let first = try await program.start(["run", "pipeline.yaml"])
        try await first.waits(for: "▶ hold")
        kill(first.process.processID, SIGKILL)
        _ = try await first.result()
        let id = try #require(try await pipelines().first).info.runID
        try program.write("go", "")
        let second = try await program.run("run", "pipeline.yaml")
        #expect(second.exitCode == 0)
        #expect(second.messages.contains("was interrupted; to go on with it: swiftflow resume \(id.prefix(8))"))
        #expect(try await pipelines().map(\.info.runID).contains(id))
        #expect(try await pipelines().count == 2)
        #expect(try await program.run("resume", id).exitCode == 0)
        let third = try await program.run("run", "pipeline.yaml")
        #expect(!third.messages.contains("was interrupted"))
    }

    @Test(arguments: [("y", 1), ("n", 2)])
    func `on a terminal one is asked whether to go on with an interrupted run`(answer: String, count: Int) async throws
    {
        try writeHolding("allow")
        let first = try await program.start(["run", "pipeline.yaml"])
        try await first.waits(for: "▶ hold")
        kill(first.process.processID, SIGKILL)
        _ = try await first.result()
        try program.write("go", "")
        let starter = try Keeper.launch()
        // `script` gives what it starts a terminal of its own.
        let tool = try BuiltProducts.path("swiftflow").string
        let process = try await starter.start(
            ProcessSpecification(
                executable: "/bin/bash",
                arguments: [
                    "-c",
                    "printf '\(answer)\\n' | script -qec '\(tool) run pipeline.yaml --progress plain' /dev/null > said",
                ], environment: program.environment, workingDirectory: program.path,
                output: OutputHandling { _, _ in }))
        #expect(await process.wait().termination == .exited(code: 0))
        let said = try program.read("said")
        #expect(said.contains("go on with it instead of a new one? [y/N]"), "\(said)")
        let all = try await pipelines()
        #expect(all.count == count, "\(said)")
        #expect(all.last?.info.status == .finished)
    }

    // MARK: Secrets

    @Test func `X-12: secrets of a file reach the steps that ask, also in nested pipelines, and no record`()
        async throws
    {
        try program.write("secrets.env", "# tokens\nTOKEN='hunter2-secret'\nOTHER=hunter2-other\n")
        try program.write(
            "inner.yaml",
            """
            secrets: [OTHER]
            steps:
              nested: {command: 'test "$OTHER" = hunter2-other && test -z "$TOKEN"', secrets: [OTHER]}
            """)
        try program.write(
            "pipeline.yaml",
            """
            name: secrets
            secrets: [TOKEN]
            steps:
              asks: {command: 'test "$TOKEN" = hunter2-secret', secrets: [TOKEN]}
              silent: {command: 'test -z "$TOKEN$OTHER"'}
              inner: {pipeline: inner.yaml}
            """)
        let result = try await program.run("run", "pipeline.yaml", "--secrets-file", "secrets.env")
        #expect(result.exitCode == 0, "\(result.messages)")
        for run in try await runs() {
            #expect(!run.data.tags.contains { $0.value.contains("hunter2") })
            #expect(!run.data.params.contains { $0.value.contains("hunter2") })
        }
        let secrets = program.path.appending("secrets.env").string
        for (mode, isOpen) in [(mode_t(0o640), true), (0o604, true), (0o600, false)] {
            let changed = unsafe chmod(secrets, mode)
            #expect(changed == 0)
            let said = try await program.run("run", "pipeline.yaml", "--secrets-file", "secrets.env").messages
            #expect(said.contains("other users of this machine can read 'secrets.env'") == isOpen, "\(said)")
        }
        let missing = try await program.run("run", "pipeline.yaml", "--secrets-file", "nowhere.env")
        #expect(missing.exitCode == 2)
        #expect(missing.messages.contains("--secrets-file"))
        let without = try await program.run("run", "pipeline.yaml")
        #expect(without.messages.contains("the secret 'TOKEN' has no value"))
    }
}
