import Diagnostics
import TestSupport
import Testing
import Tracking

@testable import RemoteStore

/// What comes back may be anything; it becomes an error that names the server (rules R11, R15, R20, promise P8).
@Suite(.timeLimit(.minutes(10)))
struct HostileServerTests {
    /// The error of a look-up to which the server answers as the script says.
    private func failure(
        _ environment: [String: String] = [:],
        script: @escaping @Sendable (ScriptedServer.Connection) async throws -> Void
    ) async throws -> TrackingError {
        var settings = ["MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"]
        settings.merge(environment) { $1 }
        return try await ScriptedServer.withStore(settings) { _, _, connection in
            try await script(connection)
        } _: { store, _ in
            try await #require(throws: TrackingError.self) { _ = try await store.run(id: "r1") }
        }
    }

    @Test func `R11 a body without end is cut at the limit`() async throws {
        let error = try await failure { connection in
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
            let piece = String(repeating: "1,", count: 1 << 19)
            for _ in 0..<64 { try await connection.send(piece) }
        }
        #expect(error.code == .resourceExhausted)
        #expect(error.message.contains("longer than \(ServerConnection.answerLimit) bytes"))
        #expect(error.remedy == "ask for fewer results at once")
    }

    @Test(arguments: [
        ("not json", "not JSON"), ("[1]", "it is no object"), ("{\"run\":", "not JSON"), ("null", "it is no object"),
        (#"{"run":{},"run":{}}"#, "'run' is given twice"), ("\"\u{1}\"", "not JSON"), ("{}", "lacks 'run'"),
        (#"{"run":[]}"#, "has something else than expected as 'run'"), (#"{"run":{}}"#, "lacks 'info' in 'run'"),
        (#"{"run":{"info":{"experiment_id":"0"}}}"#, "lacks 'run_id' in 'info'"),
        (#"{"run":{"info":{"run_id":"a","experiment_id":"0","status":"LOST"}}}"#, "as 'status' in 'info'"),
        (#"{"run":{"info":{"run_id":"a","experiment_id":"0","start_time":"soon"}}}"#, "as 'start_time' in 'info'"),
        (#"{"run":{"info":{"run_id":"a","experiment_id":"0"},"data":{"metrics":[1]}}}"#, "as 'metrics' in 'data'"),
        (#"{"run":{"info":{"run_id":"a","experiment_id":"0"},"data":{"metrics":[{"key":"k"}]}}}"#, "lacks 'value'"),
        (#"{"run":{"info":{"run_id":{},"experiment_id":"0"}}}"#, "as 'run_id' in 'info'"),
    ])
    func `R11 wrong JSON is an error that names the server`(body: String, part: String) async throws {
        let error = try await failure { try await $0.answer(body) }
        #expect(error.code == .internalError)
        #expect(error.message.contains(part), "\(error.message)")
        #expect(error.message.contains("'http://127.0.0.1:"))
    }

    @Test func `R11 deep nesting is refused`() async throws {
        let error = try await failure {
            try await $0.answer(#"{"run":"# + String(repeating: "[", count: 100_000))
        }
        #expect(error.message.contains("nested deeper than 64 levels"))
    }

    @Test func `R15 a redirect is not followed, and the credentials stay here`() async throws {
        try await ScriptedServer.serving({ _, _, connection in try await connection.answer(runJSON()) }) { other in
            let target = "http://user:secret@127.0.0.1:\(other.port)/login?token=abc"
            let error = try await failure(["MLFLOW_TRACKING_TOKEN": "t0ken"]) {
                try await $0.answer("", status: "302 Found", ["Location: \(target)"])
            }
            #expect(error.message.contains("redirects to 'http://127.0.0.1:\(other.port)/login?token=***'"))
            #expect(error.remedy?.contains("tracking URI") == true)
            #expect(other.requests.isEmpty)
        }
    }

    @Test func `P9 a login page is not taken for an answer`() async throws {
        let page = "<!doctype html><html><body>Please log in</body></html>"
        let error = try await failure { try await $0.answer(page, type: "text/html") }
        #expect(error.message.contains("status 200 and a text of type 'text/html' that is not JSON"))
        #expect(error.remedy?.contains("login page") == true)
    }

    @Test(arguments: [
        ("404 Not Found", "<html>x</html>", TrackingError.Code.endpointNotFound, "answered with status 404"),
        ("404 Not Found", #"{"detail":"Not Found"}"#, .endpointNotFound, "Not Found"),
        ("401 Unauthorized", "You are not authenticated.", .unauthenticated, "status 401: You are not authenticated."),
        ("403 Forbidden", "Invalid Host header", .permissionDenied, "status 403: Invalid Host header"),
        ("413 Content Too Large", "", .invalidParameterValue, "status 413"),
        ("409 Conflict", #"{"error_code":"NEW_CODE","message":"m"}"#, .resourceConflict, "NEW_CODE: m"),
        ("400 Bad Request", #"{"error_code":"RESOURCE_ALREADY_EXISTS","message":"m"}"#, .resourceAlreadyExists, "m"),
        ("500 Oops", #"{"error_code":"INVALID_STATE","message":"m"}"#, .invalidState, "m"),
        ("418 Teapot", #"{"error_code":7,"message":[]}"#, .badRequest, "7: "),
    ])
    func `P9 a refusal keeps the server's code and words`(
        status: String, body: String, code: TrackingError.Code, part: String
    ) async throws {
        let error = try await failure { try await $0.answer(body, status: status, type: "text/html") }
        #expect(error.code == code)
        #expect(error.message.contains(part), "\(error.message)")
        #expect(!error.message.contains("<html>"))
    }

    @Test func `R20 control characters and secrets in a server's words do no harm`() async throws {
        let error = try await failure {
            try await $0.refuse(
                "400 Bad Request", code: "BAD_REQUEST", message: #"see https://a:pw@host/?token=x\u001b[31m"#)
        }
        #expect(error.message.contains("https://host/?token=***"))
        #expect(!error.description.contains("\u{1B}"))
    }

    @Test func `R15 a server that never answers is given up in time`() async throws {
        let start = ContinuousClock.now
        let error = try await failure(["MLFLOW_HTTP_REQUEST_TIMEOUT": "1"]) { _ in }
        #expect(error.code == .deadlineExceeded)
        #expect(error.remedy?.contains("MLFLOW_HTTP_REQUEST_TIMEOUT") == true)
        #expect(ContinuousClock.now - start < .seconds(200))
    }

    @Test func `R15 an answer that trickles for ever is given up in time`() async throws {
        try await ScriptedServer.serving { _, _, connection in
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while true {
                try await connection.send(" ")
                // The pace of the attack, not something to wait for.
                try await Task.sleep(for: .milliseconds(50))
            }
        } _: { server in
            var hurried = try server.store(["MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"])
            hurried.server.retries.longestExchange = .seconds(3)
            let store = hurried
            let error = await #expect(throws: TrackingError.self) { _ = try await store.run(id: "r1") }
            #expect(error?.code == .deadlineExceeded)
            #expect(error?.message.contains("did not finish its answer") == true)
            await store.close()
        }
    }

    @Test func `R15 an answer that is cut is not used`() async throws {
        let error = try await failure { connection in
            let whole = runJSON()
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(whole.utf8.count + 10)\r\n\r\n\(whole)")
            try await connection.breakOff()
        }
        #expect(error.code == .temporarilyUnavailable)
        #expect(error.message.contains("broke off"))
    }

    @Test func `R15 what is not HTTP, or not TLS, is said to be so`() async throws {
        let error = try await failure { try await $0.send("SSH-2.0-OpenSSH_9.2\r\n\r\n") }
        #expect(error.message.contains("is not HTTP"), "\(error.message)")

        try await ScriptedServer.serving({ _, _, _ in }) { server in
            let store = try RemoteStore(
                "https://127.0.0.1:\(server.port)",
                environment: ["MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "1"])
            let error = await #expect(throws: TrackingError.self) { _ = try await store.run(id: "r1") }
            #expect(error?.message.contains("within the time limit") == true, "\(error?.message ?? "")")
            await store.close()
        }
    }

    @Test func `R11 random answers never trap`() async throws {
        try await ScriptedServer.withStore(["MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"]) { _, index, connection in
            var generator = SeededGenerator(seed: UInt64(index))
            var bytes = Array(runJSON().utf8)
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[place] = Array(#"{}[]",:0-eNul\"#.utf8).randomElement(using: &generator) ?? 0
            }
            try await connection.answer(String(decoding: bytes, as: UTF8.self))
        } _: { store, server in
            for _ in 0..<300 { _ = try? await store.run(id: "r1") }
            #expect(server.requests.count == 300)
        }
    }
}
