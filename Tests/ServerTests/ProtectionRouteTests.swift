import HTTPTypes
import HummingbirdTesting
import JSON
import NIOCore
import SQLiteStore
import Testing
import Tracking

@testable import Server

@Suite("protection of routes")
struct ProtectionRouteTests {
    /// A path that fits a route's pattern.
    private func example(of pattern: String) -> String {
        pattern.split(separator: "/", omittingEmptySubsequences: false).map { part in
            part == "**" || part.hasPrefix("{") ? "x" : String(part)
        }.joined(separator: "/")
    }

    @Test func `A-27 every registered route but health and version asks for the token`() async throws {
        let fixture = try await ServerFixture { $0.credentials = .token("secret") }
        let routes = fixture.settings.makeRouteTable(for: fixture.store).routes
        #expect(routes.count > 60)
        #expect(Set(routes.filter { $0.access == .everybody }.map(\.path)) == ["/health", "/version"])
        try await fixture.withClient { client in
            for route in routes {
                for headers in [[:], [.authorization: "Bearer wrong"], [.authorization: "Basic c2VjcmV0"]]
                    as [HTTPFields]
                {
                    let answer = try await client.call(route.method, example(of: route.path), "{}", headers: headers)
                    let expected = route.access == .everybody ? 200 : 401
                    #expect(answer.status == expected, "\(route.method) \(route.path)")
                }
            }
            // What is not registered tells a stranger nothing either.
            #expect(try await client.call(.get, "/api/2.0/mlflow/nothing").status == 401)
            let let_in = try await client.call(
                .get, "/api/2.0/mlflow/experiments/get?experiment_id=0", headers: [.authorization: "Bearer secret"])
            #expect(let_in.status == 200)
        }
    }

    @Test func `A-28 no route runs anything on the server's host`() async throws {
        let fixture = try await ServerFixture()
        let words = [
            "gateway", "jobs", "assistant", "invoke", "scorer", "webhook", "demo", "promptlab", "graphql", "exec",
        ]
        for route in fixture.settings.makeRouteTable(for: fixture.store).routes {
            #expect(!words.contains { route.path.contains($0) }, "\(route.path)")
        }
        await fixture.store.close()
    }

    @Test func `A-21 a foreign or null origin changes nothing under either prefix, and gets no CORS headers`()
        async throws
    {
        try await ServerFixture().withClient { client in
            for prefix in ["/api", "/ajax-api"] {
                for origin in ["https://evil.example", "null", "http://127.0.0.1:4999"] {
                    for (method, path) in [
                        (.post, "/2.0/mlflow/experiments/create"), (.put, "/2.0/mlflow-artifacts/artifacts/a.txt"),
                        (.delete, "/2.0/mlflow-artifacts/artifacts/a.txt"),
                        (.patch, "/2.0/mlflow/registered-models/update"),
                    ] as [(HTTPRequest.Method, String)] {
                        let body = ByteBuffer(string: #"{"name":"made by a page"}"#)
                        try await client.execute(
                            uri: prefix + path, method: method,
                            headers: [.origin: origin, .contentType: "application/json"], body: body
                        ) { response in
                            #expect(response.status == .forbidden, "\(method) \(path)")
                            #expect(!response.headers.contains { $0.name.canonicalName.hasPrefix("access-control") })
                        }
                    }
                }
            }
            #expect(try await client.get("experiments/get-by-name?experiment_name=made%20by%20a%20page").status == 404)
            let own = try await client.call(
                .post, "/api/2.0/mlflow/experiments/create", #"{"name":"own"}"#,
                headers: [.origin: "http://localhost:5000"])
            #expect(own.status == 200)
        }
    }

    @Test func `A-22 only JSON changes things, and only under its own method`() async throws {
        try await ServerFixture().withClient { client in
            let path = "/api/2.0/mlflow/experiments/create"
            let body = #"{"name":"a"}"#
            for type in [
                "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                "application/jsonp", "",
            ] {
                let answer = try await client.call(.post, path, body, headers: [.contentType: type])
                #expect(answer.status == 400, "\(type)")
            }
            try await client.execute(uri: path, method: .post, body: ByteBuffer(string: body)) { response in
                #expect(response.status == .badRequest)
                #expect(String(buffer: response.body).contains("Content-Type header is missing."))
            }
            for method in [.get, .head, .options, .put, .delete, .patch, .trace] as [HTTPRequest.Method] {
                let answer = try await client.call(method, path + "?name=a", body)
                #expect(answer.status == 405, "\(method)")
            }
            let field = try #require(HTTPField.Name("X-HTTP-Method-Override"))
            let overridden = try await client.call(.get, path + "?name=a", headers: [field: "POST"])
            #expect(overridden.status == 405)
            #expect(try await client.get("experiments/get-by-name?experiment_name=a").status == 404)
        }
    }

    @Test func `A-25 answers carry headers that keep a browser from running them`() async throws {
        try await ServerFixture().withClient { client in
            for path in [
                "/health", "/nothing<script>", "/api/2.0/mlflow/experiments/get-by-name?experiment_name=%3Cscript%3E",
            ] {
                try await client.execute(uri: path, method: .get) { response in
                    #expect(response.headers[.xContentTypeOptions] == "nosniff")
                    #expect(response.headers[.contentSecurityPolicy] == "sandbox; default-src 'none'")
                    #expect(response.headers[.contentType]?.hasPrefix("text/html") == false)
                }
            }
        }
    }

    @Test func `R17 a long target is refused`() async throws {
        try await ServerFixture().withClient { client in
            let answer = try await client.get("experiments/get?experiment_id=\(String(repeating: "1", count: 20_000))")
            #expect(answer.status == 414)
        }
    }

    @Test func `A-34 a large body is refused unread`() async throws {
        try await ServerFixture().withClient { client in
            let body = #"{"name":""# + String(repeating: "a", count: 17 << 20) + "\"}"
            let answer = try await client.post("experiments/create", body)
            #expect(answer.status == 413)
        }
    }

    @Test(arguments: [
        "(((((" + String(repeating: "(", count: 2000), String(repeating: "metrics.a > 1 AND ", count: 60_000),
        "'; DROP TABLE runs; --", "1=1 UNION SELECT * FROM experiments", "metrics.a > 1 OR 1=1",
        String(repeating: "a", count: 1 << 20),
    ])
    func `A-35 filters that are SQL, nests or a megabyte are refused at once`(filter: String) async throws {
        try await ServerFixture().withClient { client in
            var writer = JSONWriter()
            writer.object {
                $0.field("experiment_ids", ["0"]) { $0.string($1) }
                $0.field("filter", filter)
            }
            let body = String(decoding: writer.bytes, as: UTF8.self)
            let clock = ContinuousClock()
            let start = clock.now
            let answer = try await client.post("runs/search", body)
            #expect(answer.status == 400)
            // Bounded, not timed: the machine runs many tests at once. What is not linear would take minutes.
            #expect(clock.now - start < .seconds(200))
            // An error text does not carry a megabyte back.
            #expect(answer.text.utf8.count < 20_000)
        }
    }

    @Test(arguments: [
        "eyJvZmZzZXQiOiAtMX0=", "eyJvZmZzZXQiOiA5OTk5OTk5OTk5OTk5OTk5OTk5OTk5fQ==", "not base64!", "e30=", "bnVsbA==",
    ])
    func `A-35 a forged page token is refused or finds nothing`(token: String) async throws {
        try await ServerFixture().withClient { client in
            let answer = try await client.post("runs/search", #"{"experiment_ids":["0"],"page_token":"\#(token)"}"#)
            #expect(answer.status == 400 || answer.text == "{}", "\(answer.text)")
        }
    }
}
