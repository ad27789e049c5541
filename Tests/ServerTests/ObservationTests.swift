import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JSON
import Logging
import NIOCore
import Testing
import Tracking

@testable import Server

/// Figures and log lines, and the settings that only a server of its own has.
@Suite struct ObservationTests {
    @Test func `figures are in the form that Prometheus reads`() throws {
        let metrics = ServerMetrics()
        for (status, seconds) in [(200, 0.0004), (200, 0.003), (503, 60.0)] {
            metrics.begin()
            metrics.end(
                FinishedRequest(
                    method: "GET", route: #"/odd"\route"#, status: status, seconds: seconds, receivedBytes: 10,
                    sentBytes: 5))
        }
        var writes = WriteFigures()
        for size in [1.0, 3, 600] { writes.commitSizes.add(size) }
        writes.waits.add(0.002)
        writes.waiting = 7
        let text = PrometheusText(
            metrics.current, connections: 2, process: ProcessFigures(residentBytes: 1, cpuSeconds: 0.5), writes: writes
        ).text
        let labels = #"method="GET",route="/odd\"\\route""#
        for line in [
            "mlflow_http_request_total{\(labels),status=\"200\"} 2",
            "mlflow_http_request_total{\(labels),status=\"503\"} 1",
            "mlflow_http_request_duration_seconds_bucket{\(labels),le=\"0.0005\"} 1",
            "mlflow_http_request_duration_seconds_bucket{\(labels),le=\"0.005\"} 2",
            "mlflow_http_request_duration_seconds_bucket{\(labels),le=\"10.0\"} 2",
            "mlflow_http_request_duration_seconds_bucket{\(labels),le=\"+Inf\"} 3",
            "mlflow_http_request_duration_seconds_count{\(labels)} 3", "swiftflow_http_received_bytes_total 30",
            "swiftflow_http_requests_in_flight 0",
            "swiftflow_store_commit_writes_bucket{le=\"1.0\"} 1", "swiftflow_store_commit_writes_bucket{le=\"5.0\"} 2",
            "swiftflow_store_commit_writes_bucket{le=\"500.0\"} 2", "swiftflow_store_commit_writes_count 3",
            "swiftflow_store_commit_writes_sum 604.0", "swiftflow_store_write_seconds_bucket{le=\"0.0025\"} 1",
            "swiftflow_store_writes_waiting 7",
        ] {
            #expect(text.contains(line + "\n"), "\(line)")
        }
        // Every sample belongs to the family that was begun last.
        var family = ""
        for line in text.split(separator: "\n") {
            if line.hasPrefix("# TYPE ") {
                family = line.split(separator: " ").dropFirst(2).first.map(String.init) ?? ""
            } else if !line.hasPrefix("#") {
                #expect(line.hasPrefix(family))
                #expect(Double(line.split(separator: " ").last ?? "") != nil)
            }
        }
    }

    @Test(arguments: [
        (LogFormat.text, "T warning a\\nb n=3 path=\"x \\\\u{1b}[31m\"\n"),
        (LogFormat.json, #"{"time":"T","level":"warning","message":"a\nb","n":3,"path":"x \u001b[31m"}"# + "\n"),
    ])
    func `a line of log is one line, whatever is in it`(format: LogFormat, expected: String) {
        let line = LineLog.line(
            format, "T", .warning, "a\nb", ["path": "x \u{1B}[31m", "n": .stringConvertible(3)])
        #expect(String(decoding: line, as: UTF8.self) == expected)
    }

    @Test(arguments: ["ml", "/ml/", "/", "", "//ml", "/a//b", "/a/../b", "/a?b", "/{x}", "/a b", "/ü", "/a%2fb"])
    func `what is no prefix is none`(text: String) {
        #expect(StaticPrefix(text) == nil)
    }

    @Test(arguments: [
        ("/ml/health", "/health"), ("/ml", "/"), ("/ml?a=b", "/?a=b"), ("/ml/", "/"), ("/mlx/health", nil),
        ("/health", nil),
        ("/ml/ml/health", "/ml/health"), ("/ml//health", "//health"),
        ("/api/2.0/mlflow-artifacts/artifacts/a", "/api/2.0/mlflow-artifacts/artifacts/a"),
    ])
    func `a prefix is taken off the target, and other targets are for somebody else`(target: String, expected: String?)
        throws
    {
        let request = Request(
            head: HTTPRequest(method: .get, scheme: "http", authority: "localhost", path: target),
            body: RequestBody(buffer: ByteBuffer()))
        #expect(try #require(StaticPrefix("/ml")).remove(from: request)?.head.path == expected)
    }

    @Test(arguments: [
        ("Bearer 0123456789abcdef", true), ("Basic YWRhOmxvdmU=", true), ("Basic YWxhbjp0dXJpbmc=", true),
        ("Basic YWRhOnR1cmluZw==", false), ("Bearer love", false), ("", false),
    ])
    func `one of several credentials is enough`(authorization: String, isAccepted: Bool) {
        let credentials = Credentials.anyOf([
            .token("0123456789abcdef"), .basic(username: "ada", password: "love"),
            .basic(username: "alan", password: "turing"),
        ])
        #expect(credentials.accept(authorization) == isAccepted)
        #expect(credentials.challenge == #"Basic realm="mlflow", Bearer realm="mlflow""#)
    }

    @Test func `a server of artifacts alone answers 503 for every call of the tracking API`() async throws {
        let settings = ServerSettings()
        let full = Set(try await ServerFixture().settings.makeRouteTable(for: ServerFixture().store).routes.map(\.path))
        let responder = settings.makeResponder(for: nil, address: "127.0.0.1", port: 5000)
        try await Application(responder: responder, logger: .silent).test(.router) { client in
            for path in full where path.contains("/mlflow/") && !path.contains("server-info") {
                let answer = try await client.call(.get, path.replacing("{model_id}", with: "m"))
                #expect(answer.status == 503, "\(path)")
            }
        }
    }
}
