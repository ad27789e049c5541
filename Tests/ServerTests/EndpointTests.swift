import Files
import SQLiteStore
import SystemPackage
import TestSupport
import Testing
import Tracking

@testable import Server

@Suite("the children's endpoint")
struct EndpointTests {
    private func request(_ path: String, token: String?, host: String = "127.0.0.1") -> String {
        let authorization = token.map { "authorization: Bearer \($0)\r\n" } ?? ""
        return "GET \(path) HTTP/1.1\r\nhost: \(host)\r\n\(authorization)connection: close\r\n\r\n"
    }

    @Test(.timeLimit(.minutes(10)))
    func `nobody connects: opening and closing is all there is`() async throws {
        let fixture = try await ServerFixture()
        let taken = try await ContinuousClock().measure {
            // As many as would take minutes if each waited for a client that may still come.
            for _ in 0..<200 {
                let endpoint = try TrackingEndpoint(store: fixture.store, settings: fixture.settings)
                await endpoint.close()
                // A second call is as good.
                await endpoint.close()
            }
        }
        #expect(taken < .seconds(30))
        await fixture.store.close()
    }

    @Test(.timeLimit(.minutes(10)))
    func `X-30 the endpoint is on the loopback only and asks for its token`() async throws {
        try await ServerFixture().withEndpoint { endpoint in
            #expect(endpoint.uri.hasPrefix("http://127.0.0.1:"))
            let path = "/api/2.0/mlflow/experiments/get?experiment_id=0"
            for (token, status) in [(nil, 401), ("wrong", 401), (endpoint.token, 200)] {
                let client = try RawClient(uri: endpoint.uri)
                await client.send(request(path, token: token))
                #expect(firstStatus(await client.receive()) == status)
            }
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `a client that connects in the last moment is still answered`() async throws {
        let fixture = try await ServerFixture()
        let endpoint = try TrackingEndpoint(store: fixture.store, settings: fixture.settings)
        let client = try RawClient(uri: endpoint.uri)
        await client.send(request("/api/2.0/mlflow/experiments/get?experiment_id=0", token: endpoint.token))
        client.finishSending()
        await endpoint.close()
        #expect(firstStatus(await client.receive()) == 200)
        await fixture.store.close()
    }

    @Test(.timeLimit(.minutes(10)))
    func `writes whose client is gone already are finished at the end`() async throws {
        let fixture = try await ServerFixture()
        let run = try await fixture.store.createRun(RunCreation(experimentID: "0", startTime: 1))
        let endpoint = try TrackingEndpoint(store: fixture.store, settings: fixture.settings)
        for index in 0..<20 {
            let client = try RawClient(uri: endpoint.uri)
            let body = #"{"run_id":"\#(run.info.runID)","key":"k\#(index)","value":"v"}"#
            await client.send(
                "POST /api/2.0/mlflow/runs/log-parameter HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
                    + "authorization: Bearer \(endpoint.token)\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)")
        }
        await endpoint.close()
        #expect(try await fixture.store.run(id: run.info.runID).data.params.count == 20)
        await fixture.store.close()
    }

    @Test(.timeLimit(.minutes(10)))
    func `an idle connection does not keep the endpoint from closing`() async throws {
        let fixture = try await ServerFixture()
        let endpoint = try TrackingEndpoint(store: fixture.store, settings: fixture.settings)
        let client = try RawClient(uri: endpoint.uri)
        await client.send("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        _ = await client.receive { $0.hasSuffix("OK") }
        // A connection that is waited for is cut after the grace.
        let taken = await ContinuousClock().measure { await endpoint.close(grace: .seconds(1000)) }
        #expect(taken < .seconds(300))
        #expect(await client.receive() == "")
        await fixture.store.close()
    }

    @Test(.timeLimit(.minutes(10)), arguments: PythonClient.available)
    func `the fluent client logs into the runner's run`(client: PythonClient) async throws {
        let fixture = try await ServerFixture()
        let run = try await fixture.store.createRun(RunCreation(experimentID: "0", name: "parent", startTime: 1))
        try await fixture.withEndpoint { endpoint in
            try await client.run(
                "fluent_client.py", against: endpoint, in: fixture.folder.path,
                variables: ["MLFLOW_RUN_ID": run.info.runID])
        }
        // Same machine, plain local location: the client has written the files itself, in MLflow's own layout.
        let artifact = fixture.folder.path.appending("mlruns/0/\(run.info.runID)/artifacts/one.txt")
        #expect(fileStatus(artifact)?.size == 3)
    }

    @Test(.timeLimit(.minutes(10)), arguments: PythonClient.present(among: [.completeMLflow]))
    func `what MLflow's documentation shows works as it is written`(client: PythonClient) async throws {
        let fixture = try await ServerFixture()
        try await fixture.withEndpoint { endpoint in
            try await client.run("documented_workflow.py", against: endpoint, in: fixture.folder.path)
        }
    }

    @Test(
        .timeLimit(.minutes(10)), arguments: PythonClient.available,
        ["tracking_client.py", "artifact_proxy.py", "registry.py"])
    func `the client's scenarios pass`(client: PythonClient, script: String) async throws {
        let fixture = try await ServerFixture()
        try await fixture.withEndpoint { endpoint in
            try await client.run(script, against: endpoint, in: fixture.folder.path)
        }
    }

    @Test(.timeLimit(.minutes(10)), arguments: PythonClient.available.filter { $0 == .mlflow3 })
    func `logged models, which only newer clients know`(client: PythonClient) async throws {
        let fixture = try await ServerFixture()
        try await fixture.withEndpoint { endpoint in
            try await client.run("logged_models.py", against: endpoint, in: fixture.folder.path)
        }
    }
}
