import Glibc
import Processes
import SystemPackage
import TestSupport
import Testing

/// What remains when one of the watchers is killed: nothing, and nobody waits for ever.
@Suite(.timeLimit(.minutes(10))) struct KillTests {
    private let tree = ["run", "/bin/bash", "-c", stubbornTree + "\nsleep 1000; sleep 1000"]

    private func startedRunner() async throws -> (Runner, process: Int32, keeper: Int32, supervisor: Int32) {
        let runner = try Runner(tree)
        let (process, keeper) = try await runner.started()
        let supervisor = try #require(parentProcess(of: process))
        try #require(parentProcess(of: supervisor) == keeper)
        #expect(await eventually { runner.mark.processes.count >= 10 })
        return (runner, process, keeper, supervisor)
    }

    private func isDead(_ process: Int32) async -> Bool {
        await eventually { processStartTime(process) == nil }
    }

    @Test func `X-06 the tree ends when the runner is killed`() async throws {
        let (runner, _, keeper, supervisor) = try await startedRunner()
        runner.signal(SIGKILL)
        #expect(await runner.isGone())
        #expect(await isDead(supervisor))
        #expect(await isDead(keeper))
    }

    @Test func `the tree ends when the keeper is killed, and the runner says so`() async throws {
        let (runner, _, keeper, supervisor) = try await startedRunner()
        kill(keeper, SIGKILL)
        #expect(try await runner.line("end ").contains("failure=its keeper was killed"))
        #expect(await runner.isGone())
        #expect(await isDead(supervisor))
    }

    @Test func `the tree ends when its supervisor is killed, and the runner says so`() async throws {
        let (runner, _, keeper, supervisor) = try await startedRunner()
        kill(supervisor, SIGKILL)
        let end = try await runner.line("end ")
        #expect(end.hasPrefix("end signaled 9 left=false failure=its supervisor was killed, which ended it"))
        #expect(await runner.isGone())
        #expect(await isDead(keeper))
    }

    @Test func `the tree ends when its first process is killed`() async throws {
        let (runner, process, keeper, supervisor) = try await startedRunner()
        kill(process, SIGKILL)
        #expect(try await runner.line("end ").hasPrefix("end signaled 9 left=true failure=none"))
        #expect(await runner.isGone())
        #expect(await isDead(supervisor))
        #expect(await isDead(keeper))
    }

    @Test func `the tree ends when runner and keeper are killed together`() async throws {
        let (runner, _, keeper, supervisor) = try await startedRunner()
        runner.signal(SIGSTOP)
        kill(keeper, SIGKILL)
        runner.signal(SIGKILL)
        #expect(await runner.isGone())
        #expect(await isDead(supervisor))
    }

    @Test func `the first process ends even when all three watchers are killed at once`() async throws {
        let runner = try Runner(["run", "/bin/sleep", "1000"])
        let (process, keeper) = try await runner.started()
        let supervisor = try #require(parentProcess(of: process))
        for watcher in [runner.processID, keeper, supervisor] { kill(watcher, SIGSTOP) }
        for watcher in [runner.processID, keeper, supervisor] { kill(watcher, SIGKILL) }
        #expect(await runner.isGone())
    }

    @Test(arguments: [0, 1, 3, 10, 30]) func `X-06 a runner killed while it starts processes leaves none`(
        milliseconds: Int
    ) async throws {
        let runner = try Runner(["many", "40", "/bin/bash", "-c", "setsid sleep 1000 & sleep 1000"])
        #expect(await eventually { runner.mark.processes.count > 1 })
        try await Task.sleep(for: .milliseconds(milliseconds))
        runner.signal(SIGKILL)
        #expect(await runner.isGone())
    }

    @Test func `a keeper killed while it starts processes: every start is answered`() async throws {
        let mark = ProcessMark()
        let keeper = try Keeper.launch()
        let first = try #require(keeper.processID)
        let answers = await withTaskGroup(of: Void.self) { group in
            for number in 0..<60 {
                group.addTask {
                    if number == 30 { kill(first, SIGKILL) }
                    // Refused, ended by the keeper's death, or started by the next keeper; but never silent.
                    let process = try? await keeper.start(
                        ProcessSpecification(
                            executable: "/bin/sleep", arguments: ["0.3"], environment: mark.environment,
                            workingDirectory: "/", output: .discarded))
                    _ = await process?.wait()
                }
            }
            return await group.reduce(into: 0) { count, _ in count += 1 }
        }
        #expect(answers == 60)
        #expect(await eventually { mark.processes.isEmpty })
    }

    @Test func `a killed keeper is replaced at the next start`() async throws {
        let trial = Trial()
        let keeper = try Keeper.launch()
        let process = try await keeper.start(trial.script("echo ready; sleep 1000"))
        #expect(await trial.hasWritten("ready"))
        let first = try #require(keeper.processID)
        kill(first, SIGKILL)
        let end = await process.wait()
        #expect(end.supervisionFailure == "its keeper was killed, which ended it")
        #expect(!end.isSuccess)
        #expect(await eventually { keeper.processID == nil })
        #expect(try await keeper.start(trial.script("true")).wait().isSuccess)
        #expect(keeper.processID != first)
    }

    @Test func `the keeper ignores every other signal`() async throws {
        let trial = Trial()
        let keeper = try Keeper.launch()
        let process = try await keeper.start(
            trial.script("trap 'exit 3' USR1; echo ready; while :; do sleep 0.05; done"))
        #expect(await trial.hasWritten("ready"))
        let supervisor = try #require(parentProcess(of: process.processID))
        for number in [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD, SIGPIPE, SIGALRM] {
            kill(try #require(keeper.processID), number)
            kill(supervisor, number)
        }
        await process.signal(SIGUSR1)
        #expect(await process.wait().termination == .exited(code: 3))
    }

    @Test func `a keeper whose owner lets go ends, after its last process`() async throws {
        let trial = Trial()
        var keeper: Keeper? = try Keeper.launch()
        let process = try await #require(keeper).start(trial.script("echo ready; sleep 0.3; exit 3"))
        let number = try #require(keeper?.processID)
        keeper = nil
        #expect(await process.wait().termination == .exited(code: 3))
        #expect(await isDead(number))
    }

    @Test func `X-16 a stop of everybody for a while breaks nothing`() async throws {
        let runner = try Runner([
            "run", "/bin/bash", "-c", "trap 'exit 0' USR1; while :; do echo $((i++)); sleep 0.02; done",
        ])
        let (process, keeper) = try await runner.started()
        let all = [runner.processID, keeper, try #require(parentProcess(of: process)), process]
        for number in all { kill(number, SIGSTOP) }
        try await Task.sleep(for: .milliseconds(300))
        for number in all.reversed() { kill(number, SIGCONT) }
        let last = runner.log
        #expect(await eventually { runner.log.utf8.count > last.utf8.count })
        kill(process, SIGUSR1)
        #expect(try await runner.line("end ").hasPrefix("end exited 0 left=false failure=none"))
    }
}
