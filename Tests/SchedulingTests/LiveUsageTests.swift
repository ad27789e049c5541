import Glibc
import Processes
import SystemPackage
import Testing

@testable import Scheduling

@Suite(.timeLimit(.minutes(10))) struct LiveUsageTests {
    @Test func `a process counts with what is below it; one that has ended is nil`() async throws {
        let own = try #require(LiveUsage(of: getpid()))
        #expect(own.memory > 1 << 20)
        #expect(own.processorSeconds > 0)
        let (written, write) = AsyncStream<Void>.makeStream()
        // 30 MB in a child of the process, which itself has next to nothing.
        let script = #"bash -c 'x=$(head -c 30000000 /dev/zero | tr "\0" a); echo ready; sleep 1000; echo $x' & wait"#
        let process = try await Keeper.launch().start(
            ProcessSpecification(
                executable: "/bin/bash", arguments: ["-c", script], environment: ["PATH": "/usr/bin:/bin"],
                workingDirectory: "/", output: OutputHandling { _, _ in write.yield() }))
        for await _ in written { break }
        let usage = try #require(LiveUsage(of: process.processID))
        #expect(usage.memory > 30_000_000)
        await process.stop(grace: .zero)
        _ = await process.wait()
        #expect(LiveUsage(of: process.processID) == nil)
    }
}
