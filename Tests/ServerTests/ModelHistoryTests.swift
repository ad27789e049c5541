import HTTPTypes
import HummingbirdTesting
import JSON
import SQLiteStore
import Testing
import Tracking

@testable import Server

@Suite("the history of logged models")
struct ModelHistoryTests {
    private func log(_ runID: String, path: String, on client: any TestClientProtocol) async throws -> Int {
        let model =
            #"{"artifact_path":"\#(path)","flavors":{"sklearn":{"config":{"x":1},"v":"1"}},"utc_time_created":"now","#
            + #""run_id":"\#(runID)","signature":{"inputs":"[]"},"model_uuid":"u"}"#
        var writer = JSONWriter()
        writer.object {
            $0.field("run_id", runID)
            $0.field("model_json", model)
        }
        return try await client.post("runs/log-model", String(decoding: writer.bytes, as: UTF8.self)).status
    }

    private func history(_ fixture: ServerFixture, _ runID: String) async throws -> String? {
        try await fixture.store.run(id: runID).data.tag("mlflow.log-model.history")
    }

    @Test func `models are appended without their configuration`() async throws {
        let fixture = try await ServerFixture()
        let runID = try await fixture.store.createRun(RunCreation(experimentID: "0", startTime: 1)).info.runID
        try await fixture.withClient { client in
            let first = try await log(runID, path: "a", on: client)
            let second = try await log(runID, path: "b", on: client)
            #expect(first == 200 && second == 200)
            let entry = { (path: String) in
                #"{"artifact_path":"\#(path)","utc_time_created":"now","run_id":"\#(runID)","model_uuid":"u","#
                    + #""flavors":{"sklearn":{"v":"1"}}}"#
            }
            #expect(try await history(fixture, runID) == "[\(entry("a")),\(entry("b"))]")
        }
    }

    @Test func `models logged at once are all there, and a full history forgets the oldest`() async throws {
        let fixture = try await ServerFixture()
        let runID = try await fixture.store.createRun(RunCreation(experimentID: "0", startTime: 1)).info.runID
        try await fixture.withClient { client in
            try await withThrowingTaskGroup { group in
                for index in 0..<20 {
                    group.addTask { _ = try await log(runID, path: "m\(index)", on: client) }
                }
                try await group.waitForAll()
            }
            let text = try #require(try await history(fixture, runID))
            for index in 0..<20 { #expect(text.contains("\"m\(index)\"")) }
            _ = try await log(runID, path: String(repeating: "x", count: 6000), on: client)
            let full = try #require(try await history(fixture, runID))
            #expect(full.utf8.count <= 8000)
            #expect(try JSONReader.read(full.utf8.span) != nil)
            #expect(full.contains("xxx"))
        }
    }

    @Test(arguments: ["{", "[]", #"{"artifact_path":"a"}"#])
    func `what is no model is refused`(model: String) async throws {
        try await ServerFixture().withClient { client in
            var writer = JSONWriter()
            writer.object {
                $0.field("run_id", "a")
                $0.field("model_json", model)
            }
            let answer = try await client.post("runs/log-model", String(decoding: writer.bytes, as: UTF8.self))
            #expect(answer.status == 400)
        }
    }
}
