import Files
import Glibc
import Processes
import SQLiteStore
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Tracking

/// The built server under load and under attack: what it has acknowledged is there, what it has not taken costs nothing.
@Suite(.serialized, .timeLimit(.minutes(60))) struct ServerLoadTests {
    let program: SwiftflowProgram

    init() throws {
        program = try SwiftflowProgram()
        raiseDescriptorLimit()
    }

    // MARK: Kills

    @Test func `S-01 A-36 after kill -9 at any moment every acknowledged write and upload is there`() async throws {
        var all = Acknowledged.Names()
        var runID = ""
        for round in 0..<50 {
            let acknowledged = Acknowledged()
            let server = try await RunningServer.start(program, ["--log-level", "warning"])
            if round == 0 { runID = try await server.createRun() }
            let writers = LoadedWriters(server: server, runID: runID, round: round, acknowledged: acknowledged)
            let load = Task { await writers.run() }
            // Every other round waits for the load to be heavy; the others hit the first moments.
            let pause = Int.random(in: round % 2 == 0 ? 0...30 : 50...300)
            try await Task.sleep(for: .milliseconds(pause))
            let ended = try await server.end(by: SIGKILL)
            await load.value
            #expect(ended.termination == .signaled(SIGKILL), "round \(round), \(pause) ms: \(ended.messages)")
            all.formUnion(acknowledged.names)
            // Each time what is new; what is older after every tenth, and at the end.
            let checked = round % 10 == 9 ? all : acknowledged.names
            try await check(checked, runID, "round \(round), killed after \(pause) ms")
        }
        #expect(all.count > 0)
        // And the file serves on.
        let server = try await RunningServer.start(program)
        #expect(try await server.call("GET", "/api/2.0/mlflow/runs/get?run_id=\(runID)").status == 200)
        try await server.end()
    }

    @Test func `A-43 under load a SIGTERM loses nothing that was acknowledged`() async throws {
        let acknowledged = Acknowledged()
        let server = try await RunningServer.start(program, ["--log-level", "warning"])
        let runID = try await server.createRun()
        let load = Task {
            await LoadedWriters(server: server, runID: runID, round: 0, acknowledged: acknowledged).run()
        }
        #expect(await eventually(within: .seconds(60)) { acknowledged.count > 50 })
        let start = ContinuousClock.now
        let ended = try await server.end(by: SIGTERM)
        // The row's ten seconds are the server's; the rest is the machine's own load, above all that of its disk.
        #expect(ContinuousClock.now - start < .seconds(60))
        await load.value
        #expect(ended.exitCode == 0, "\(ended.termination): \(ended.messages)")
        try await check(acknowledged.names, runID, "after SIGTERM")
    }

    /// Opens what the server left, as the next server would, and compares.
    private func check(_ acknowledged: Acknowledged.Names, _ runID: String, _ moment: Comment) async throws {
        let store = try await SQLiteStore.open(
            program.path.appending("mlflow.db"), options: SQLiteStore.Options(workingDirectory: program.path))
        let data = try await store.run(id: runID).data
        await store.close()
        #expect(acknowledged.params.subtracting(data.params.map(\.key)) == [], moment)
        #expect(acknowledged.metrics.subtracting(data.metrics.map(\.key)) == [], moment)
        for name in acknowledged.uploads {
            #expect(try program.read("mlartifacts/\(name)") == LoadedWriters.content(of: name), moment)
        }
        // What has its final name is whole, acknowledged or not.
        guard fileStatus(program.path.appending("mlartifacts/load")) != nil else { return }
        let folder = try Directory(opening: program.path.appending("mlartifacts/load"))
        for (name, _) in try folder.list() where !name.hasPrefix(AtomicFile.temporaryPrefix) {
            #expect(try program.read("mlartifacts/load/\(name)") == LoadedWriters.content(of: "load/\(name)"), moment)
        }
    }

    // MARK: Crowds

    @Test func `A-40 two thousand clients at once are answered, and every 200 is durable`() async throws {
        let server = try await RunningServer.start(program, ["--log-level", "warning"])
        let runID = try await server.createRun()
        let requests = (0..<2000).map { index in
            let body = #"{"run_id":"\#(runID)","key":"k\#(index)","value":"v"}"#
            return server.head("POST", "/api/2.0/mlflow/runs/log-parameter", body.utf8.count, "connection: close\r\n")
                + body
        }
        let clients = try await RawClient.crowd(port: server.port, asking: requests)
        var durable: Set<String> = []
        for (index, client) in clients.enumerated() {
            let answer = await client.receive()
            let status = firstStatus(answer)
            #expect(status == 200 || status == 503, "client \(index): \(answer)")
            if status == 200 { durable.insert("k\(index)") }
        }
        #expect(!durable.isEmpty)
        try await server.end(by: SIGKILL)
        let store = try await SQLiteStore.open(
            program.path.appending("mlflow.db"), options: SQLiteStore.Options(workingDirectory: program.path))
        let stored = Set(try await store.run(id: runID).data.params.map(\.key))
        await store.close()
        #expect(durable.subtracting(stored) == [])
    }

    @Test func `A-39 slow clients are cut within thirty seconds, and others are served meanwhile`() async throws {
        let server = try await RunningServer.start(program, ["--log-level", "warning"])
        let heads = try (0..<500).map { _ in try RawClient(port: server.port) }
        let bodies = try (0..<50).map { _ in try RawClient(port: server.port) }
        for client in heads { await client.send("GET /health HTTP/1.1\r\nx: ") }
        for (index, client) in bodies.enumerated() {
            await client.send(server.head("PUT", "/api/2.0/mlflow-artifacts/artifacts/slow\(index)", 1 << 20))
        }
        let clock = ContinuousClock()
        let start = clock.now
        var remaining = heads + bodies
        // The server's own thirty seconds, and what a busy machine adds to them.
        while !remaining.isEmpty, clock.now - start < .seconds(90) {
            var alive: [RawClient] = []
            for client in remaining where await client.send("a") { alive.append(client) }
            remaining = alive
            let asked = clock.now
            let answer = try await server.call("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0")
            #expect(answer.status == 200)
            // Served while the slow ones are there, and not because they have gone; the rest is the machine's own load.
            #expect(clock.now - asked < .seconds(20))
            try await Task.sleep(for: .milliseconds(500))
        }
        #expect(remaining.isEmpty)
        #expect(fileStatus(program.path.appending("mlartifacts/slow0")) == nil)
        try await server.end()
    }

    // MARK: Sizes

    /// Less than the row's 5 GiB by default, so that the test does not take minutes; the memory it may cost is the same.
    private static let artifactGiB = environmentVariable("SWIFTFLOW_TEST_ARTIFACT_GIB").flatMap { Int($0) } ?? 1

    @Test func `A-34 huge messages are refused and huge artifacts pass, at the same memory`() async throws {
        let server = try await RunningServer.start(program, ["--log-level", "warning"])
        // Warm, so that the growth is that of the large ones.
        #expect(try await server.call("PUT", "/api/2.0/mlflow-artifacts/artifacts/small", "x").status == 200)
        #expect(try await server.call("GET", "/api/2.0/mlflow-artifacts/artifacts/small").status == 200)
        let before = server.peakMemory
        #expect(before > 0)

        for length in [40_000_000, 1 << 40] {
            let client = try RawClient(port: server.port)
            await client.send(server.head("POST", "/api/2.0/mlflow/experiments/create", length) + "{\"name\":\"")
            #expect(firstStatus(await client.receive()) == 413)
        }

        let piece = [UInt8](repeating: 0x61, count: 1 << 20)
        let pieces = Self.artifactGiB << 10
        let sender = try RawClient(port: server.port)
        await sender.send(
            server.head(
                "PUT", "/api/2.0/mlflow-artifacts/artifacts/large", pieces << 20, "connection: close\r\n"))
        #expect(await sender.send(piece, times: pieces))
        #expect(firstStatus(await sender.receive()) == 200)
        #expect(fileStatus(program.path.appending("mlartifacts/large"))?.size == Int64(pieces) << 20)

        let receiver = try RawClient(port: server.port)
        await receiver.send(
            server.head("GET", "/api/2.0/mlflow-artifacts/artifacts/large", nil, "connection: close\r\n"))
        let (beginning, count) = await receiver.drain()
        #expect(firstStatus(beginning) == 200)
        let headLength = (beginning.firstRange(of: "\r\n\r\n")?.upperBound).map { beginning[..<$0].utf8.count } ?? 0
        #expect(count == Int64(pieces) << 20 + Int64(headLength))

        let grown = server.peakMemory - before
        #expect(grown < 64 << 20, "\(grown >> 20) MiB")
        try await server.end()
    }

    @Test func `limits that were chosen are kept`() async throws {
        let server = try await RunningServer.start(
            program, ["--max-message-size", "1K", "--max-artifact-size", "2K", "--max-connections", "2"])
        let name = String(repeating: "x", count: 1100)
        #expect(
            try await server.call("POST", "/api/2.0/mlflow/experiments/create", "{\"name\":\"\(name)\"}").status == 413)
        let path = "/api/2.0/mlflow-artifacts/artifacts/a"
        #expect(try await server.call("PUT", path, String(repeating: "x", count: 2048)).status == 200)
        #expect(try await server.call("PUT", path, String(repeating: "x", count: 2049)).status == 413)
        var held: [RawClient] = []
        let end = ContinuousClock.now + .seconds(60)
        while held.count < 2, ContinuousClock.now < end {
            // The server may still be letting go of the connections above.
            let client = try RawClient(port: server.port)
            await client.send(server.head("GET", "/health"))
            if firstStatus(await client.receive { $0.hasSuffix("OK") }) == 200 { held.append(client) }
        }
        #expect(held.count == 2)
        let over = try await server.call("GET", "/health")
        #expect(over.status == 503)
        #expect(over.text.lowercased().contains("retry-after: "))
        for client in held { client.finishSending() }
        try await server.end()
    }

    // MARK: A store that somebody else holds

    @Test(.enabled(if: hasEngines("python3")))
    func `S-02 while another process holds the file, writes wait, then are told 503 with Retry-After`() async throws {
        let server = try await RunningServer.start(program)
        let runID = try await server.createRun()
        let python = try #require(findEngine("python3"))
        let holder = CollectedOutput()
        let process = try await Keeper.launch().start(
            ProcessSpecification(
                executable: python,
                arguments: [
                    "-c",
                    """
                    import sqlite3, time
                    connection = sqlite3.connect("mlflow.db", isolation_level=None)
                    connection.execute("BEGIN IMMEDIATE")
                    print("held", flush=True)
                    time.sleep(300)
                    """,
                ], environment: program.environment, workingDirectory: program.path, output: holder.handling))
        #expect(await eventually { holder.text().contains("held") })
        // Reads go on.
        #expect(try await server.call("GET", "/api/2.0/mlflow/runs/get?run_id=\(runID)").status == 200)
        let body = #"{"run_id":"\#(runID)","key":"a","value":"1"}"#
        let answer = try await server.call("POST", "/api/2.0/mlflow/runs/log-parameter", body)
        #expect(answer.status == 503)
        #expect(answer.text.contains("TEMPORARILY_UNAVAILABLE"))
        #expect(answer.text.lowercased().contains("\r\nretry-after: "))
        await process.stop(grace: .zero)
        _ = await process.wait()
        // Nothing is left behind: the same write succeeds now.
        #expect(try await server.call("POST", "/api/2.0/mlflow/runs/log-parameter", body).status == 200)
        #expect(try await server.end().exitCode == 0)
    }
}

/// What clients were told is done.
final class Acknowledged: Sendable {
    struct Names {
        var params: Set<String> = []
        var metrics: Set<String> = []
        var uploads: Set<String> = []

        var count: Int { params.count + metrics.count + uploads.count }

        mutating func formUnion(_ other: Names) {
            params.formUnion(other.params)
            metrics.formUnion(other.metrics)
            uploads.formUnion(other.uploads)
        }
    }

    private let state = Mutex(Names())

    var names: Names { state.withLock { $0 } }
    var count: Int { names.count }

    func param(_ key: String) { state.withLock { _ = $0.params.insert(key) } }
    func metric(_ key: String) { state.withLock { _ = $0.metrics.insert(key) } }
    func upload(_ name: String) { state.withLock { _ = $0.uploads.insert(name) } }
}

/// Clients that write until the server is gone.
private struct LoadedWriters: Sendable {
    let server: RunningServer
    let runID: String
    let round: Int
    let acknowledged: Acknowledged

    /// Long enough to be sent in several pieces.
    static func content(of name: String) -> String {
        String(repeating: name + "\n", count: 4000)
    }

    func run() async {
        await withTaskGroup { group in
            for worker in 0..<3 {
                group.addTask { await write(worker, "log-parameter", "p") { acknowledged.param($0) } }
            }
            for worker in 3..<5 { group.addTask { await write(worker, "log-metric", "m") { acknowledged.metric($0) } } }
            for worker in 5..<7 { group.addTask { await upload(worker) } }
        }
    }

    private func write(_ worker: Int, _ call: String, _ kind: String, _ note: @Sendable (String) -> Void) async {
        guard let client = try? RawClient(port: server.port) else { return }
        for index in 0..<100_000 {
            let key = "\(kind)\(round)-\(worker)-\(index)"
            let value = kind == "p" ? #""v""# : #"1.5,"timestamp":1"#
            let body = #"{"run_id":"\#(runID)","key":"\#(key)","value":\#(value)}"#
            guard await client.send(server.head("POST", "/api/2.0/mlflow/runs/\(call)", body.utf8.count) + body) else {
                return
            }
            guard firstStatus(await client.receive { $0.hasSuffix("{}") }) == 200 else { return }
            note(key)
        }
    }

    private func upload(_ worker: Int) async {
        guard let client = try? RawClient(port: server.port) else { return }
        for index in 0..<100_000 {
            let name = "load/u\(round)-\(worker)-\(index)"
            let content = Self.content(of: name)
            let head = server.head("PUT", "/api/2.0/mlflow-artifacts/artifacts/\(name)", content.utf8.count)
            guard await client.send(head + content) else { return }
            guard firstStatus(await client.receive { $0.hasSuffix("\r\n\r\n") }) == 200 else { return }
            acknowledged.upload(name)
        }
    }
}

/// Lets this test program have as many connections as it may.
private func raiseDescriptorLimit() {
    var limit = rlimit()
    let resource = __rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue))
    guard unsafe getrlimit(resource, &limit) == 0 else { return }
    limit.rlim_cur = min(limit.rlim_max, 65_536)
    _ = unsafe setrlimit(resource, &limit)
}
