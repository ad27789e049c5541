import Glibc
import Processes
import SystemPackage
import TestSupport
import Testing

/// A tree that does all it can to survive: other sessions, double forks, ignored signals, a deep chain.
let stubbornTree = """
    trap '' TERM HUP INT
    (setsid bash -c 'trap "" TERM; sleep 1000; sleep 1000' &)
    (setsid setsid bash -c 'trap "" TERM; (setsid sleep 1001 &); sleep 1000; sleep 1000' > /dev/null 2>&1 &)
    bash -c 'bash -c "bash -c \\"trap : TERM; sleep 1000; sleep 1000; sleep 1000\\"; true"; true' &
    nohup sleep 1000 > /dev/null 2>&1 &
    """

@Suite(.timeLimit(.minutes(10))) struct TreeTests {
    let trial = Trial()

    @Test func `X-05 stopping ends a tree of sessions, double forks and ignored signals`() async throws {
        let bystander = Trial()
        let other = try await Keeper.shared.start(bystander.script("echo here; sleep 1000"))
        let process = try await Keeper.shared.start(trial.script(stubbornTree + "\necho ready; sleep 1000; sleep 1000"))
        #expect(await trial.hasWritten("ready"))
        #expect(await eventually { trial.mark.processes.count >= 9 })
        await process.stop(grace: .milliseconds(300))
        let end = await process.wait()
        #expect(end.termination == .signaled(signal: SIGKILL))
        #expect(end.supervisionFailure == nil)
        #expect(trial.mark.processes.isEmpty)
        // Another job of the same keeper is not touched.
        #expect(!bystander.mark.processes.isEmpty)
        await other.stop(grace: .seconds(200))
        #expect(await other.wait().termination == .signaled(signal: SIGTERM))
    }

    @Test func `X-05 a leader that ends leaves nobody`() async throws {
        let runner = try Runner(["run", "/bin/bash", "-c", stubbornTree + "\nexit 5"])
        #expect(try await runner.line("end ").hasPrefix("end exited 5 left=true failure=none"))
        // Not the thousand seconds of those that were left.
        #expect(try await runner.timeAfterProgram() < .seconds(100))
        #expect(await runner.isGone())
    }

    @Test(arguments: ["", "os.setsid()"])
    func `X-05 a chain that forks for ever is caught`(between: String) async throws {
        let program = """
            import os, signal, sys, time
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            if os.fork(): sys.exit(0)
            while True:
                if os.fork(): os._exit(0)
                \(between)
            """
        let process = try await Keeper.shared.start(trial.specification("/usr/bin/env", ["python3", "-c", program]))
        let end = await process.wait()
        #expect(end.termination == .exited(code: 0) && end.leftDescendants && end.supervisionFailure == nil)
        #expect(trial.mark.processes.isEmpty)
    }

    @Test func `R6 a process that cleans up has its grace`() async throws {
        let process = try await Keeper.shared.start(
            trial.script("trap 'sleep 0.3; echo saved; exit 7' TERM; echo ready; while :; do sleep 0.05; done"))
        #expect(await trial.hasWritten("ready"))
        await process.stop(grace: .seconds(200))
        #expect(await process.wait().termination == .exited(code: 7))
        #expect(trial.collected.text() == "ready\nsaved\n")
    }

    @Test func `R6 the children of a leader that dies at once have the grace too`() async throws {
        let process = try await Keeper.shared.start(
            trial.script("(trap 'sleep 1; echo saved; exit' TERM; echo ready; while :; do sleep 0.05; done); true"))
        #expect(await trial.hasWritten("ready"))
        await process.stop(grace: .seconds(200))
        #expect(await process.wait().termination == .signaled(signal: SIGTERM))
        #expect(trial.collected.text().hasSuffix("saved\n"))
    }

    @Test func `R6 a second stop shortens the grace`() async throws {
        let process = try await Keeper.shared.start(
            trial.script("trap '' TERM; echo ready; while :; do sleep 0.05; done"))
        #expect(await trial.hasWritten("ready"))
        await process.stop(grace: .seconds(1_000))
        await process.stop(grace: .zero)
        #expect(await process.wait().termination == .signaled(signal: SIGKILL))
    }

    @Test func `R6 a stopped process hears TERM as well`() async throws {
        let process = try await Keeper.shared.start(
            trial.script("trap 'echo saved; exit 7' TERM; echo ready; kill -STOP $$; while :; do sleep 0.05; done"))
        #expect(await trial.hasWritten("ready"))
        await process.stop(grace: .seconds(200))
        #expect(await process.wait().termination == .exited(code: 7))
    }

    @Test func `signals reach the whole group`() async throws {
        let process = try await Keeper.shared.start(
            trial.script(
                """
                bash -c 'trap "echo child; exit" USR1; echo ready; while :; do sleep 0.05; done' &
                trap 'wait; echo parent; exit 4' USR1; wait
                """))
        #expect(await trial.hasWritten("ready"))
        await process.signal(SIGUSR1)
        #expect(await process.wait().termination == .exited(code: 4))
        #expect(trial.collected.text() == "ready\nchild\nparent\n")
    }

    @Test func `stopping and waiting again after the end is harmless`() async throws {
        let process = try await Keeper.shared.start(trial.script("exit 2"))
        let end = await process.wait()
        await process.stop(grace: .zero)
        await process.signal(SIGKILL)
        #expect(await process.wait() == end)
    }

    @Test func `a cancelled tool is stopped with its tree`() async throws {
        let mark = ProcessMark()
        let tool = Task {
            try await Keeper.shared.runTool(
                "/bin/bash", ["-c", "setsid sleep 1000 & sleep 1000"], environment: mark.environment,
                workingDirectory: "/")
        }
        #expect(await eventually { mark.processes.count >= 2 })
        tool.cancel()
        await #expect(throws: CancellationError.self) { try await tool.value }
        #expect(mark.processes.isEmpty)
    }
}
