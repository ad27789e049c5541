import Diagnostics
import Files
import Processes
import SQLiteStore
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Tracking

@testable import Server

@Suite("the tracking server")
struct TrackingServerTests {
    /// Serves while `body` runs, then stops as a signal would.
    private func serving(
        _ fixture: ServerFixture, _ body: @escaping @Sendable (TrackingServer) async throws -> Void
    ) async throws {
        let server = try TrackingServer(store: fixture.store, port: 0, settings: fixture.settings)
        let serving = Task { try await server.run() }
        do {
            try await body(server)
        } catch {
            serving.cancel()
            throw error
        }
        serving.cancel()
        try await serving.value
        await fixture.store.close()
    }

    private func get(_ path: String, port: Int) async throws -> String {
        let client = try RawClient(port: port)
        await client.send("GET \(path) HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        return await client.receive()
    }

    @Test(.timeLimit(.minutes(10)))
    func `R16 another address than the loopback needs host names`() async throws {
        let fixture = try await ServerFixture()
        for address in ["0.0.0.0", "::", "10.1.2.3"] {
            let error = #expect(throws: InvalidInput.self) {
                try TrackingServer(store: fixture.store, address: address, port: 0, settings: fixture.settings)
            }
            #expect(error?.description.contains("--allowed-hosts") == true)
        }
        await fixture.store.close()
    }

    @Test(.timeLimit(.minutes(10)))
    func `X-13 a port in use and a bad address are named`() async throws {
        let fixture = try await ServerFixture()
        let first = try TrackingServer(store: fixture.store, port: 0, settings: fixture.settings)
        let taken = #expect(throws: ListenError.self) {
            try TrackingServer(store: fixture.store, port: first.port, settings: fixture.settings)
        }
        #expect(taken?.description.contains("'127.0.0.1:\(first.port)': the port is in use") == true)
        var settings = fixture.settings
        settings.allowedHosts = ["x"]
        let wrong = #expect(throws: ListenError.self) {
            try TrackingServer(store: fixture.store, address: "no such address", port: 0, settings: settings)
        }
        #expect(wrong?.description.contains("'no such address'") == true)
        await fixture.store.close()
    }

    @Test(.timeLimit(.minutes(10)))
    func `A-43 stopped under load it acknowledges nothing that is not there`() async throws {
        let fixture = try await ServerFixture()
        let runID = try await fixture.store.createRun(RunCreation(experimentID: "0", startTime: 1)).info.runID
        let acknowledged = Names()
        let server = try TrackingServer(store: fixture.store, port: 0, settings: fixture.settings)
        let port = server.port
        let serving = Task { try await server.run() }
        let load = Task {
            await withTaskGroup { group in
                for worker in 0..<8 {
                    group.addTask {
                        guard let client = try? RawClient(port: port) else { return }
                        for index in 0..<10_000 {
                            let key = "k\(worker)-\(index)"
                            let body = #"{"run_id":"\#(runID)","key":"\#(key)","value":"v"}"#
                            let sent = await client.send(
                                "POST /api/2.0/mlflow/runs/log-parameter HTTP/1.1\r\nhost: localhost\r\n"
                                    + "content-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
                            )
                            guard sent else { return }
                            let answer = await client.receive { $0.hasSuffix("{}") }
                            guard firstStatus(answer) == 200 else { return }
                            acknowledged.insert(key)
                        }
                    }
                }
            }
        }
        while acknowledged.all.count < 200 { try await Task.sleep(for: .milliseconds(2)) }
        let clock = ContinuousClock()
        let start = clock.now
        serving.cancel()
        try await serving.value
        let taken = clock.now - start
        await load.value
        // Not the ten seconds of the row: the writes of this machine's other tests go to the same disk.
        #expect(taken < .seconds(60))
        let stored = Set(try await fixture.store.run(id: runID).data.params.map(\.key))
        let promised = acknowledged.all
        #expect(promised.count >= 200)
        #expect(promised.isSubset(of: stored))
        await fixture.store.close()
    }

    @Test(.timeLimit(.minutes(10)))
    func `A-40 two thousand clients at once are all answered`() async throws {
        let fixture = try await ServerFixture { $0.limits.connections = 100_000 }
        let runID = try await fixture.store.createRun(RunCreation(experimentID: "0", startTime: 1)).info.runID
        let unanswered = Names()
        try await serving(fixture) { server in
            let requests = (0..<2000).map { index in
                let body = #"{"run_id":"\#(runID)","key":"k\#(index)","value":"v"}"#
                return "POST /api/2.0/mlflow/runs/log-parameter HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
                    + "content-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
            }
            for client in try await RawClient.crowd(port: server.port, asking: requests) {
                let answer = await client.receive { $0.hasSuffix("{}") }
                if firstStatus(answer) != 200 { unanswered.insert(answer) }
            }
        }
        #expect(unanswered.all == [])
        let again = try await SQLiteStore.open(fixture.store.path, options: fixture.store.options)
        #expect(try await again.run(id: runID).data.params.count == 2000)
        await again.close()
    }

    @Test(.timeLimit(.minutes(10)))
    func `a certificate that cannot be read is named`() async throws {
        let fixture = try await ServerFixture {
            $0.tls = TLSFiles(certificateChain: "/nonexistent/cert.pem", privateKey: "/nonexistent/key.pem")
        }
        let error = #expect(throws: InvalidInput.self) {
            try TrackingServer(store: fixture.store, port: 0, settings: fixture.settings)
        }
        #expect(error?.description.contains("/nonexistent/cert.pem") == true)
        await fixture.store.close()
    }

    private static let openssl = findExecutable("openssl", searchPath: "/usr/bin:/bin")

    @Test(.timeLimit(.minutes(10)), .enabled(if: openssl != nil), arguments: PythonClient.available)
    func `a client that trusts the certificate works over TLS, with a user and password`(client: PythonClient)
        async throws
    {
        let openssl = try #require(Self.openssl)
        let fixture = try await ServerFixture { $0.credentials = .basic(username: "ada", password: "love:lace") }
        let folder = fixture.folder.path
        let made = try await Keeper.launch().runTool(
            openssl,
            [
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            ], environment: [:], workingDirectory: folder)
        #expect(made.end.isSuccess)
        var settings = fixture.settings
        settings.tls = TLSFiles(
            certificateChain: folder.appending("cert.pem"), privateKey: folder.appending("key.pem"))
        let server = try TrackingServer(store: fixture.store, port: 0, settings: settings)
        #expect(server.uri == "https://127.0.0.1:\(server.port)")
        let serving = Task { try await server.run() }
        defer { serving.cancel() }
        try await client.run(
            "tracking_client.py", in: folder,
            variables: [
                "MLFLOW_TRACKING_URI": server.uri, "MLFLOW_TRACKING_USERNAME": "ada",
                "MLFLOW_TRACKING_PASSWORD": "love:lace",
                "MLFLOW_TRACKING_SERVER_CERT_PATH": folder.appending("cert.pem").string,
            ])
        serving.cancel()
        try await serving.value
        await fixture.store.close()
    }

    @Test(.timeLimit(.minutes(10)))
    func `it serves until it is stopped`() async throws {
        try await serving(try await ServerFixture()) { server in
            #expect(server.uri == "http://127.0.0.1:\(server.port)")
            let answer = try await get("/health", port: server.port)
            #expect(answer.hasSuffix("OK"))
        }
    }
}

/// Names that several tasks collect.
private final class Names: Sendable {
    private let names = Mutex<Set<String>>([])

    func insert(_ name: String) {
        names.withLock { _ = $0.insert(name) }
    }

    var all: Set<String> { names.withLock { $0 } }
}
