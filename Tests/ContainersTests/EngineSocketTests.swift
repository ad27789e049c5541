import Containers
import Files
import JSON
import SystemPackage
import TestSupport
import Testing

/// The engine's own interface, played by a server that says what no real engine does.
///
/// What real ones say is tested on them.
@Suite(.timeLimit(.minutes(10))) struct EngineSocketTests {
    let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    private func answer(to method: String = "GET", saying bytes: String) async throws -> EngineSocket.Answer? {
        let path = folder.path.appending("engine.sock")
        let server = try RawServer(at: path) { connection in
            #expect(connection.receiveRequest().hasPrefix("\(method) /v1.41/x HTTP/1.0\r\n"))
            connection.send(Array(bytes.utf8))
        }
        defer { server.stop() }
        return try await EngineSocket(path, version: "/v1.41").ask(method, "/x", patience: .seconds(20))
    }

    @Test func `an answer is read to its end`() async throws {
        let found = try await answer(
            saying: "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{\"Id\": \"a\"}\n")
        #expect(
            found?.status == 200
                && found?.json == .object(JSONObject(members: [.init(name: "Id", value: .string("a"))])))
    }

    @Test(
        arguments: [
            ("HTTP/1.0 204 No Content\r\n\r\n", 204), ("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}", 404),
            ("HTTP/1.1 500 \r\ncontent-length:0\r\n\r\n", 500),
        ])
    func `a status alone is an answer`(bytes: String, status: Int) async throws {
        #expect(try await answer(to: "DELETE", saying: bytes)?.status == status)
    }

    @Test(
        arguments: [
            "", "HTTP/1.0 200 OK\r\nContent-Ty", "SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.0 twenty\r\n\r\n{}",
            // Broken off; in pieces that nobody asked for; no JSON.
            "HTTP/1.0 200 OK\r\nContent-Length: 20\r\n\r\n{\"a\": 1}",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            "HTTP/1.0 200 OK\r\n\r\n<html>", "HTTP/1.0 200 OK\r\n\r\n{\"a\": ",
        ])
    func `what is not an answer is left to the client`(bytes: String) async throws {
        let found = try await answer(saying: bytes)
        #expect(found == nil)
    }

    @Test func `where nobody listens the client is left to say so`() async throws {
        let path = folder.path.appending("none.sock")
        let found = try await EngineSocket(path).ask("GET", "/x", patience: .seconds(20))
        #expect(found == nil)
        let tooLong = try await EngineSocket(FilePath("/" + String(repeating: "a", count: 200))).ask(
            "GET", "/x", patience: .seconds(20))
        #expect(tooLong == nil)
    }

    @Test func `K-01 an engine that takes the question and says nothing, or not enough, is told apart`() async throws {
        for bytes in ["", "HTTP/1.0 200 OK\r\n\r\n{"] {
            let path = folder.path.appending("silent\(bytes.count).sock")
            let server = try RawServer(at: path) { connection in
                connection.send(Array(bytes.utf8))
                while !connection.receive().isEmpty {}
            }
            defer { server.stop() }
            await #expect(throws: EngineSocket.Silence.self) {
                try await EngineSocket(path).ask("GET", "/x", patience: .milliseconds(200))
            }
        }
    }

    @Test func `a question whose task is cancelled is given up`() async throws {
        let path = folder.path.appending("silent.sock")
        let asked = Signal("asked")
        let server = try RawServer(at: path) { connection in
            _ = connection.receiveRequest()
            let word = Array("asked".utf8)
            unsafe asked.see(word.span.bytes)
            while !connection.receive().isEmpty {}
        }
        defer { server.stop() }
        let question = Task { try await EngineSocket(path).ask("GET", "/x", patience: .seconds(1_000)) }
        await asked.wait()
        question.cancel()
        let found = try await question.value
        #expect(found == nil)
    }

    @Test func `what stands in a path or a query cannot leave it`() {
        #expect(EngineSocket.encoded("registry:5000/a_b-c:1@sha256:0") == "registry:5000/a_b-c:1@sha256:0")
        #expect(EngineSocket.encoded("{\"é\": 1}\r\n?&%") == "%7B%22%C3%A9%22:%201%7D%0D%0A%3F%26%25")
    }
}
