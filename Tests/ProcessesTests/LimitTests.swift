import Files
import Glibc
import Processes
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct LimitTests {
    @Test func `X-14 sixty-four descriptors are enough for a few`() async throws {
        let runner = try Runner(["many", "8", "/bin/sleep", "0.2"], through: ["prlimit", "--nofile=64:64"])
        #expect(try await runner.line("ok ").hasPrefix("ok 8 "))
    }

    @Test func `X-14 too many for the descriptors is a clear error, and the others run`() async throws {
        let runner = try Runner(["many", "60", "/bin/sleep", "0.5"], through: ["prlimit", "--nofile=64:64"])
        let line = try await runner.line("ok ")
        let succeeded = try #require(Int(line.split(separator: " ")[1]))
        #expect(succeeded > 5)
        let errors = runner.log.split(separator: "\n").filter { $0.hasPrefix("error ") }
        #expect(errors.count == 60 - succeeded)
        #expect(errors.allSatisfy { $0.contains("open files") && $0.contains("ulimit -n") })
        #expect(await runner.isGone())
    }

    @Test func `X-14 the soft limit of descriptors is lifted when it is needed, and only for us`() async throws {
        let runner = try Runner(
            ["many", "60", "/bin/bash", "-c", "test $(ulimit -Sn) = 64 && sleep 0.5"],
            through: ["prlimit", "--nofile=64:4096"])
        #expect(try await runner.line("ok ").hasPrefix("ok 60 "))
    }

    @Test(.enabled(if: geteuid() == 0, "only root can become another user"))
    func `X-14 the limit of processes is a clear error`() async throws {
        // A user of this test alone, since the limit counts all processes of a user; the programs must be readable for it.
        let folder = try TemporaryDirectory(in: "/tmp")
        try #require(unsafe chmod(folder.path.string, 0o755) == 0)
        for name in ["RunnerFixture", "swiftflow-keeper"] {
            let copy = try await Keeper.shared.runTool(
                "/bin/cp", [try BuiltProducts.path(name).string, folder.path.string], environment: [:],
                workingDirectory: "/")
            try #require(copy.end.isSuccess)
        }
        let user = String(200_000 + getpid() % 100_000)
        let trial = Trial()
        let end = try await Keeper.shared.start(
            trial.specification(
                "/usr/bin/setpriv",
                [
                    "--reuid", user, "--clear-groups", "prlimit", "--nproc=12:12",
                    folder.path.appending("RunnerFixture").string, "many", "40", "/bin/sleep", "3",
                ])
        ).wait()
        let text = trial.collected.text(.standardError)
        #expect(end.supervisionFailure == nil)
        #expect(text.contains("the limit of processes is reached"), "\(text)")
        #expect(trial.mark.processes.isEmpty)
    }

    @Test func `X-14 a deleted current folder does no harm`() async throws {
        let runner = try Runner(
            ["run", "/bin/pwd"],
            through: [
                "bash", "-c", "d=$(mktemp -d) && cd $d && rmdir $d && exec \"$@\"", "bash",
            ])
        #expect(try await runner.line("end ").hasPrefix("end exited 0"))
        #expect(try await runner.line("/") == "/")
    }

    @Test func `a thousand processes, a hundred at a time`() async throws {
        let runner = try Runner(["many", "1000", "/bin/true"])
        #expect(try await runner.line("ok ", within: .seconds(200)).hasPrefix("ok 1000 "))
    }
}
