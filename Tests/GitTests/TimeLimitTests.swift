import Diagnostics
import Files
import Git
import Processes
import SystemPackage
import TestSupport
import Testing

@testable import GitRepository

@Suite(.timeLimit(.minutes(10))) struct TimeLimitTests {
    private func fixture() throws -> CacheFixture {
        var fixture = try CacheFixture()
        fixture.limits.connect = .seconds(1)
        fixture.limits.silence = .seconds(1)
        return fixture
    }

    /// A line of git's protocol.
    private static func packet(_ text: String) -> [UInt8] {
        let length = String(text.utf8.count + 4, radix: 16)
        return Array((String(repeating: "0", count: 4 - length.count) + length + text).utf8)
    }

    private static let id = String(repeating: "1", count: 40)
    private static var advertisement: [UInt8] {
        packet("\(id) HEAD\u{0}symref=HEAD:refs/heads/main ofs-delta\n") + packet("\(id) refs/heads/main\n")
            + Array("0000".utf8)
    }

    @Test func `G-18 a server that accepts and says nothing`() async throws {
        let fixture = try fixture()
        let server = try RawServer { connection in while !connection.receive().isEmpty {} }
        for scheme in ["git", "http", "https"] {
            let start = ContinuousClock.now
            let failure = try await failure {
                _ = try await fixture.checkout("\(scheme)://127.0.0.1:\(server.port)/x")
            }
            #expect(failure.kind == .timeLimit, "\(failure)")
            #expect(failure.message.contains("has sent nothing for 1.0 seconds"))
            // The limit for all of it is an hour.
            #expect(ContinuousClock.now - start < .seconds(120))
        }
        #expect(fixture.leftovers() == [])
        server.stop()
    }

    @Test func `G-18 ssh to a server that says nothing`() async throws {
        var fixture = try fixture()
        let server = try RawServer { connection in while !connection.receive().isEmpty {} }
        let folder = try TemporaryDirectory()
        fixture.environment["TMPDIR"] = folder.path.string
        let failure = try await failure { _ = try await fixture.checkout("ssh://git@127.0.0.1:\(server.port)/x") }
        #expect(failure.kind == .timeLimit, "\(failure)")
        #expect(try folder.directory.list().isEmpty, "the worker's own home")
        server.stop()
    }

    @Test func `G-18 a server that sends a byte now and then`() async throws {
        let fixture = try fixture()
        let server = try RawServer { connection in
            _ = connection.receive()
            for byte in Self.packet(String(repeating: "x", count: 4000)) {
                guard connection.send([byte]) else { return }
                connection.pause(milliseconds: 100)
            }
        }
        let failure = try await failure { _ = try await fixture.checkout("git://127.0.0.1:\(server.port)/x") }
        #expect(failure.kind == .timeLimit, "\(failure)")
        #expect(failure.message.contains("sent only"))
        server.stop()
    }

    @Test func `G-18 a server that never ends`() async throws {
        var fixture = try fixture()
        fixture.limits.total = .seconds(3)
        let line = Self.packet("\(Self.id) refs/heads/\(String(repeating: "x", count: 400))\n")
        let server = try RawServer { connection in
            _ = connection.receive()
            while connection.send(line) { connection.pause(milliseconds: 1) }
        }
        let failure = try await failure { _ = try await fixture.checkout("git://127.0.0.1:\(server.port)/x") }
        #expect([.timeLimit, .network].contains(failure.kind), "\(failure)")
        #expect(fixture.leftovers() == [])
        server.stop()
    }

    @Test func `G-18 a server that cannot be reached`() async throws {
        let fixture = try CacheFixture()
        let port = try freePort()
        for scheme in ["git", "http", "https", "ssh"] {
            let failure = try await failure { _ = try await fixture.checkout("\(scheme)://127.0.0.1:\(port)/x") }
            #expect(failure.kind == .network, "\(failure)")
        }
        let unknown = try await failure { _ = try await fixture.checkout("https://host.invalid/x") }
        #expect([.network, .timeLimit].contains(unknown.kind), "\(unknown)")
        #expect(unknown.message.contains("host.invalid"))
    }

    @Test(arguments: [
        Array("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi".utf8),
        Array("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n".utf8), Array("garbage\r\n\r\n".utf8), [],
        Array("HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\nzzzz".utf8),
        Array("HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\nfff0".utf8),
        Array("HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n0004".utf8),
    ])
    func `G-15 broken answers over http are an error at once`(answer: [UInt8]) async throws {
        let fixture = try CacheFixture()
        let server = try RawServer { connection in
            _ = connection.receiveRequest()
            connection.send(answer)
        }
        let failure = try await failure { _ = try await fixture.checkout("http://127.0.0.1:\(server.port)/x") }
        #expect([.network, .damaged, .emptyRepository].contains(failure.kind), "\(failure)")
        #expect(fixture.leftovers() == [])
        server.stop()
    }

    /// A pack that begins well and goes on as given.
    private static func pack(objects: UInt32, _ rest: [UInt8]) -> [UInt8] {
        Array("PACK".utf8) + [0, 0, 0, 2] + (0..<4).map { UInt8(objects >> (24 - 8 * $0) & 0xFF) } + rest
    }

    @Test(arguments: [
        ("not a pack", Array("nonsense, and a lot of it".utf8)),
        ("4 billion objects", pack(objects: 4_294_967_295, [])), ("a cut-off pack", pack(objects: 3, [0x3A, 0x78])),
        ("a wrong checksum", pack(objects: 0, Array(repeating: 7, count: 20))),
        // A blob that declares 2^60 bytes, and a delta against nothing that declares as many.
        (
            "a blob of 2^60 bytes",
            pack(objects: 1, [0xB0] + Array(repeating: 0x80, count: 7) + [0x20, 0x78, 0x9C, 3, 0])
        ),
        (
            "a delta of 2^62 bytes",
            pack(
                objects: 1,
                [0xF0] + Array(repeating: 0x80, count: 7) + [0x40] + Array(repeating: 1, count: 20) + [
                    0x78, 0x9C, 3, 0,
                ])
        ),
    ])
    func `G-15 broken packs are an error, take little memory and leave nothing`(name: String, pack: [UInt8])
        async throws
    {
        let fixture = try CacheFixture()
        let server = try RawServer { connection in
            _ = connection.receive()
            connection.send(Self.advertisement)
            _ = connection.receive()
            connection.send(Self.packet("NAK\n") + pack)
        }
        let measured = MeasuringStarter(base: fixture.git.starter)
        let location = try GitLocation("git://127.0.0.1:\(server.port)/x", relativeTo: "/")
        let failure = try await failure { _ = try await fixture.cache.checkout(location, starter: measured) }
        #expect([.damaged, .network, .sizeLimit].contains(failure.kind), "\(name): \(failure)")
        #expect(measured.peaks.all.count == 1)
        #expect(measured.peaks.all.allSatisfy { $0 < 200 << 20 }, "\(measured.peaks.all)")
        #expect(fixture.leftovers() == [])
        #expect(try await fixture.cache.entries().allSatisfy { $0.bytes < 1 << 20 })
        server.stop()
    }

    @Test func `cancelling stops the worker and leaves nothing`() async throws {
        let fixture = try CacheFixture()
        let reached = Collected<Bool>()
        let server = try RawServer { connection in
            _ = connection.receive()
            reached.add(true)
            while !connection.receive().isEmpty {}
        }
        let url = "git://127.0.0.1:\(server.port)/x"
        let connecting = AsyncStream.makeStream(of: Void.self)
        let task = Task {
            _ = try await fixture.checkout(url) { if $0.phase == .connecting { connecting.continuation.yield() } }
        }
        for await _ in connecting.stream { break }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        server.stop()
    }

    @Test func `a fetch over ssh that is cancelled leaves nothing of the worker's own`() async throws {
        var fixture = try CacheFixture()
        let folder = try TemporaryDirectory()
        fixture.environment["TMPDIR"] = folder.path.string
        let connected = AsyncStream.makeStream(of: Void.self)
        let server = try RawServer { connection in
            connected.continuation.yield()
            while !connection.receive().isEmpty {}
        }
        let task = Task { [fixture] in _ = try await fixture.checkout("ssh://git@127.0.0.1:\(server.port)/x") }
        for await _ in connected.stream { break }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try folder.directory.list().isEmpty)
        server.stop()
    }

    @Test func `G-18 the clock counts steps, phases and bytes`() {
        var limits = GitLimits()
        limits.connect = .seconds(10)
        limits.silence = .seconds(30)
        func run(
            _ seconds: Int, connected: Bool, phase: GitProgress.Phase = .receiving, bytes: (Int) -> UInt64
        ) -> GitFailure? {
            var clock = WatchdogClock()
            for second in 0..<seconds {
                if let failure = clock.advance(
                    by: .seconds(1), phase: phase, reports: 0, isConnected: connected, received: bytes(second),
                    limits: limits, place: "x")
                {
                    return failure
                }
            }
            return nil
        }
        #expect(run(10, connected: false) { _ in 0 } == nil)
        #expect(run(11, connected: false) { _ in 0 }?.message.contains("could not be reached") == true)
        #expect(run(29, connected: true) { _ in 5 } == nil)
        #expect(run(40, connected: true) { _ in 0 }?.message.contains("sent nothing") == true)
        #expect(run(300, connected: true) { UInt64($0) * 2000 } == nil)
        #expect(run(300, connected: true) { UInt64($0) }?.message.contains("sent only") == true)
        // Waiting for another process, or working, is no silence.
        #expect(run(3000, connected: false, phase: .waiting) { _ in 0 } == nil)
        #expect(run(3000, connected: true, phase: .writing) { _ in 0 } == nil)
    }
}

/// Starts real processes and notes the most memory each has used.
private struct MeasuringStarter: ProcessStarter {
    let base: any ProcessStarter
    let peaks = Collected<Int64>()

    func start(_ specification: ProcessSpecification) async throws -> any RunningProcess {
        Measured(base: try await base.start(specification), peaks: peaks)
    }

    private struct Measured: RunningProcess {
        let base: any RunningProcess
        let peaks: Collected<Int64>

        var processID: Int32 { base.processID }
        func stop(grace: Duration) async { await base.stop(grace: grace) }
        func signal(_ number: Int32) async { await base.signal(number) }

        func wait() async -> ProcessEnd {
            let end = await base.wait()
            peaks.add(end.usage?.peakMemory ?? 0)
            return end
        }
    }
}
