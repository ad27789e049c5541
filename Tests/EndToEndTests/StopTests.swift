import Files
import Glibc
import Processes
import SQLiteStore
import SystemPackage
import TestSupport
import Testing
import Tracking

/// What is left when a run is stopped, or its runner dies: no process, no lie.
@Suite(.timeLimit(.minutes(10))) struct StopTests {
    let program: SwiftflowProgram
    let mark = ProcessMark()

    init() throws {
        program = try SwiftflowProgram(variables: [mark.name: mark.value])
        // Children that leave the session, ignore TERM and outlive their parent.
        try program.write(
            "project/MLproject",
            """
            entry_points:
              main:
                command: "setsid sleep 300 & (trap '' TERM; sleep 301) & echo started; wait"
              quick:
                command: "true"
            """)
    }

    private func started(_ arguments: String...) async throws -> SwiftflowProgram.Running {
        let running = try await program.start(["run", "project", "--grace", "1"] + arguments)
        try await running.waits(for: "started")
        return running
    }

    private func status(_ entryPoint: String = "main") async throws -> Run {
        let store = try await SQLiteStore.open(
            program.path.appending("mlflow.db"), options: SQLiteStore.Options(workingDirectory: program.path))
        let page = try await store.searchRuns(
            RunSearch(experimentIDs: ["0"], filter: "tags.mlflow.project.entryPoint = '\(entryPoint)'"))
        await store.close()
        return try #require(page.elements.first)
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
    func `X-01 X-03 a signal stops the whole tree and the run is KILLED`(signal: Int32) async throws {
        let running = try await started()
        _ = kill(running.process.processID, signal)
        let result = try await running.result()
        #expect(result.exitCode == 128 + signal)
        #expect(await eventually { mark.processes.isEmpty })
        let run = try await status()
        #expect(run.info.status == .killed)
        #expect(run.info.endTime != nil)
        #expect(run.data.tag("swiftflow.failure")?.contains("stopped") == true)
    }

    @Test func `X-01 the second Ctrl-C does not wait for the grace`() async throws {
        let running = try await program.start(["run", "project", "--grace", "3600"])
        try await running.waits(for: "started")
        _ = kill(running.process.processID, SIGINT)
        try await running.waits(for: "stopping the run")
        _ = kill(running.process.processID, SIGINT)
        #expect(try await running.result().exitCode == 130)
        #expect(await eventually { mark.processes.isEmpty })
        #expect(try await status().info.status == .killed)
    }

    @Test func `X-06 after kill -9 of the runner nothing is left, and the next start says what happened`() async throws
    {
        let running = try await started()
        _ = kill(running.process.processID, SIGKILL)
        _ = try await running.result()
        #expect(await eventually { mark.processes.isEmpty })
        #expect(try await status().info.status == .running)

        let next = try await program.run("run", "project", "-e", "quick")
        #expect(next.exitCode == 0)
        #expect(next.messages.contains("left RUNNING by a runner that died"))
        let run = try await status()
        #expect(run.info.status == .failed)
        #expect(run.data.tag("swiftflow.failure")?.contains("died") == true)
    }

    @Test func `X-05 kill -9 of the keeper ends the tree and the run is not FINISHED`() async throws {
        let running = try await started()
        let keeper = try #require(
            processIDs().first { parentProcess(of: $0) == running.process.processID && isKeeper($0) })
        _ = kill(keeper, SIGKILL)
        let result = try await running.result()
        #expect(result.exitCode == 1)
        #expect(await eventually { mark.processes.isEmpty })
        #expect(try await status().info.status == .failed)
    }

    @Test func `kill -9 at random moments never leaves a process or a RUNNING run behind`() async throws {
        for turn in 0..<12 {
            let running = try await program.start(["run", "project", "--grace", "1"])
            try await Task.sleep(for: .milliseconds(turn * 7))
            _ = kill(running.process.processID, SIGKILL)
            _ = try await running.result()
            #expect(await eventually { mark.processes.isEmpty })
        }
        #expect(try await program.run("run", "project", "-e", "quick").exitCode == 0)
        let store = try await SQLiteStore.open(
            program.path.appending("mlflow.db"), options: SQLiteStore.Options(workingDirectory: program.path))
        let left = try await store.searchRuns(
            RunSearch(experimentIDs: ["0"], filter: "attributes.status = 'RUNNING'"))
        await store.close()
        #expect(left.elements.isEmpty)
    }

    @Test func `a detached run outlives its terminal, can be followed and cancelled`() async throws {
        let result = try await program.run("run", "project", "--detach", "--grace", "1")
        #expect(result.exitCode == 0)
        let id = result.output.split(separator: "\n").first.map(String.init) ?? ""
        #expect(isRunID(id))
        #expect(await eventually { (try? program.read("mlruns/0/\(id)/artifacts/logs/output.log")) == "started\n" })
        #expect(try await status().info.status == .running)

        #expect(try await program.run("runs", "cancel", id).exitCode == 0)
        #expect(await eventually { mark.processes.isEmpty })
        #expect(try await status().info.status == .killed)
        #expect(try await program.run("runs", "logs", id).output == "started\n")
    }

    @Test func `a detached run that cannot start says so at the terminal`() async throws {
        let result = try await program.run("run", "project", "--detach", "-e", "mian")
        #expect(result.exitCode == 1)
        #expect(result.messages.contains("did you mean 'main'?"))
    }

    private func isKeeper(_ process: Int32) -> Bool {
        let name = try? readFile(FilePath("/proc/\(process)/comm"), limit: 100)
        return name.map { String(decoding: $0, as: UTF8.self).hasPrefix("swiftflow-keep") } ?? false
    }
}
