import Diagnostics
import Files
import NIOCore
import NIOHTTP1
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Artifacts

/// A folder and an HTTP client for one test, with short limits.
func withDownloads<Result: Sendable>(
    stall: Duration = .seconds(5), _ body: @Sendable (TemporaryDirectory, OutgoingHTTP) async throws -> Result
) async throws -> Result {
    let folder = try TemporaryDirectory(prefix: "artifacts-test")
    var settings = OutgoingHTTP.Settings()
    settings.stallTimeout = stall
    let http = OutgoingHTTP(settings)
    do {
        let result = try await body(folder, http)
        await http.shutdown()
        return result
    } catch {
        await http.shutdown()
        throw error
    }
}

let quickRetries = RetryPolicy(maximumRetries: 3, firstPause: .milliseconds(2), longestPause: .milliseconds(20))

@Suite(.timeLimit(.minutes(10))) struct `downloads from the web` {
    /// Serves, downloads to `folder/file`, and returns the error if there was one.
    func download(
        _ path: String = "/file", credentials: HTTPCredentials = .none, limits: TransferLimits = .standard,
        stall: Duration = .seconds(5), retries: RetryPolicy = quickRetries, _ answer: @escaping RawHTTPServer.Answer
    ) async throws -> (error: ArtifactError?, content: String?, leftovers: [String], requests: [RawHTTPServer.Request])
    {
        try await withDownloads(stall: stall) { folder, http in
            try await RawHTTPServer.serving(answer) { server in
                var failure: ArtifactError?
                do {
                    try await downloadFile(
                        server.url(path), to: folder.path.appending("file"), limits: limits, credentials: credentials,
                        retries: retries, http: http)
                } catch let error as ArtifactError {
                    failure = error
                }
                let content = try? folder.directory.readFile(RelativePath("file"), limit: 1 << 24)
                return (
                    failure, content.map { String(decoding: $0, as: UTF8.self) },
                    try folder.directory.list().map(\.name), server.requests
                )
            }
        }
    }

    @Test func `a file arrives whole, under its name only`() async throws {
        let result = try await download { _, connection in try await connection.answer(body: "content") }
        #expect(result.error == nil)
        #expect(result.content == "content")
        #expect(result.leftovers == ["file"])
        #expect(result.requests.first?.header("accept-encoding") == "identity")
    }

    @Test(arguments: ["404 Not Found", "403 Forbidden", "401 Unauthorized", "400 Bad Request", "416 Range", "204 None"])
    func `D-01 a lasting refusal is not retried and leaves nothing`(status: String) async throws {
        let result = try await download { _, connection in try await connection.answer(status, body: "") }
        #expect(result.error?.description.contains(String(status.prefix(3))) == true)
        #expect(result.error?.description.contains("/file") == true)
        #expect(result.leftovers.isEmpty)
        #expect(result.requests.count == 1)
    }

    @Test(arguments: ["500 Oops", "503 Busy", "429 Slow down", "502 Gateway"])
    func `D-01 a passing refusal is retried at most 3 times`(status: String) async throws {
        let result = try await download { _, connection in try await connection.answer(status) }
        #expect(result.error?.reason == .status(Int(status.prefix(3)) ?? 0))
        #expect(result.leftovers.isEmpty)
        #expect(result.requests.count == 4)
    }

    @Test func `D-01 a later attempt succeeds, and an asked-for pause is capped`() async throws {
        let answered = Mutex(0)
        let started = ContinuousClock.now
        let result = try await download { _, connection in
            let number = answered.withLock { number in
                number += 1
                return number
            }
            if number < 3 {
                try await connection.answer("503 Busy", ["Retry-After: 999999"])
            } else {
                try await connection.answer(body: "at last")
            }
        }
        #expect(result.error == nil)
        #expect(result.content == "at last")
        #expect(started.duration(to: .now) < .seconds(300))
    }

    @Test func `D-01 a refused connection and an unknown host are named`() async throws {
        let port = try freePort()
        try await withDownloads { folder, http in
            let target = folder.path.appending("file")
            let refused = await #expect(throws: ArtifactError.self) {
                try await downloadFile("http://127.0.0.1:\(port)/x", to: target, retries: quickRetries, http: http)
            }
            #expect(refused?.reason == .unreachable)
            #expect(refused?.description.contains("refused") == true)
            #expect(refused?.description.contains("http://127.0.0.1:\(port)/x") == true)
            let unknown = await #expect(throws: ArtifactError.self) {
                try await downloadFile("http://no-such-host.invalid/x", to: target, retries: quickRetries, http: http)
            }
            #expect(unknown?.reason == .unreachable)
            #expect(unknown?.description.contains("no-such-host.invalid") == true)
            let left = try folder.directory.list()
            #expect(left.isEmpty)
        }
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nshort",
        "HTTP/1.1 200 OK\r\nContent-Le", "", "garbage\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n",
    ])
    func `D-01 a body that is cut or malformed never gets the final name`(bytes: String) async throws {
        let result = try await download { _, connection in
            try await connection.send(bytes)
            try await connection.breakOff()
        }
        #expect(result.error != nil)
        #expect(result.error?.description.contains("/file") == true)
        #expect(result.leftovers.isEmpty)
        #expect(result.requests.count <= 4)
    }

    @Test func `D-01 a cut body is continued where it broke off`() async throws {
        let result = try await download { request, connection in
            if let range = request.header("range") {
                #expect(range == "bytes=5-")
                #expect(request.header("if-range") == "\"v1\"")
                try await connection.answer(
                    "206 Partial Content", ["Content-Range: bytes 5-9/10", "ETag: \"v1\""], body: "56789")
            } else {
                try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: \"v1\"\r\n\r\n01234")
                try await connection.breakOff()
            }
        }
        #expect(result.error == nil)
        #expect(result.content == "0123456789")
        #expect(result.requests.count == 2)
    }

    @Test func `D-01 content that changed in between starts over`() async throws {
        let result = try await download { request, connection in
            if request.header("range") != nil {
                try await connection.answer(["ETag: \"v2\""].isEmpty ? "" : "200 OK", ["ETag: \"v2\""], body: "new")
            } else {
                try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: \"v1\"\r\n\r\n01234")
                try await connection.breakOff()
            }
        }
        #expect(result.error == nil)
        #expect(result.content == "new")
    }

    @Test func `D-03 an endless body stops at the limit and gives the disk back`() async throws {
        var limits = TransferLimits()
        limits.fileSize = 3 << 20
        let result = try await download(limits: limits) { _, connection in
            try await connection.send("HTTP/1.1 200 OK\r\n\r\n")
            let block = [UInt8](repeating: 65, count: 1 << 16)
            while true { try await connection.send(block) }
        }
        #expect(result.error?.reason == .limit)
        #expect(result.leftovers.isEmpty)
        #expect(result.requests.count == 1)
    }

    @Test func `D-03 a declared terabyte is refused before the first byte`() async throws {
        let result = try await download { _, connection in
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\nx")
        }
        #expect(result.error?.reason == .limit || result.error?.reason == .noSpace)
        #expect(result.leftovers.isEmpty)
        #expect(result.requests.count == 1)
    }

    @Test func `D-03 a gzip bomb stays as small as it came`() async throws {
        // 10 MB of zeros as gzip; what it is does not matter, only that nobody unpacks it.
        let result = try await download { _, connection in
            try await connection.answer("200 OK", ["Content-Encoding: gzip"], body: "\u{1F}not unpacked")
        }
        #expect(result.error == nil)
        #expect(result.content == "\u{1F}not unpacked")
    }

    @Test func `D-03 a disk without room is refused before and during the transfer`() async throws {
        var limits = TransferLimits()
        limits.reservedSpace = .max / 2
        for declared in [true, false] {
            let result = try await download(limits: limits) { _, connection in
                try await connection.send("HTTP/1.1 200 OK\r\n\(declared ? "Content-Length: 5\r\n" : "")\r\nhello")
                try await connection.breakOff()
            }
            #expect(result.error?.reason == .noSpace)
            #expect(result.leftovers.isEmpty)
        }
    }

    @Test func `D-03 a silent and a dripping server are left`() async throws {
        let silent = try await download(stall: .milliseconds(300), retries: .none) { _, connection in
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        }
        #expect(silent.error?.reason == .stalled)
        #expect(silent.leftovers.isEmpty)

        let mute = try await download(stall: .milliseconds(300), retries: .none) { _, _ in }
        #expect(mute.error?.reason == .stalled)

        var limits = TransferLimits()
        limits.slowestInterval = .milliseconds(400)
        let dripping = try await download(limits: limits, retries: .none) { _, connection in
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while true {
                try await connection.send(".")
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        #expect(dripping.error?.reason == .stalled)
        #expect(dripping.leftovers.isEmpty)
    }

    @Test func `a cancelled download ends at once and leaves nothing`() async throws {
        try await withDownloads { folder, http in
            let (arrived, arrival) = AsyncStream.makeStream(of: Void.self)
            try await RawHTTPServer.serving({ _, connection in
                try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
                arrival.finish()
            }) { server in
                let task = Task {
                    try await downloadFile(
                        server.url("/x"), to: folder.path.appending("file"), retries: quickRetries, http: http)
                }
                for await _ in arrived {}
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
                let left = try folder.directory.list()
                #expect(left.isEmpty)
            }
        }
    }

    @Test func `the wire carries the path and query exactly as they were given`() async throws {
        try await withDownloads { _, http in
            try await RawHTTPServer.serving({ request, connection in try await connection.answer(body: request.target) }
            ) { server in
                for path in ["/a//b/../c", "/%2F%2e%2e?x=%20+y&z", "/a'b(c)*d!e;f=g@h:i,j$k&l", "/?", "/%C3%A4~_-."] {
                    let url = try HTTPURL(server.url(path))
                    let answer = try await http.send(OutgoingRequest(.GET, url))
                    let body = try await answer.collectedBody(limit: 1_000, from: url)
                    #expect(String(decoding: body, as: UTF8.self) == path)
                }
            }
        }
    }

    @Test func `a proxy is asked to connect, with its own credentials`() async throws {
        try await RawHTTPServer.serving({ request, connection in
            if request.method == "CONNECT" {
                #expect(request.target == "far.invalid:80")
                #expect(request.header("proxy-authorization") == "Basic dTpw")
                try await connection.send("HTTP/1.1 200 OK\r\n\r\n")
            } else {
                #expect(request.header("proxy-authorization") == nil)
                try await connection.answer(body: "through the proxy")
            }
        }) { proxy in
            let http = try OutgoingHTTP(environment: ["http_proxy": "http://u:p@127.0.0.1:\(proxy.port)"])
            let url = try HTTPURL("http://far.invalid/x")
            let answer = try await http.send(OutgoingRequest(.GET, url))
            #expect(try await answer.collectedBody(limit: 100, from: url) == Array("through the proxy".utf8))
            await http.shutdown()
            await #expect(throws: ArtifactError.self) { try await http.send(OutgoingRequest(.GET, url)) }
        }
    }
}
