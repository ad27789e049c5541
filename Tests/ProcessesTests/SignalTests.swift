import Diagnostics
import Files
import Glibc
import Processes
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct SignalTests {
    @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
    func `X-01 X-03 the first signal stops gently, the second at once`(number: Int32) async throws {
        let runner = try Runner([
            "run", "--grace", "1000", "/bin/bash", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done",
        ])
        _ = try await runner.line("ready")
        runner.signal(number)
        _ = try await runner.line("signal \(number) 1")
        runner.signal(number)
        _ = try await runner.line("signal \(number) 2")
        #expect(try await runner.line("end ").hasPrefix("end signaled 9"))
        #expect(await runner.isGone())
    }

    @Test func `a signal that was ignored at the start stays ignored`() async throws {
        let runner = try Runner(
            ["run", "/bin/bash", "-c", "echo ready; sleep 0.3; exit 3"], through: ["nohup"])
        _ = try await runner.line("ready")
        runner.signal(SIGHUP)
        #expect(try await runner.line("end ").hasPrefix("end exited 3"))
        #expect(!runner.log.contains("signal 1"))
    }
}

@Suite(.timeLimit(.minutes(10))) struct DetachedProcessTests {
    @Test func `a detached process outlives its starter, in its own session, with a private log`() async throws {
        let folder = try TemporaryDirectory()
        let log = folder.path.appending("detached.log")
        let starter = try Runner([
            "detach", log.string, "/bin/bash", "-c",
            "read -r line < /proc/$$/stat; set -- $line; echo ids $$ $6; ls /proc/self/fd; echo error >&2; sleep 1000",
        ])
        let words = try await starter.line("started ").split(separator: " ")
        let process = try #require(Int32(words[1]))
        let identity = try #require(ProcessIdentity(String(words[2])))
        var text: String { String(decoding: (try? readFile(log, limit: 1 << 16)) ?? [], as: UTF8.self) }
        #expect(await eventually { text.contains("error") })
        #expect(text == "ids \(process) \(process)\n0\n1\n2\n3\nerror\n")
        #expect(try #require(fileStatus(log)).permissions & 0o777 == 0o600)
        #expect(await eventually { starter.reap() })
        #expect(identity.liveness == .running)
        kill(process, SIGKILL)
        #expect(await eventually { identity.liveness == .ended })
    }

    @Test func `what cannot be started is said at once`() throws {
        #expect(throws: ProcessError.self) {
            try startDetached("/no/such/program", arguments: [], environment: [:], workingDirectory: "/")
        }
        let error = #expect(throws: ProcessError.self) {
            try startDetached("/bin/true", arguments: [], environment: [:], workingDirectory: "/no/such/folder")
        }
        #expect(error?.description.contains("'/no/such/folder' does not exist") == true)
        #expect(throws: ProcessError.self) {
            try startDetached("/bin/true", arguments: [], environment: [:], workingDirectory: "/", log: "/no/such/log")
        }
    }
}

@Suite struct ProcessIdentityTests {
    @Test func `an identity survives being written down`() throws {
        let identity = ProcessIdentity.current
        #expect(identity.liveness == .running)
        #expect(ProcessIdentity(identity.description) == identity)
        var other = identity
        other.host = "a:strange:host"
        #expect(ProcessIdentity(other.description) == other)
    }

    @Test(arguments: [
        "", "host", "host:boot:1", "host:boot:x:2", "host:boot:1:x", ":boot:1:2", "host::1:2", "h:b:-1:2",
    ])
    func `damaged text is refused`(text: String) {
        #expect(ProcessIdentity(text) == nil)
    }

    @Test func `X-05 X-06 another boot, another start time, another host`() async throws {
        var identity = ProcessIdentity.current
        identity.startTime += 1
        #expect(identity.liveness == .ended)
        identity = .current
        identity.bootID = "00000000-0000-0000-0000-000000000000"
        #expect(identity.liveness == .ended)
        identity = .current
        identity.host += "x"
        #expect(identity.liveness == .elsewhere)
        let process = try startDetached("/bin/true", arguments: [], environment: [:], workingDirectory: "/")
        // Not even its zombie counts as running.
        #expect(await eventually { ProcessIdentity(processID: process).liveness == .ended })
        _ = waitpid(process, nil, 0)
    }
}
