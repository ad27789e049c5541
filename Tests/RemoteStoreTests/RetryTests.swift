import Synchronization
import Testing
import Tracking

@testable import RemoteStore

/// After which failures a call is sent again (rules R15 and P3).
@Suite(.timeLimit(.minutes(10)))
struct RetryTests {
    private let creation = RunCreation(experimentID: "0", startTime: 1)

    @Test(arguments: ["429 Too Many Requests", "503 Service Unavailable"])
    func `R15 a creation is sent again when the server turned it away`(status: String) async throws {
        try await ScriptedServer.withStore { _, index, connection in
            guard index == 2 else {
                return try await connection.refuse(status, code: "REQUEST_LIMIT_EXCEEDED", ["Retry-After: 0"])
            }
            try await connection.answer(runJSON("created"))
        } _: { store, server in
            let run = try await store.createRun(creation)
            #expect(run.info.runID == "created")
            #expect(server.calls == ["runs/create", "runs/create", "runs/create"])
        }
    }

    @Test func `R15 a creation whose answer was lost is not sent again, and the error says what that means`()
        async throws
    {
        try await ScriptedServer.withStore { _, _, connection in
            try await connection.breakOff()
        } _: { store, server in
            let error = try await #require(throws: TrackingError.self) { _ = try await store.createRun(creation) }
            #expect(server.calls == ["runs/create"])
            #expect(error.code == .temporarilyUnavailable)
            #expect(error.remedy?.contains("look before trying again") == true)
        }
    }

    @Test(arguments: ["500 Internal Server Error", "502 Bad Gateway", "504 Gateway Timeout", "408 Request Timeout"])
    func `R15 a creation that failed on the way is not sent again, a look-up is`(status: String) async throws {
        try await ScriptedServer.withStore { request, index, connection in
            if request.call == "runs/get", index > 1 { return try await connection.answer(runJSON()) }
            try await connection.answer("<html>oops</html>", status: status, type: "text/html")
        } _: { store, server in
            await #expect(throws: TrackingError.self) { _ = try await store.createRun(creation) }
            _ = try await store.run(id: "r1")
            #expect(server.calls == ["runs/create", "runs/get", "runs/get"])
        }
    }

    @Test func `R15 what can be done twice is sent again after a lost answer`() async throws {
        try await ScriptedServer.withStore { _, index, connection in
            if index < 2 { return try await connection.breakOff() }
            try await connection.answer()
        } _: { store, server in
            try await store.setTag(Tag("k", "v"), runID: "r1")
            #expect(server.calls == ["runs/set-tag", "runs/set-tag", "runs/set-tag"])
        }
    }

    @Test func `R15 a removal whose answer was lost has happened when nothing is left to remove`() async throws {
        try await ScriptedServer.withStore { _, index, connection in
            if index == 0 { return try await connection.breakOff() }
            try await connection.refuse("404 Not Found", code: "RESOURCE_DOES_NOT_EXIST")
        } _: { store, server in
            try await store.deleteTag("k", runID: "r1")
            #expect(server.calls.count == 2)
            let error = await #expect(throws: TrackingError.self) { try await store.deleteTag("k", runID: "r1") }
            #expect(error?.code == .resourceDoesNotExist)
        }
    }

    @Test func `R15 a refusal is final, and a fault inside the server soon`() async throws {
        try await ScriptedServer.withStore { request, _, connection in
            if request.call == "runs/get" {
                return try await connection.refuse("400 Bad Request", code: "INVALID_PARAMETER_VALUE")
            }
            try await connection.refuse("500 Internal Server Error", code: "INTERNAL_ERROR", message: "locked")
        } _: { store, server in
            await #expect(throws: TrackingError.self) { _ = try await store.run(id: "r1") }
            let error = await #expect(throws: TrackingError.self) { try await store.deleteRun(id: "r1") }
            #expect(error?.code == .internalError && error?.message == "locked (tried 4 times)")
            #expect(server.calls == ["runs/get"] + Array(repeating: "runs/delete", count: 4))
        }
    }

    @Test func `R15 no more retries than the user wants`() async throws {
        try await ScriptedServer.withStore(["MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"]) { _, _, connection in
            try await connection.answer("busy", status: "503 Service Unavailable", type: "text/plain")
        } _: { store, server in
            let error = await #expect(throws: TrackingError.self) { _ = try await store.run(id: "r1") }
            #expect(server.calls.count == 3)
            #expect(error?.message.hasSuffix("answered with status 503: busy (tried 3 times)") == true)
        }
    }

    @Test func `R15 pauses double, are spread at random, and never pass the cap whatever a server asks`() {
        var settings = RetrySettings()
        settings.jitter = 0
        let asked = (0..<6).map { settings.pause(before: $0, isHasty: false, asked: nil) }
        #expect(asked == [.zero, .seconds(4), .seconds(8), .seconds(16), .seconds(30), .seconds(30)])
        #expect(settings.pause(before: 0, isHasty: false, asked: .seconds(7)) == .seconds(7))
        #expect(settings.pause(before: 0, isHasty: false, asked: .seconds(86_400)) == .seconds(30))
        settings.respectsRetryAfter = false
        #expect(settings.pause(before: 0, isHasty: false, asked: .seconds(7)) == .zero)
        settings.jitter = 1
        let spread = Set((0..<20).map { _ in settings.pause(before: 0, isHasty: false, asked: nil) })
        #expect(spread.count > 1 && spread.allSatisfy { $0 <= .seconds(1) })
        #expect(settings.pause(before: Int.max, isHasty: true, asked: nil) <= .seconds(4))
    }

    @Test func `R15 a server that is not there is reported soon`() async throws {
        // A port that only root could listen on, and does not.
        let store = try RemoteStore("http://127.0.0.1:1", environment: [:])
        let error = await #expect(throws: TrackingError.self) { _ = try await store.createRun(creation) }
        #expect(error?.code == .temporarilyUnavailable)
        // Three short pauses, not the two minutes that a server which was there is waited for.
        #expect(error?.message.hasSuffix("(tried 4 times)") == true)
        #expect(error?.message.contains("the connection was refused by http://127.0.0.1:1") == true)
        #expect(error?.remedy == "is the server running?")
        await store.close()
    }

    @Test func `a write that was begun is finished although its task is cancelled`() async throws {
        let (arrived, arrival) = AsyncStream.makeStream(of: Void.self)
        let (released, release) = AsyncStream.makeStream(of: Void.self)
        try await ScriptedServer.withStore { _, _, connection in
            arrival.yield()
            for await _ in released { break }
            try await connection.answer(runJSON("kept"))
        } _: { store, _ in
            let task = Task { try await store.createRun(creation) }
            for await _ in arrived { break }
            task.cancel()
            release.yield()
            let run = try await task.value
            #expect(run.info.runID == "kept")
        }
    }

    @Test func `a look-up ends when its task is cancelled`() async throws {
        let (arrived, arrival) = AsyncStream.makeStream(of: Void.self)
        try await ScriptedServer.withStore { _, _, _ in
            arrival.yield()
        } _: { store, _ in
            let task = Task { try await store.run(id: "r1") }
            for await _ in arrived { break }
            task.cancel()
            await #expect(throws: CancellationError.self) { _ = try await task.value }
        }
    }
}
