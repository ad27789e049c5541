import Testing
import Tracking

@testable import RemoteStore

/// What the API has no single call for: the calls, their order, and what is left when one of them fails.
@Suite(.timeLimit(.minutes(10)))
struct SeveralCallsTests {
    private static let info = #"{"run_info":{"run_id":"r1","experiment_id":"0","status":"FINISHED","end_time":9}}"#

    private func answer(_ request: ScriptedServer.Request, _ connection: ScriptedServer.Connection) async throws {
        switch request.call {
        case "runs/create", "runs/get": try await connection.answer(runJSON())
        case "runs/update": try await connection.answer(Self.info)
        default: try await connection.answer()
        }
    }

    @Test func `a run's parameters follow in batches the API takes`() async throws {
        let params = (0..<250).map { Param("p\($0)", "\($0)") }
        try await ScriptedServer.withStore { request, _, connection in
            try await answer(request, connection)
        } _: { store, server in
            let run = try await store.createRun(
                RunCreation(experimentID: "0", startTime: 1, tags: [Tag("t", "v")], params: params))
            #expect(run.data.params.count == 250)
            #expect(server.calls == ["runs/create"] + Array(repeating: "runs/log-batch", count: 3))
            #expect(server.requests[0].body.contains(#""tags":[{"key":"t","value":"v"}]"#))
            let counts = server.requests.dropFirst().map { $0.body.split(separator: "\"key\"").count - 1 }
            #expect(counts == [100, 100, 50])
        }
    }

    @Test func `P4 a run whose parameters cannot be written does not stay behind as running`() async throws {
        try await ScriptedServer.withStore { request, _, connection in
            guard request.call != "runs/log-batch" else {
                return try await connection.refuse("400 Bad Request", code: "INVALID_PARAMETER_VALUE", message: "full")
            }
            try await answer(request, connection)
        } _: { store, server in
            let error = await #expect(throws: TrackingError.self) {
                _ = try await store.createRun(
                    RunCreation(experimentID: "0", startTime: 1, params: [Param("a", "1")]))
            }
            #expect(error?.message == "full")
            #expect(server.calls == ["runs/create", "runs/log-batch", "runs/update", "runs/delete"])
            #expect(server.requests[2].body.contains(#""status":"FAILED""#))
        }
    }

    @Test func `bad tags and parameters are refused before the run exists`() async throws {
        try await ScriptedServer.withStore { request, _, connection in
            try await answer(request, connection)
        } _: { store, server in
            for creation in [
                RunCreation(experimentID: "0", startTime: 1, params: [Param("a;b", "1")]),
                RunCreation(experimentID: "0", startTime: 1, tags: [Tag("../x", "1")]),
                RunCreation(experimentID: "x", startTime: 1),
            ] {
                await #expect(throws: TrackingError.self) { _ = try await store.createRun(creation) }
            }
            #expect(server.calls.isEmpty)
        }
    }

    @Test func `P4 an end is recorded after its reasons and before the runner's mark goes`() async throws {
        try await ScriptedServer.withStore { request, _, connection in
            if request.call == "runs/delete-tag" {
                return try await connection.refuse("404 Not Found", code: "RESOURCE_DOES_NOT_EXIST")
            }
            try await answer(request, connection)
        } _: { store, server in
            let info = try await store.updateRun(
                RunUpdate(
                    runID: "r1", status: .finished, endTime: 9, tags: [Tag(WellKnownTag.failureReason, "x")],
                    removedTags: [WellKnownTag.runner], respectsTerminalStatus: true))
            #expect(info.status == .finished)
            #expect(server.calls == ["runs/get", "runs/log-batch", "runs/update", "runs/delete-tag"])
        }
    }

    @Test func `an end that was recorded already stands`() async throws {
        try await ScriptedServer.withStore { _, _, connection in
            try await connection.answer(runJSON(status: "KILLED"))
        } _: { store, server in
            let info = try await store.updateRun(
                RunUpdate(runID: "r1", status: .finished, endTime: 9, respectsTerminalStatus: true))
            #expect(info.status == .killed)
            #expect(server.calls == ["runs/get", "runs/get"])
        }
    }

    @Test func `runs with a tag are looked for in all experiments, page by page`() async throws {
        try await ScriptedServer.withStore { request, index, connection in
            if request.call == "experiments/search" {
                let more = index == 0 ? #","next_page_token":"t""# : ""
                return try await connection.answer(#"{"experiments":[{"experiment_id":"\#(index)"}]\#(more)}"#)
            }
            try await connection.answer(
                #"{"runs":[{"info":{"run_id":"r\#(index)","experiment_id":"1"},"data":{"params":[{"key":"p"}]}}]"#
                    + (index == 2 ? #","next_page_token":"u"}"# : "}"))
        } _: { store, server in
            let runs = try await store.runs(withStatus: .running, havingTag: WellKnownTag.runner)
            #expect(runs.map(\.info.runID) == ["r2", "r3"])
            #expect(runs.allSatisfy { $0.data.params.isEmpty })
            #expect(server.calls == ["experiments/search", "experiments/search", "runs/search", "runs/search"])
            #expect(server.requests[2].body.contains(#""experiment_ids":["0","1"]"#))
            #expect(
                server.requests[2].body.contains("attributes.status = 'RUNNING' AND tags.`swiftflow.runner` LIKE '%'"))
        }
    }

    private static func pageOfRuns(_ values: Range<Int>, more: Bool) -> String {
        let runs = values.map { value in
            #"{"info":{"run_id":"r\#(value)","experiment_id":"0","status":"FINISHED"},"#
                + #""data":{"tags":[{"key":"kind","value":"v\#(value)"}]}}"#
        }
        return #"{"runs":[\#(runs.joined(separator: ","))]\#(more ? #","next_page_token":"t""# : "")}"#
    }

    @Test func `many values of a tag are looked for in the newest runs, no further than until all are found`()
        async throws
    {
        let values = Set((0..<40).map { "v\($0)" })
        try await ScriptedServer.withStore { _, index, connection in
            try await connection.answer(Self.pageOfRuns(index * 20..<index * 20 + 20, more: true))
        } _: { store, server in
            let found = try await store.latestRuns(withTag: "kind", among: values, experimentIDs: ["0"])
            #expect(found.count == 40)
            #expect(found["v39"]?.map(\.info.runID) == ["r39"])
            #expect(server.calls == ["runs/search", "runs/search"])
            #expect(server.requests[1].body.contains(#""page_token":"t""#))
            #expect(server.requests[1].body.contains("tags.`kind` LIKE '%'"))
        }
        // Where reading on costs more than asking, the rest is asked for.
        try await ScriptedServer.withStore { request, index, connection in
            if request.body.contains("LIKE") {
                return try await connection.answer(Self.pageOfRuns(index * 10..<index * 10 + 10, more: true))
            }
            try await connection.answer(request.body.contains("'v39'") ? Self.pageOfRuns(39..<40, more: false) : "{}")
        } _: { store, server in
            let found = try await store.latestRuns(withTag: "kind", among: values, experimentIDs: ["0"])
            #expect(found.count == 31)
            #expect(server.calls.count == 3 + 10)
            #expect(server.requests.filter { $0.body.contains("LIKE") }.count == 3)
        }
        try await ScriptedServer.withStore { _, _, connection in
            try await connection.answer(Self.pageOfRuns(0..<1, more: true))
        } _: { store, server in
            let found = try await store.latestRuns(withTag: "kind", among: ["v0"], experimentIDs: ["0"])
            #expect(found.count == 1)
            #expect(server.requests.map { $0.body.contains("tags.`kind` = 'v0'") } == [true])
        }
    }

    @Test func `a whole history is asked for in pages`() async throws {
        try await ScriptedServer.withStore { request, index, connection in
            let more = index < 2 ? #","next_page_token":"t\#(index)""# : ""
            try await connection.answer(#"{"metrics":[{"key":"m","value":"NaN","timestamp":\#(index)}]\#(more)}"#)
        } _: { store, server in
            let history = try await store.metricHistory(MetricHistoryQuery(runID: "r1", key: "a b/ü"))
            #expect(history.elements.map(\.timestamp) == [0, 1, 2])
            #expect(history.nextPageToken == nil)
            #expect(
                server.requests.last?.line
                    == "GET /api/2.0/mlflow/metrics/get-history"
                    + "?run_id=r1&metric_key=a%20b%2F%C3%BC&max_results=25000&page_token=t1")
        }
    }

    @Test func `A-12 an id that is no id never becomes a part of the address`() async throws {
        try await ScriptedServer.withStore { _, _, connection in
            try await connection.answer()
        } _: { store, server in
            for id in ["..", "a/b", "", "m-%2e"] {
                let error = await #expect(throws: TrackingError.self) { try await store.deleteLoggedModel(id: id) }
                #expect(error?.code == .resourceDoesNotExist)
            }
            try await store.deleteLoggedModelTag("a/../b ?", modelID: "m-1")
            #expect(server.requests.map(\.line) == ["DELETE /api/2.0/mlflow/logged-models/m-1/tags/a%2F..%2Fb%20%3F"])
        }
    }
}
