import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JSON
import SQLiteStore
import Testing
import Tracking

@testable import Server

@Suite("tracking routes")
struct TrackingRouteTests {
    private func createRun(_ client: any TestClientProtocol) async throws -> String {
        let answer = try await client.post("runs/create", #"{"experiment_id":"0","start_time":5,"run_name":"first"}"#)
        #expect(answer.status == 200, "\(answer.text)")
        return try #require(member("run_id", of: answer.text))
    }

    @Test func `an experiment is created, found, renamed, deleted and restored`() async throws {
        try await ServerFixture().withClient { client in
            let created = try await client.post("experiments/create", #"{"name":"a","tags":[{"key":"k","value":"v"}]}"#)
            #expect(created.text == #"{"experiment_id":"1"}"#)
            let found = try await client.get("experiments/get-by-name?experiment_name=a")
            #expect(found.text.contains(#""tags":[{"key":"k","value":"v"}]"#))
            #expect(found.text.contains(#""workspace":"default""#))
            #expect(try await client.post("experiments/update", #"{"experiment_id":"1","new_name":"b"}"#).text == "{}")
            #expect(try await client.post("experiments/delete", #"{"experiment_id":"1"}"#).status == 200)
            let deleted = try await client.get("experiments/get?experiment_id=1")
            #expect(member("lifecycle_stage", of: deleted.text) == "deleted")
            #expect(try await client.post("experiments/restore", #"{"experimentId":"1"}"#).status == 200)
            let again = try await client.post("experiments/create", #"{"name":"b"}"#)
            #expect(again.status == 400)
            #expect(
                again.text
                    == #"{"error_code":"RESOURCE_ALREADY_EXISTS","message":"Experiment(name=b) already exists."}"#)
            let search = try await client.post("experiments/search", #"{"max_results":5,"filter":"name = 'b'"}"#)
            #expect(member("name", of: search.text) == nil)
            #expect(search.text.hasPrefix(#"{"experiments":[{"experiment_id":"1","name":"b""#))
            #expect(try await client.post("experiments/search", "{}").status == 400)
        }
    }

    @Test func `a run is created, written and read as MLflow's clients expect`() async throws {
        try await ServerFixture().withClient { client in
            let id = try await createRun(client)
            for (call, body) in [
                ("runs/log-metric", #"{"run_id":"ID","key":"m","value":0.5,"timestamp":1,"step":2}"#),
                ("runs/log-metric", #"{"run_uuid":"ID","key":"n","value":"NaN","timestamp":"1"}"#),
                ("runs/log-parameter", #"{"run_id":"ID","key":"p","value":""}"#),
                ("runs/set-tag", #"{"run_id":"ID","key":"t","value":"x"}"#),
                (
                    "runs/log-batch",
                    #"{"run_id":"ID","metrics":[{"key":"m","value":1,"timestamp":2,"step":3}],"params":[{"key":"q","value":"1"}],"tags":[{"key":"u","value":"2"}]}"#
                ),
                (
                    "runs/log-inputs",
                    #"{"run_id":"ID","datasets":[{"tags":[{"key":"mlflow.data.context","value":"train"}],"dataset":{"name":"d","digest":"1","source_type":"local","source":"s"}}]}"#
                ),
            ] {
                let answer = try await client.post(call, body.replacing("ID", with: id))
                #expect(answer.status == 200, "\(call): \(answer.text)")
                #expect(answer.text == "{}")
            }
            let run = try await client.get("runs/get?run_id=\(id)").text
            #expect(
                run.contains(
                    #""metrics":[{"key":"m","value":1.0,"timestamp":2,"step":3},{"key":"n","value":"NaN","timestamp":1,"step":0}]"#
                ))
            #expect(run.contains(#""params":[{"key":"p","value":""},{"key":"q","value":"1"}]"#))
            #expect(run.contains(#""user_id":"""#))
            #expect(run.contains(#""status":"RUNNING","start_time":5,"artifact_uri""#))
            #expect(run.contains(#""outputs":{}"#))
            #expect(run.contains(#""dataset":{"name":"d","digest":"1","source_type":"local","source":"s"}"#))
            let history = try await client.get("metrics/get-history?run_id=\(id)&metric_key=m").text
            #expect(
                history
                    == #"{"metrics":[{"key":"m","value":0.5,"timestamp":1,"step":2},{"key":"m","value":1.0,"timestamp":2,"step":3}]}"#
            )
            let ended = try await client.post("runs/update", #"{"run_id":"\#(id)","status":"FINISHED","end_time":9}"#)
            #expect(ended.text.contains(#""end_time":9"#))
            let numbered = try await client.post("runs/update", #"{"run_id":"\#(id)","status":4}"#)
            #expect(member("status", of: numbered.text) == "FAILED")
            let found = try await client.post("runs/search", #"{"experiment_ids":["0"],"filter":"params.q = '1'"}"#)
            #expect(found.text.contains(id))
            #expect(
                try await client.post("runs/search", #"{"experiment_ids":["0"],"filter":"params.q = '2'"}"#).text
                    == "{}")
            #expect(try await client.post("runs/delete", #"{"run_id":"\#(id)"}"#).text == "{}")
            let refused = try await client.post("runs/set-tag", #"{"run_id":"\#(id)","key":"t","value":"x"}"#)
            #expect(
                member("message", of: refused.text)
                    == "The run \(id) must be in the 'active' state. Current state is deleted.")
        }
    }

    @Test func `the answer to a creation has no outputs`() async throws {
        try await ServerFixture().withClient { client in
            let answer = try await client.post("runs/create", #"{"experiment_id":"0"}"#)
            #expect(answer.text.contains(#""inputs":{}"#))
            #expect(!answer.text.contains("outputs"))
        }
    }

    @Test(arguments: [
        ("runs/log-metric", "{}", "Missing value for required parameter 'key'"),
        ("runs/log-metric", #"{"run_id":"r","key":"k","timestamp":1}"#, "Missing value for required parameter 'value'"),
        ("runs/log-batch", #"{"run_id":"r","metrics":[{"key":"a","value":1}]}"#, "'metrics[0].timestamp'"),
        ("runs/log-batch", #"{"run_id":"r","metrics":{}}"#, "Hint: Value was of type 'dict'"),
        ("runs/log-parameter", #"{"run_id":"r","key":1}"#, "Invalid value 1 for parameter 'key' supplied"),
        ("runs/set-tag", #"{"run_id":"../..","key":"k"}"#, "run_id"),
        ("runs/outputs", #"{"run_id":"r"}"#, "Missing value for required parameter 'models'"),
        ("runs/search", #"{"experiment_ids":["0"],"max_results":50001}"#, "It must be at most 50000"),
        ("runs/search", #"{"experiment_ids":["0"],"max_results":0}"#, "It must be a positive integer"),
        ("runs/search", #"{"experiment_ids":["0"],"page_token":"!!"}"#, "page token"),
        ("experiments/get", "{", "not valid JSON"),
    ])
    func `A-31 a bad request is a 400 that names the field`(call: String, body: String, part: String) async throws {
        try await ServerFixture().withClient { client in
            let isRead = call.hasSuffix("/get")
            let answer = try await client.call(isRead ? .get : .post, "/api/2.0/mlflow/\(call)", body)
            #expect(answer.status == 400)
            #expect(member("error_code", of: answer.text) == "INVALID_PARAMETER_VALUE")
            #expect(answer.text.replacing("\\\"", with: "\"").contains(part), "\(answer.text)")
        }
    }

    @Test(arguments: ["../..", "artifacts", "' OR 1=1", String(repeating: "a", count: 4000), "a/b", "%00"])
    func `A-12 ids of another form are refused`(id: String) async throws {
        try await ServerFixture().withClient { client in
            let encoded = id.utf8.map { "%" + (String($0, radix: 16).count == 1 ? "0" : "") + String($0, radix: 16) }
                .joined()
            for call in ["runs/get?run_id=", "experiments/get?experiment_id=", "artifacts/list?run_id="] {
                let answer = try await client.get(call + encoded)
                #expect((400..<500).contains(answer.status), "\(call): \(answer.text)")
            }
            let model = try await client.get("logged-models/\(encoded)")
            #expect((400..<500).contains(model.status))
        }
    }

    @Test func `A-31 a batch over a limit is refused as a whole`() async throws {
        try await ServerFixture().withClient { client in
            let id = try await createRun(client)
            let params = (0..<101).map { #"{"key":"k\#($0)","value":"v"}"# }.joined(separator: ",")
            let answer = try await client.post("runs/log-batch", #"{"run_id":"\#(id)","params":[\#(params)]}"#)
            #expect(answer.status == 400)
            #expect(answer.text.contains("A batch logging request can contain at most 100 params. Got 101 params."))
            #expect(try await !client.get("runs/get?run_id=\(id)").text.contains("k1"))
        }
    }

    @Test func `bodies are read leniently where MLflow does`() async throws {
        try await ServerFixture().withClient { client in
            // Empty, null, and JSON inside a JSON string.
            #expect(try await client.post("runs/search", "").text == "{}")
            #expect(try await client.post("runs/search", "null").text == "{}")
            let doubled = try await client.post("experiments/create", #""{\"name\":\"twice\"}""#)
            #expect(member("experiment_id", of: doubled.text) == "1")
            let parameters = try await client.call(
                .post, "/api/2.0/mlflow/runs/search", "{}", headers: [.contentType: "application/json; charset=utf-8"])
            #expect(parameters.status == 200)
            // A GET without a query may bring a body.
            let get = try await client.call(.get, "/api/2.0/mlflow/experiments/get", #"{"experiment_id":"0"}"#)
            #expect(member("name", of: get.text) == "Default")
        }
    }

    @Test func `the same calls answer under ajax-api, with a trailing slash they do not`() async throws {
        try await ServerFixture().withClient { client in
            #expect(try await client.call(.get, "/ajax-api/2.0/mlflow/experiments/get?experiment_id=0").status == 200)
            for path in [
                "/api/2.0/mlflow/experiments/get/?experiment_id=0", "/api/2.0//mlflow/experiments/get",
                "/api/2.0/mlflow/nothing",
            ] {
                let answer = try await client.call(.get, path)
                #expect(answer.status == 404)
                #expect(member("error_code", of: answer.text) == "ENDPOINT_NOT_FOUND")
            }
            let method = try await client.call(.get, "/api/2.0/mlflow/runs/create")
            #expect(method.status == 405)
        }
    }

    @Test(arguments: ["a/b", "../x", "%2e", "%2e%2e", "a%2fb", "", " ", ".", "..", "a:b"])
    func `A-16 model names that could be paths are refused`(name: String) async throws {
        try await ServerFixture().withClient { client in
            let answer = try await client.post("registered-models/create", #"{"name":"\#(name)"}"#)
            #expect(answer.status == 400)
            let ordinary = try await client.post("registered-models/create", #"{"name":"50% better, it's näme"}"#)
            #expect(ordinary.status == 200)
        }
    }

    @Test func `S-02 a busy store is 503 with Retry-After, an unknown failure says nothing of its inside`() {
        let busy = APIError(TrackingError(.temporarilyUnavailable, "the database is locked", remedy: "try again"))
            .response
        #expect(busy.status == .serviceUnavailable)
        #expect(busy.headers[.retryAfter] == "1")
        struct Secret: Error {}
        let unknown = APIError(Secret())
        #expect(unknown.status == .internalServerError && unknown.isOurFault)
        #expect(!unknown.message.contains("Secret"))
    }

    @Test func `tiers B and C are answered as by an older server`() async throws {
        try await ServerFixture().withClient { client in
            for path in [
                "/api/3.0/mlflow/traces/tr-1", "/api/2.0/mlflow/webhooks", "/v1/traces", "/api/3.0/jobs/", "/graphql",
            ] {
                let answer = try await client.call(.get, path)
                #expect(member("error_code", of: answer.text) == "ENDPOINT_NOT_FOUND")
            }
        }
    }

    @Test func `health, version and server info`() async throws {
        try await ServerFixture().withClient { client in
            #expect(try await client.call(.get, "/health").text == "OK")
            #expect(try await client.call(.get, "/version").text == "3.17.2")
            let info = try await client.call(.get, "/api/3.0/mlflow/server-info").text
            #expect(member("store_type", of: info) == "SqlStore")
            #expect(member("multipart_uploads_enabled", of: info) == "false")
        }
    }

    @Test func `histories of several runs come together`() async throws {
        try await ServerFixture().withClient { client in
            let first = try await createRun(client)
            let second = try await createRun(client)
            for (index, id) in [first, second].enumerated() {
                for step in 0..<3 {
                    try await client.post(
                        "runs/log-metric",
                        #"{"run_id":"\#(id)","key":"m","value":\#(index),"timestamp":\#(step),"step":\#(step)}"#)
                }
            }
            let bulk = try await client.call(
                .get, "/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id=\(first)&run_id=\(second)&metric_key=m")
            #expect(bulk.text.matches(of: /"run_id"/).count == 6)
            let none = try await client.call(
                .get, "/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id=\(first)&metric_key=x")
            #expect(none.text == #"{"metrics":[]}"#)
            let sampled = try await client.get(
                "metrics/get-history-bulk-interval?run_ids=\(first)&run_ids=\(second)&metric_key=m&max_results=2&start_step=0&end_step=2"
            )
            #expect(sampled.status == 200, "\(sampled.text)")
            for query in [
                "metric_key=m", "run_ids=\(first)&metric_key=m&start_step=1",
                "run_ids=\(first)&metric_key=m&start_step=2&end_step=1",
            ] {
                #expect(try await client.get("metrics/get-history-bulk-interval?\(query)").status == 400)
            }
        }
    }

    @Test func `a long history is sent in pieces, and is the same as its pages`() async throws {
        let fixture = try await ServerFixture()
        try await fixture.withClient { client in
            let id = try await createRun(client)
            let key = "a/loss é"
            for part in 0..<3 {
                var metrics: [Metric] = []
                for number in part * 1000..<part * 1000 + 1000 {
                    // Every hundredth comes late, so that steps and times are not in one order.
                    let delay = number.isMultiple(of: 100) ? 5000 : 0
                    let value = number == 7 ? Double.nan : 1 / Double(number + 1)
                    metrics.append(
                        Metric(
                            key, value, timestamp: 1_700_000_000_000 + Int64(number + delay), step: Int64(number) - 1500
                        ))
                }
                try await fixture.store.logBatch(LogBatch(runID: id, metrics: metrics))
            }
            let query = "metrics/get-history?run_id=\(id)&metric_key=a/loss%20%C3%A9"
            let all = try #require(try JSONReader.read(Array(try await client.get(query).text.utf8).span))
            var paged: [JSONValue] = []
            var token: String?
            repeat {
                let text = try await client.get(query + "&max_results=700" + (token.map { "&page_token=\($0)" } ?? ""))
                    .text
                guard case .object(let page)? = try JSONReader.read(Array(text.utf8).span),
                    case .array(let points)? = page.members.first?.value
                else { throw TrackingError(.internalError, "no page: \(text.prefix(100))") }
                paged += points
                token = member("next_page_token", of: text)?.replacing("=", with: "%3D")
            } while token != nil
            #expect(all == .object(JSONObject(members: [JSONObject.Member(name: "metrics", value: .array(paged))])))
            #expect(paged.count == 3000)
            let expected = try await fixture.store.metricHistory(MetricHistoryQuery(runID: id, key: key)).elements
            #expect(expected.map(\.timestamp) == expected.map(\.timestamp).sorted())
            #expect(
                paged
                    == expected.map { point in
                        .object(
                            JSONObject(members: [
                                JSONObject.Member(name: "key", value: .string(key)),
                                JSONObject.Member(
                                    name: "value", value: point.value.isNaN ? .string("NaN") : .double(point.value)),
                                JSONObject.Member(name: "timestamp", value: .integer(point.timestamp)),
                                JSONObject.Member(name: "step", value: .integer(point.step)),
                            ]))
                    })
            let bulk = try await client.call(
                .get, "/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id=\(id)&metric_key=a/loss%20%C3%A9")
            #expect(bulk.text.matches(of: /"step":-?[0-9]+,"run_id":"[0-9a-f]{32}"}/).count == 3000)
        }
    }
}
