import Files
import NIOCore
import SQLiteStore
import SystemPackage
import TestSupport
import Testing
import Tracking

@testable import Server

/// What only raw bytes can say.
@Suite("raw requests")
struct RawRequestTests {
    private func exchange(_ bytes: String, with endpoint: TrackingEndpoint) async throws -> String {
        let client = try RawClient(uri: endpoint.uri)
        // Only short texts have a place for the token: replacing in long ones takes for ever.
        await client.send(bytes.utf8.count > 20_000 ? bytes : bytes.replacing("TOKEN", with: endpoint.token))
        client.finishSending()
        return await client.receive()
    }

    static let hostile: [(String, String)] = [
        (
            "both lengths",
            "POST /api/2.0/mlflow/experiments/create HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer TOKEN\r\ncontent-type: application/json\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"
        ),
        (
            "two lengths",
            "POST /health HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcd"
        ),
        ("a negative length", "POST /health HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n"),
        ("a length of letters", "POST /health HTTP/1.1\r\nhost: localhost\r\ncontent-length: x\r\n\r\n"),
        (
            "a length over 64 bits",
            "POST /health HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999999999999999\r\n\r\n"
        ),
        (
            "a broken chunk size",
            "POST /api/2.0/mlflow/experiments/create HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer TOKEN\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n"
        ),
        (
            "a chunk size over 64 bits",
            "POST /api/2.0/mlflow/experiments/create HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer TOKEN\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n"
        ),
        ("garbage", "\u{1}\u{2}\u{3} nonsense\r\n\r\n"), ("a TLS hello", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n"),
        ("a space before the colon", "GET /health HTTP/1.1\r\nhost : localhost\r\n\r\n"),
        ("a folded header", "GET /health HTTP/1.1\r\nhost: localhost\r\nx: a\r\n b\r\n\r\n"),
        ("a header without a name", "GET /health HTTP/1.1\r\nhost: localhost\r\n: x\r\n\r\n"),
        ("an unknown version", "GET /health HTTP/9.9\r\nhost: localhost\r\n\r\n"),
        (
            "an unknown coding",
            "POST /api/2.0/mlflow/experiments/create HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer TOKEN\r\ncontent-type: application/json\r\ntransfer-encoding: gzip, identity\r\n\r\n{}"
        ),
    ]

    @Test(.timeLimit(.minutes(10)), arguments: hostile)
    func `A-30 malformed requests are answered 4xx or closed, and nothing is smuggled`(
        name: String, bytes: String
    ) async throws {
        try await ServerFixture().withEndpoint { endpoint in
            let answer = try await exchange(bytes, with: endpoint)
            #expect(answer.isEmpty || (400..<500).contains(firstStatus(answer) ?? 0), "\(name): \(answer)")
            #expect(!answer.contains("\r\n\r\nOK"), "\(name): \(answer)")
            #expect(answer.ranges(of: "HTTP/1.1").count <= 1, "\(name): \(answer)")
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `A-30 a huge request line and twenty thousand headers are cut`() async throws {
        try await ServerFixture().withEndpoint { endpoint in
            let line = "GET /health?\(String(repeating: "a", count: 1 << 20)) HTTP/1.1\r\nhost: localhost\r\n\r\n"
            let headers = (0..<20_000).map { "x-\($0): y\r\n" }.joined()
            let many = "GET /health HTTP/1.1\r\nhost: localhost\r\n\(headers)\r\n"
            let large = "GET /health HTTP/1.1\r\nhost: localhost\r\nx: \(String(repeating: "y", count: 40_000))\r\n\r\n"
            let medium = "GET /health?\(String(repeating: "a", count: 20_000)) HTTP/1.1\r\nhost: localhost\r\n\r\n"
            for text in [line, many, large, medium] {
                let answer = try await exchange(text, with: endpoint)
                #expect(answer.isEmpty || [400, 414, 431].contains(firstStatus(answer) ?? 0), "\(answer.prefix(200))")
            }
            // The server is well.
            #expect(
                firstStatus(try await exchange("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n", with: endpoint))
                    == 200)
        }
    }

    @Test(
        .timeLimit(.minutes(10)),
        arguments: [
            "", "host: evil.example\r\n", "host: localhost.evil.example\r\n", "host: localhost\r\nhost: localhost\r\n",
            "host: localhost\r\nhost: evil.example\r\n", "host: \r\n", "host: localhost:1\r\n",
            "host: localhost, evil.example\r\n",
            "host: localhost/\r\n", "host: user@localhost\r\n",
        ])
    func `A-20 requests with foreign, missing or doubled Host are refused, also reads`(host: String) async throws {
        try await ServerFixture().withEndpoint { endpoint in
            let read =
                "GET /api/2.0/mlflow/experiments/get?experiment_id=0 HTTP/1.1\r\n\(host)authorization: Bearer TOKEN\r\n\r\n"
            let answer = try await exchange(read, with: endpoint)
            #expect([400, 403].contains(firstStatus(answer) ?? 0), "\(answer)")
            let write =
                "POST /api/2.0/mlflow/experiments/create HTTP/1.1\r\n\(host)authorization: Bearer TOKEN\r\n"
                + "content-type: application/json\r\ncontent-length: 12\r\n\r\n{\"name\":\"a\"}"
            #expect([400, 403].contains(firstStatus(try await exchange(write, with: endpoint)) ?? 0))
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `A-20 a target that is a URL or a star is refused`() async throws {
        try await ServerFixture().withEndpoint { endpoint in
            for target in ["http://localhost/health", "http://evil.example/health", "*", "localhost:80"] {
                let answer = try await exchange("GET \(target) HTTP/1.1\r\nhost: localhost\r\n\r\n", with: endpoint)
                #expect(answer.isEmpty || firstStatus(answer) == 400, "\(target): \(answer)")
            }
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `A-40 a hundred pipelined requests are all answered, in order`() async throws {
        try await ServerFixture().withEndpoint { endpoint in
            let one =
                "GET /api/2.0/mlflow/experiments/get?experiment_id=0 HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer TOKEN\r\n\r\n"
            let last = "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"
            let authorized = one.replacing("TOKEN", with: endpoint.token)
            let answer = try await exchange(String(repeating: authorized, count: 99) + last, with: endpoint)
            #expect(answer.ranges(of: "HTTP/1.1 200 OK").count == 100)
            #expect(answer.hasSuffix("\r\n\r\nOK"))
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `A-34 a terabyte declared is refused at once, or not allocated`() async throws {
        try await ServerFixture().withEndpoint { endpoint in
            let head =
                "host: localhost\r\nauthorization: Bearer \(endpoint.token)\r\ncontent-type: application/json\r\ncontent-length: 1099511627776\r\n\r\n{"
            let client = try RawClient(uri: endpoint.uri)
            await client.send("POST /api/2.0/mlflow/experiments/create HTTP/1.1\r\n\(head)")
            // The connection ends with the answer: nobody reads the rest.
            let answer = await client.receive()
            #expect(firstStatus(answer) == 413)
            #expect(answer.contains("\r\nConnection: close\r\n") || answer.contains("\r\nconnection: close\r\n"))
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `a client that asks before it sends a body is told to go on, unless it is refused`() async throws {
        try await ServerFixture().withEndpoint { endpoint in
            let head =
                "PUT /api/2.0/mlflow-artifacts/artifacts/a HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 1\r\n"
            let client = try RawClient(uri: endpoint.uri)
            await client.send("\(head)authorization: Bearer \(endpoint.token)\r\n\r\n")
            #expect(firstStatus(await client.receive { $0.hasSuffix("\r\n\r\n") }) == 100)
            await client.send("x")
            #expect(firstStatus(await client.receive { $0.hasSuffix("\r\n\r\n") }) == 200)
            let stranger = try RawClient(uri: endpoint.uri)
            await stranger.send("\(head)\r\n")
            #expect(firstStatus(await stranger.receive { $0.hasSuffix("}") }) == 401)
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `a chunked body is read`() async throws {
        try await ServerFixture().withEndpoint { endpoint in
            let answer = try await exchange(
                "POST /api/2.0/mlflow/experiments/create HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer TOKEN\r\n"
                    + "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n7\r\n{\"name\"\r\n5\r\n:\"a\"}\r\n0\r\n\r\n",
                with: endpoint)
            #expect(firstStatus(answer) == 200, "\(answer)")
        }
    }

    @Test(.timeLimit(.minutes(10)), arguments: ["content-length: 100000", "transfer-encoding: chunked"])
    func `A-36 an upload that is cut off leaves the old content and nothing else`(framing: String) async throws {
        let fixture = try await ServerFixture()
        let root = fixture.folder.path.appending("mlartifacts")
        try makeFolders(root)
        try Directory(opening: root).writeFile(RelativePath("a.txt"), Array("old".utf8))
        try await fixture.withEndpoint { endpoint in
            let client = try RawClient(uri: endpoint.uri)
            let part = framing.hasPrefix("content") ? "new content" : "b\r\nnew content\r\n"
            await client.send(
                "PUT /api/2.0/mlflow-artifacts/artifacts/a.txt HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer \(endpoint.token)\r\n"
                    + "\(framing)\r\n\r\n\(part)")
            client.finishSending()
            let answer = await client.receive()
            #expect(firstStatus(answer) != 200)
        }
        let directory = try Directory(opening: root)
        #expect(try directory.readFile(RelativePath("a.txt"), limit: 100) == Array("old".utf8))
        #expect(try directory.list().map(\.name) == ["a.txt"])
    }

    /// The real limits would make the test take half a minute.
    private func hurried(_ settings: inout ServerSettings) {
        settings.limits.head = .milliseconds(300)
        settings.limits.stall = .milliseconds(300)
        settings.limits.idle = .milliseconds(300)
        settings.limits.tick = .milliseconds(50)
    }

    @Test(
        .timeLimit(.minutes(10)),
        arguments: [
            "", "GET /hea", "GET /health HTTP/1.1\r\nhost: loc",
            "POST /api/2.0/mlflow/experiments/create HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer TOKEN\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
            "PUT /api/2.0/mlflow-artifacts/artifacts/x HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer TOKEN\r\ncontent-length: 100\r\n\r\n{",
            "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n",
        ])
    func `A-39 a client that stops is cut off`(bytes: String) async throws {
        try await ServerFixture(adjust: hurried).withEndpoint { endpoint in
            let client = try RawClient(uri: endpoint.uri)
            await client.send(bytes.replacing("TOKEN", with: endpoint.token))
            let clock = ContinuousClock()
            let start = clock.now
            let answer = await client.receive()
            #expect(clock.now - start < .seconds(60))
            #expect(firstStatus(answer) != 200 || bytes.hasPrefix("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"))
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `A-39 a client that trickles is cut off, and others are served meanwhile`() async throws {
        try await ServerFixture(adjust: hurried).withEndpoint { endpoint in
            let slow = try (0..<100).map { _ in try RawClient(uri: endpoint.uri) }
            for (index, client) in slow.enumerated() {
                await client.send(
                    index % 2 == 0
                        ? "GET /health HTTP/1.1\r\nx: "
                        : "PUT /api/2.0/mlflow-artifacts/artifacts/x\(index) HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer \(endpoint.token)\r\ncontent-length: 1000000\r\n\r\n"
                )
            }
            let clock = ContinuousClock()
            let start = clock.now
            var remaining = slow
            while !remaining.isEmpty, clock.now - start < .seconds(120) {
                var alive: [RawClient] = []
                for client in remaining where await client.send("a") { alive.append(client) }
                remaining = alive
                let asked = clock.now
                let answer = try await exchange("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n", with: endpoint)
                #expect(firstStatus(answer) == 200)
                #expect(clock.now - asked < .seconds(60))
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(remaining.isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `R17 connections over the limit are told 503`() async throws {
        let fixture = try await ServerFixture { $0.limits.connections = 3 }
        try await fixture.withEndpoint { endpoint in
            let request = "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"
            let held = try (0..<3).map { _ in try RawClient(uri: endpoint.uri) }
            for client in held {
                await client.send(request)
                #expect(firstStatus(await client.receive { $0.hasSuffix("OK") }) == 200)
            }
            let over = try RawClient(uri: endpoint.uri)
            await over.send(request)
            let answer = await over.receive()
            #expect(firstStatus(answer) == 503)
            #expect(answer.contains("retry-after: 1"))
            held[0].finishSending()
            _ = await held[0].receive()
            let again = try RawClient(uri: endpoint.uri)
            await again.send(request)
            #expect(firstStatus(await again.receive { $0.hasSuffix("OK") }) == 200)
        }
    }
}
