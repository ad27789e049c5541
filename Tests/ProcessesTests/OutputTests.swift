import Files
import Glibc
import Processes
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct OutputTests {
    let trial = Trial()

    @Test func `X-08 binary output arrives byte for byte`() async throws {
        let folder = try TemporaryDirectory()
        let file = folder.path.appending("data")
        #expect(try await trial.run("head -c 8000000 /dev/urandom | tee \(file)").isSuccess)
        let bytes = try readFile(file, limit: 8_000_000)
        #expect(bytes.count == 8_000_000 && trial.collected.bytes() == bytes)
    }

    @Test func `X-08 each of two interleaved streams stays in order`() async throws {
        _ = try await trial.run("for i in {1..20000}; do echo o$i; echo e$i >&2; done")
        #expect(trial.collected.text() == (1...20_000).map { "o\($0)\n" }.joined())
        #expect(trial.collected.text(.standardError) == (1...20_000).map { "e\($0)\n" }.joined())
    }

    @Test(arguments: [
        ("head -c 1073741824 /dev/zero", 1_073_741_824, 0),
        ("head -c 200000000 /dev/zero | tr '\\0' x", 200_000_000, 0),
        ("head -c 300000000 /dev/zero & head -c 200000000 /dev/zero >&2; wait", 300_000_000, 200_000_000),
    ])
    func `X-08 huge output takes little memory`(command: String, output: Int, error: Int) async throws {
        let runner = try Runner(["count", "/bin/bash", "-c", command])
        let report = try await runner.line("end ", within: .seconds(400))
        #expect(report.contains("exited 0") && report.contains(" output=\(output) error=\(error) "))
        let memory = try #require(report.split(separator: " ").first { $0.hasPrefix("memory=") })
        // In KiB. The specification's limit for the whole runner.
        #expect(try #require(Int(memory.dropFirst(7))) < 100 << 10)
    }

    @Test func `a slow receiver slows the process and loses nothing`() async throws {
        let total = Mutex(0)
        let specification = ProcessSpecification(
            executable: "/usr/bin/head", arguments: ["-c", "3000000", "/dev/zero"], environment: [:],
            workingDirectory: "/",
            output: OutputHandling { _, bytes in
                usleep(1_000)
                total.withLock { $0 += bytes.byteCount }
            })
        #expect(try await Keeper.shared.start(specification).wait().isSuccess)
        #expect(total.withLock { $0 } == 3_000_000)
    }

    @Test func `a blocked receiver holds up no other process`() async throws {
        // Ten receivers wait for one gate; an eleventh process must run through meanwhile.
        let gate = Gate()
        var blocked: [any RunningProcess] = []
        for _ in 0..<10 {
            blocked.append(
                try await Keeper.shared.start(
                    ProcessSpecification(
                        executable: "/bin/echo", arguments: ["x"], environment: [:], workingDirectory: "/",
                        output: OutputHandling { _, _ in gate.wait() })))
        }
        #expect(try await trial.run("seq 100000").isSuccess)
        #expect(trial.collected.bytes().count == 588_895)
        gate.open()
        for process in blocked { #expect(await process.wait().isSuccess) }
    }

    @Test func `X-10 a background child that holds the pipe does not hold the run`() async throws {
        let runner = try Runner(["run", "/bin/bash", "-c", "sleep 1000 & echo done"])
        #expect(try await runner.line("end ").hasPrefix("end exited 0 left=true failure=none"))
        // Not the thousand seconds of the child.
        #expect(try await runner.timeAfterProgram() < .seconds(100))
        #expect(try await runner.line("done") == "done")
        #expect(await runner.isGone())
    }

    @Test func `a helper that ends by itself soon is not disturbed`() async throws {
        // It has half a second. On a busy machine it may need more now and then, but not always.
        for _ in 0..<20 {
            let trial = Trial()
            let end = try await trial.run("exec > >(sleep 0.1; cat); echo late")
            #expect(end.isSuccess)
            if end.leftDescendants { continue }
            #expect(trial.collected.text() == "late\n")
            return
        }
        Issue.record("disturbed each time")
    }

    @Test func `X-10 a pipe held by a stranger is let go after a while, with what it contained`() async throws {
        let runner = try Runner([
            "run", "/bin/bash", "-c", "trap 'echo after; exit' USR1; echo before; while :; do sleep 0.05; done",
        ])
        let process = try await runner.started().process
        let holder = try FileDescriptor.open(FilePath("/proc/\(process)/fd/1"), .writeOnly)
        _ = try await runner.line("before")
        kill(process, SIGUSR1)
        #expect(try await runner.line("end ").hasPrefix("end exited 0 left=false failure=none"))
        #expect(try await runner.timeAfterProgram() < .seconds(100))
        #expect(try await runner.line("after") == "after")
        try holder.close()
    }
}

/// Something to wait at, on a thread where waiting is allowed.
private final class Gate: Sendable {
    private let isOpen = Atomic<Bool>(false)

    func wait() {
        while !isOpen.load(ordering: .acquiring) { usleep(1_000) }
    }

    func open() {
        isOpen.store(true, ordering: .releasing)
    }
}
