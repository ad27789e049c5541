import Artifacts
import Files
import HTTPTypes
import HummingbirdTesting
import NIOCore
import NIOHTTP1
import Processes
import SystemPackage
import TestSupport
import Testing

@testable import Server

/// The two kinds of storage a server can have.
enum TestedStorage: String, CaseIterable, CustomTestStringConvertible {
    case folder, s3

    var testDescription: String { rawValue }

    /// Those whose engines are there.
    static var available: [TestedStorage] { hasEngines("moto_server") ? allCases : [.folder] }
}

/// A server over one of them.
struct StorageFixture: Sendable {
    let server: ServerFixture
    /// What the server reaches under `mlflow-artifacts:/`, seen past the server.
    let repository: any ArtifactRepository
    /// The address of S3; empty for a folder.
    let endpoint: String

    static func serving<Result: Sendable>(
        _ kind: TestedStorage, _ body: @Sendable (StorageFixture) async throws -> Result
    ) async throws -> Result {
        let folder = try TemporaryDirectory(prefix: "storage-test")
        let http = OutgoingHTTP()
        var s3: S3Server?
        let repository: any ArtifactRepository
        switch kind {
        case .folder: repository = LocalArtifactRepository(root: folder.path.appending("root"))
        case .s3:
            let started = try await S3Server(folder: folder, starter: try Keeper.launch(), http: http)
            s3 = started
            repository = try S3ArtifactRepository(
                "s3://artifacts/server/root", settings: S3Settings(environment: started.environment, http: http))
        }
        let server = try await ServerFixture { $0.artifactRoots = ArtifactRoots(repository: repository) }
        let result = try await body(
            StorageFixture(server: server, repository: repository, endpoint: s3?.endpoint ?? ""))
        await http.shutdown()
        await s3?.stop()
        return result
    }

    func text(_ path: String) async throws -> String {
        var bytes = ByteBuffer()
        for try await var part in try await repository.read(RelativePath(path)).body { bytes.writeBuffer(&part) }
        return String(buffer: bytes)
    }
}

/// What holds for every storage, asked through the server.
@Suite("artifact storages", .serialized, .timeLimit(.minutes(10)))
struct ArtifactStorageTests {
    private static let proxy = "/api/2.0/mlflow-artifacts/artifacts"

    @Test(arguments: TestedStorage.available)
    func `files are written, listed, read in part, replaced and deleted`(kind: TestedStorage) async throws {
        try await StorageFixture.serving(kind) { storage in
            try await storage.server.withClient { client in
                let path = "\(Self.proxy)/1/r/artifacts/d%20e/%E6%97%A5.bin"
                #expect(try await client.call(.put, path, "0123456789").status == 200)
                #expect(try await client.call(.put, "\(Self.proxy)/1/r/artifacts/d%20e/empty", "").status == 200)
                #expect(try await client.call(.get, path).text == "0123456789")
                #expect(try await client.call(.get, "\(Self.proxy)/1/r/artifacts/d%20e/empty").text.isEmpty)
                #expect(
                    try await client.call(.get, "\(Self.proxy)?path=1/r/artifacts/d%20e").text
                        == #"{"files":[{"path":"empty","is_dir":false},{"path":"日.bin","is_dir":false,"file_size":10}]}"#
                )
                #expect(
                    try await client.call(.get, "\(Self.proxy)?path=1/r").text
                        == #"{"files":[{"path":"artifacts","is_dir":true}]}"#)
                // A file has no list, nor has what is not there.
                #expect(try await client.call(.get, "\(Self.proxy)?path=1/r/artifacts/d%20e/empty").text == "{}")
                #expect(try await client.call(.get, "\(Self.proxy)?path=nowhere").text == "{}")
                for (range, status, text) in [
                    ("bytes=2-4", 206, "234"), ("bytes=-2", 206, "89"), ("bytes=20-", 416, ""),
                    ("bytes=0-99", 206, "0123456789"), ("bytes=4-2", 200, "0123456789"),
                ] {
                    try await client.execute(uri: path, method: .get, headers: [.range: range]) { response in
                        #expect(response.status.code == status)
                        #expect(String(buffer: response.body) == text)
                        #expect(status == 416 || response.headers[.contentDisposition]?.hasPrefix("attachment") == true)
                    }
                }
                #expect(try await client.call(.put, path, "second").status == 200)
                #expect(try await client.call(.get, path).text == "second")
                #expect(try await storage.text("1/r/artifacts/d e/日.bin") == "second")
                #expect(try await client.call(.delete, path).text == "{}")
                #expect(try await client.call(.delete, path).status == 200)
                let gone = try await client.call(.get, path)
                #expect(gone.status == 404 && member("error_code", of: gone.text) == "RESOURCE_DOES_NOT_EXIST")
                #expect(try await client.call(.delete, "\(Self.proxy)/1").status == 200)
                #expect(try await client.call(.get, Self.proxy).text == "{}")
            }
        }
    }

    @Test(arguments: TestedStorage.available)
    func `A-01 A-03 A-04 paths are refused alike by all of them`(kind: TestedStorage) async throws {
        try await StorageFixture.serving(kind) { storage in
            try await storage.server.withClient { client in
                _ = try await client.call(.put, "\(Self.proxy)/folder/inner.txt", "x")
                let names =
                    ArtifactRouteTests.escapes + [
                        String(repeating: "a", count: 256), String(repeating: "a/", count: 2500) + "a", "folder/", "",
                        "//", "a//b",
                    ]
                for name in names {
                    for (method, uri, body) in [
                        (.get, "\(Self.proxy)/\(name)", nil), (.put, "\(Self.proxy)/\(name)", "planted"),
                        (.delete, "\(Self.proxy)/\(name)", nil),
                        (.post, "/api/2.0/mlflow-artifacts/mpu/create/\(name)", #"{"path":"/x/y","num_parts":1}"#),
                        (.post, "/api/2.0/mlflow-artifacts/mpu/complete/\(name)", #"{"path":"y","upload_id":"u"}"#),
                        (.post, "/api/2.0/mlflow-artifacts/mpu/abort/\(name)", #"{"path":"y","upload_id":"u"}"#),
                        (.get, "/api/2.0/mlflow-artifacts/presigned/\(name)", nil),
                    ] as [(HTTPRequest.Method, String, String?)] {
                        // A slash at the end only says that a folder is meant.
                        if name == "folder/", method == .delete || method == .post { continue }
                        if name == "folder/", kind == .folder, uri.contains("presigned") { continue }
                        let answer = try await client.call(method, uri, body)
                        #expect((400..<500).contains(answer.status), "\(method) \(uri.prefix(120)): \(answer)")
                    }
                }
                // A folder is no file.
                #expect(try await client.call(.get, "\(Self.proxy)/folder").status == 400)
                #expect(try await client.call(.get, Self.proxy).text == #"{"files":[{"path":"folder","is_dir":true}]}"#)
            }
            #expect(try await storage.text("folder/inner.txt") == "x")
        }
    }

    @Test(arguments: TestedStorage.available, ["content-length: 30000000", "transfer-encoding: chunked"])
    func `A-36 an upload that is cut off leaves the old content and nothing else`(
        kind: TestedStorage, framing: String
    ) async throws {
        try await StorageFixture.serving(kind) { storage in
            try await storage.repository.write(RelativePath("a.bin"), ByteStream(ByteBuffer(string: "old")), length: 3)
            try await storage.server.withEndpoint { endpoint in
                let client = try RawClient(uri: endpoint.uri)
                // Enough for a first part to be sent to S3.
                let piece = String(repeating: "n", count: 20 << 20)
                let part =
                    framing.hasPrefix("content")
                    ? piece : "\(String(piece.utf8.count, radix: 16))\r\n\(piece)\r\nffff\r\nn"
                await client.send(
                    "PUT \(Self.proxy)/a.bin HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer \(endpoint.token)\r\n"
                        + "\(framing)\r\n\r\n\(part)")
                client.finishSending()
                #expect(firstStatus(await client.receive()) != 200)
            }
            #expect(try await storage.text("a.bin") == "old")
            #expect(try await storage.repository.list(.root).map(\.path.string) == ["a.bin"])
            if kind == .s3 {
                // No parts that cost money, either.
                let http = OutgoingHTTP()
                let url = try HTTPURL("\(storage.endpoint)/artifacts?uploads")
                let answer = try await http.send(OutgoingRequest(.GET, url)).collectedBody(limit: 1 << 20, from: url)
                let listing = String(decoding: answer, as: UTF8.self)
                #expect(listing.contains("ListMultipartUploadsResult") && !listing.contains("<UploadId>"))
                await http.shutdown()
            }
        }
    }

    @Test(arguments: TestedStorage.available, [true, false])
    func `A-34 large files pass through with little memory`(kind: TestedStorage, isAnnounced: Bool) async throws {
        try await StorageFixture.serving(kind) { storage in
            try await storage.server.withEndpoint { endpoint in
                let http = OutgoingHTTP()
                let url = try HTTPURL("\(endpoint.uri)\(Self.proxy)/large.bin")
                let size: Int64 = 192 << 20
                let before = try memoryPeak(reset: true)
                let sent = try await http.send(
                    OutgoingRequest(
                        .PUT, url, body: .stream(pattern(size), length: isAnnounced ? size : nil),
                        credentials: .bearer(token: endpoint.token)))
                _ = try await sent.collectedBody(limit: 1 << 20, from: url)
                #expect(sent.status == .ok)
                let got = try await http.send(OutgoingRequest(.GET, url, credentials: .bearer(token: endpoint.token)))
                #expect(got.contentLength == size)
                var expected = pattern(size).makeAsyncIterator()
                var rest = ByteBuffer()
                for try await var part in got.body {
                    while part.readableBytes > 0 {
                        if rest.readableBytes == 0 { rest = try #require(try await expected.next()) }
                        let count = min(part.readableBytes, rest.readableBytes)
                        try #require(part.readSlice(length: count) == rest.readSlice(length: count))
                    }
                }
                #expect(rest.readableBytes == 0)
                #expect(try await expected.next() == nil)
                // Client and server are both in this process.
                #expect(try memoryPeak(reset: false) - before < 64 << 20)
                await http.shutdown()
            }
        }
    }

    @Test(arguments: PythonClient.available.filter { $0 == .mlflow3 }, ["artifact_proxy.py", "artifact_parts.py"])
    func `MLflow's client keeps its artifacts in S3 behind the server`(client: PythonClient, script: String)
        async throws
    {
        try await StorageFixture.serving(.s3) { storage in
            let folder = storage.server.folder.path
            try await storage.server.withEndpoint { endpoint in
                try await client.run(
                    script, against: endpoint, in: folder, variables: ["TEST_S3_ENDPOINT": storage.endpoint])
            }
        }
    }
}

/// Bytes that differ from place to place, in pieces of 256 KiB.
private func pattern(_ size: Int64) -> ByteStream {
    ByteStream {
        var offset: Int64 = 0
        return {
            guard offset < size else { return nil }
            var buffer = ByteBuffer()
            let count = min(256 << 10, size - offset)
            buffer.writeRepeatingByte(UInt8(truncatingIfNeeded: offset >> 18), count: Int(count))
            buffer.setInteger(offset, at: 0)
            offset += count
            return buffer
        }
    }
}

/// The most memory this process has had since the last reset, in bytes.
private func memoryPeak(reset: Bool) throws -> Int64 {
    if reset {
        let control = try FileDescriptor.open(FilePath("/proc/self/clear_refs"), .writeOnly)
        _ = try control.writeAll("5".utf8)
        try control.close()
    }
    let status = String(decoding: try readFile("/proc/self/status", limit: 1 << 20), as: UTF8.self)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
    return try #require(line.split(separator: " ").compactMap { Int64($0) }.first) << 10
}
