import Files
import Glibc
import Processes
import SystemPackage
import TestSupport
import Testing

/// `swiftflow server` from outside: options, variables, access, and what it says when it cannot serve.
@Suite(.timeLimit(.minutes(10))) struct ServerCommandTests {
    let program: SwiftflowProgram

    init() throws {
        program = try SwiftflowProgram()
    }

    // MARK: Storage

    @Test func `it serves a new store with MLflow's places for artifacts`() async throws {
        let server = try await RunningServer.start(program)
        let experiment = try await server.call("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0")
        #expect(experiment.text.contains(#""artifact_location":"mlflow-artifacts:/0""#))
        #expect(try await server.call("PUT", "/api/2.0/mlflow-artifacts/artifacts/0/a.txt", "hello").status == 200)
        #expect(try program.read("mlartifacts/0/a.txt") == "hello")
        #expect(try await server.call("GET", "/health").text.hasSuffix("\r\n\r\nOK"))
        #expect(try await server.call("GET", "/version").text.hasSuffix("\r\n\r\n3.17.2"))
        let ended = try await server.end()
        #expect(ended.exitCode == 0)
        #expect(ended.output.isEmpty)
        #expect(fileStatus(program.path.appending("mlflow.db")) != nil)
    }

    @Test(arguments: [
        (["--backend-store-uri", "sqlite:///other/x.db"], [:]),
        ([], ["MLFLOW_BACKEND_STORE_URI": "sqlite:///other/x.db"]),
        (["--backend-store-uri", "sqlite:///other/x.db"], ["MLFLOW_BACKEND_STORE_URI": "sqlite:///wrong.db"]),
    ])
    func `the store is the one that the option or the variable names`(
        arguments: [String], variables: [String: String]
    ) async throws {
        try program.folder.directory.makeDirectory(RelativePath("other"), mode: 0o755)
        let server = try await RunningServer.start(program, arguments, variables: variables)
        try await server.end()
        #expect(fileStatus(program.path.appending("other/x.db")) != nil)
        #expect(fileStatus(program.path.appending("wrong.db")) == nil)
    }

    @Test(arguments: [
        (["--no-serve-artifacts"], [:], "mlruns/0"),
        ([], ["MLFLOW_SERVE_ARTIFACTS": "false"], "mlruns/0"),
        (["--no-serve-artifacts", "--default-artifact-root", "here"], [:], "here/0"),
        ([], ["MLFLOW_DEFAULT_ARTIFACT_ROOT": "s3://bucket/path"], "s3://bucket/path/0"),
        (["--serve-artifacts"], ["MLFLOW_SERVE_ARTIFACTS": "false"], "mlflow-artifacts:/0"),
    ])
    func `new experiments lie where MLflow would put them`(
        arguments: [String], variables: [String: String], location: String
    ) async throws {
        let server = try await RunningServer.start(program, arguments, variables: variables)
        let experiment = try await server.call("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0")
        let expected = location.contains(":") ? location : program.path.appending(location).string
        #expect(experiment.text.contains("\"artifact_location\":\"\(expected)\""))
        if arguments.first == "--no-serve-artifacts" {
            let answer = try await server.call("GET", "/api/2.0/mlflow-artifacts/artifacts")
            #expect(answer.status == 503)
            #expect(answer.text.contains("--no-serve-artifacts"))
        }
        try await server.end()
    }

    @Test func `a server of artifacts alone opens no store`() async throws {
        let server = try await RunningServer.start(
            program, ["--artifacts-only", "--artifacts-destination", "kept"])
        #expect(try await server.call("PUT", "/api/2.0/mlflow-artifacts/artifacts/a", "x").status == 200)
        #expect(try program.read("kept/a") == "x")
        let answer = try await server.call("POST", "/api/2.0/mlflow/runs/create", "{}")
        #expect(answer.status == 503)
        #expect(answer.text.contains("--artifacts-only"))
        #expect(try await server.call("GET", "/health").status == 200)
        try await server.end()
        #expect(fileStatus(program.path.appending("mlflow.db")) == nil)
    }

    @Test func `artifacts of runs that were recorded without a server can be listed`() async throws {
        try program.write("project/MLproject", "entry_points:\n  main:\n    command: echo hello\n")
        #expect(try await program.run("run", "project").exitCode == 0)
        let server = try await RunningServer.start(program)
        let runs = try await server.post("runs/search", #"{"experiment_ids":["0"]}"#)
        let start = try #require(runs.firstRange(of: #""run_id":""#))
        let listed = try await server.call(
            "GET", "/api/2.0/mlflow/artifacts/list?run_id=\(runs[start.upperBound...].prefix(32))")
        #expect(listed.text.contains(#""path":"logs""#))
        try await server.end()
    }

    // MARK: Mistakes

    @Test(arguments: [
        (["--port", "66000"], "--port 66000"), (["--port", "x"], "from 0 to 65535"),
        (["--workers", "0"], "--workers 0"), (["--static-prefix", "ml"], "begin it with '/'"),
        (["--static-prefix", "/a/../b"], "is no path"), (["--x-frame-options", "MAYBE"], "SAMEORIGIN"),
        (["--tls-key", "k.pem"], "belong together"), (["--max-message-size", "9Q"], "--max-message-size 9Q"),
        (["--max-connections", "-1"], "--max-connections"), (["--token", "short"], "16 characters"),
        (["--token-file", "missing"], "cannot be read"), (["--basic-auth", "missing"], "cannot be read"),
        (["--backend-store-uri", "postgresql://u:secret@h/d"], "postgresql://h/d"),
        (["--backend-store-uri", "http://127.0.0.1:1"], "cannot be served"),
        (["--registry-store-uri", "sqlite:///b.db"], "another store"),
        (["--artifacts-destination", "ftp://h/x"], "ftp://h/x"),
        (["--artifacts-only", "--backend-store-uri", "sqlite:///b.db"], "exclude each other"),
        (["--artifacts-only", "--no-serve-artifacts"], "nothing to serve"),
        (["--app-name", "basic-auth"], "--basic-auth"), (["--enable-workspaces"], "no workspaces"),
        (["--uvicorn-opts", "--ssl-keyfile k --ssl-certfile c"], "--tls-certificate"),
        (["--gunicorn-opts", "--certfile c"], "--tls-certificate"),
        (["--read-replica-backend-store-uri", "sqlite:///c.db"], "no replicas"),
        (["--host", "0.0.0.0"], "--allowed-hosts"), (["--host", "no such host", "--allowed-hosts", "x"], "no address"),
        (["--log-format", "xml"], "xml"), (["--bogus"], "--bogus"),
    ])
    func `X-13 a mistake on the command line is told, and nothing is started`(
        arguments: [String], part: String
    ) async throws {
        let result = try await program.run(["server"] + arguments)
        #expect(result.exitCode == 2)
        #expect(result.messages.contains(part), "\(result.messages)")
        #expect(!result.messages.contains("u:secret"))
        #expect(fileStatus(program.path.appending("mlflow.db")) == nil)
    }

    @Test func `X-13 all mistakes are told at once, those of variables too`() async throws {
        let result = try await program.run(
            "server", "--workers", "0", "--x-frame-options", "MAYBE",
            variables: ["MLFLOW_PORT": "x", "MLFLOW_SERVE_ARTIFACTS": "perhaps"])
        #expect(result.exitCode == 2)
        for part in ["--workers 0", "MAYBE", "MLFLOW_PORT=x", "MLFLOW_SERVE_ARTIFACTS='perhaps'"] {
            #expect(result.messages.contains(part))
        }
    }

    @Test func `X-13 a port in use is told before a store is made`() async throws {
        let listener = try LoopbackListener()
        defer { listener.close() }
        let result = try await program.run("server", "--port", "\(listener.port)")
        #expect(result.exitCode == 2)
        #expect(result.messages.contains("127.0.0.1:\(listener.port)': the port is in use"))
        #expect(fileStatus(program.path.appending("mlflow.db")) == nil)
    }

    @Test(arguments: [
        ["--gunicorn-opts", "--timeout 120"], ["--uvicorn-opts", "--log-level debug"], ["--dev"],
        ["--secrets-cache-ttl", "60"], ["--workspace-store-uri", "x"],
    ])
    func `an option without a meaning here is named, and the server serves`(arguments: [String]) async throws {
        let server = try await RunningServer.start(program, arguments)
        #expect(try await server.end().messages.contains("warning: "))
    }

    @Test(.enabled(if: hasMLflow)) func `every option of mlflow server is known`() async throws {
        let python = try #require(environmentVariable("SWIFTFLOW_TEST_MLFLOW"))
        let theirs = try await Keeper.launch().runTool(
            FilePath("\(python)/bin/python"), ["-m", "mlflow", "server", "--help"],
            environment: ["PATH": "/usr/bin:/bin", "HOME": program.path.string, "LANG": "C.UTF-8"],
            workingDirectory: program.path)
        #expect(theirs.end.isSuccess)
        let names = optionNames(String(decoding: theirs.output, as: UTF8.self))
        #expect(names.count > 25)
        let ours = optionNames(try await program.run("server", "--help").output)
        #expect(names.subtracting(ours) == [])
    }

    private static var hasMLflow: Bool {
        environmentVariable("SWIFTFLOW_TEST_MLFLOW") != nil || environmentVariable("SWIFTFLOW_REQUIRE_ENGINES") == "1"
    }

    /// The names of long options at the beginnings of lines.
    private func optionNames(_ help: String) -> Set<String> {
        var names: Set<String> = []
        for line in help.split(separator: "\n") {
            let line = line.drop { $0 == " " }
            guard line.hasPrefix("-") else { continue }
            for word in line.split(whereSeparator: { " ,/".contains($0) }).prefix(4) where word.hasPrefix("--") {
                // A sentence of the help may end with one.
                names.insert(String(word.prefix { $0 != "." }))
            }
        }
        return names
    }

    // MARK: Access

    @Test func `X-30 it listens on the loopback alone unless told otherwise`() async throws {
        let server = try await RunningServer.start(program)
        let sockets = try String(decoding: readFile("/proc/net/tcp", limit: 8 << 20), as: UTF8.self)
        let port = String(server.port, radix: 16, uppercase: true)
        let padded = String(repeating: "0", count: 4 - port.count) + port
        #expect(sockets.contains("0100007F:\(padded) 00000000:0000 0A"))
        #expect(!sockets.contains("00000000:\(padded) "))
        try await server.end()
    }

    @Test func `R16 an address that others reach needs host names, and is warned of`() async throws {
        let server = try await RunningServer.start(program, ["--host", "0.0.0.0", "--allowed-hosts", "ml.example.org"])
        #expect(server.running.messages.contains("warning: other machines can reach the address '0.0.0.0'"))
        func status(host: String) async throws -> Int? {
            let client = try RawClient(port: server.port)
            await client.send("GET /version HTTP/1.1\r\nhost: \(host)\r\nconnection: close\r\n\r\n")
            return firstStatus(await client.receive())
        }
        #expect(try await status(host: "ml.example.org") == 200)
        #expect(try await status(host: "evil.example.org") == 403)
        try await server.end()
    }

    @Test func `a token keeps strangers out of everything but health and version`() async throws {
        let token = "0123456789abcdef-token"
        try program.write("token", token + "\n")
        let server = try await RunningServer.start(
            program, ["--token-file", "token", "--expose-prometheus", "ignored"])
        #expect(!server.running.messages.contains(token))
        for path in ["/", "/metrics", "/api/2.0/mlflow/experiments/get?experiment_id=0", "/api/3.0/mlflow/server-info"]
        {
            #expect(try await server.call("GET", path).status == 401)
        }
        #expect(try await server.call("GET", "/health").status == 200)
        let client = try RawClient(port: server.port)
        await client.send(
            server.head("GET", "/metrics", nil, "authorization: Bearer \(token)\r\nconnection: close\r\n"))
        #expect(firstStatus(await client.receive()) == 200)
        let ended = try await server.end()
        #expect(!ended.messages.contains(token))
    }

    @Test func `a token in the variable counts, and is in no list of processes`() async throws {
        let token = "from-the-environment-0123"
        let server = try await RunningServer.start(
            program, variables: ["SWIFTFLOW_SERVER_TOKEN": token], headers: ["authorization: Bearer \(token)"])
        #expect(try await server.call("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0").status == 200)
        let command = try readFile(FilePath("/proc/\(server.running.process.processID)/cmdline"), limit: 1 << 16)
        #expect(!String(decoding: command, as: UTF8.self).contains(token))
        try await server.end()
    }

    @Test func `those in the file of names and passwords are let in, others are not`() async throws {
        try program.write("people", "# ours\nada:love:lace\n\nalan:turing\n")
        let server = try await RunningServer.start(program, ["--basic-auth", "people"])
        func status(_ login: String) async throws -> Int? {
            let client = try RawClient(port: server.port)
            let path = "/api/2.0/mlflow/experiments/get?experiment_id=0"
            await client.send(
                server.head("GET", path, nil, "authorization: Basic \(login)\r\nconnection: close\r\n"))
            return firstStatus(await client.receive())
        }
        // ada:love:lace, alan:turing, ada:turing
        #expect(try await status("YWRhOmxvdmU6bGFjZQ==") == 200)
        #expect(try await status("YWxhbjp0dXJpbmc=") == 200)
        #expect(try await status("YWRhOnR1cmluZw==") == 401)
        try await server.end()
    }

    @Test func `a file of hashed passwords is refused line by line`() async throws {
        try program.write("people", "ada:$2y$05$abcdefg\nalan\nada2:x\nada2:y\n")
        let result = try await program.run("server", "--basic-auth", "people")
        #expect(result.exitCode == 2)
        for part in [
            "people:1: the password of 'ada' looks like a hash", "people:2:", "people:4: 'ada2' is there twice",
        ] {
            #expect(result.messages.contains(part))
        }
        #expect(!result.messages.contains("abcdefg"))
    }

    // MARK: Prefix, figures, logs

    @Test func `below a prefix everything answers, and artifacts without it as well`() async throws {
        let server = try await RunningServer.start(program, ["--static-prefix", "/ml"])
        #expect(server.running.messages.contains(":\(server.port)/ml\n"))
        #expect(try await server.call("GET", "/ml/health").status == 200)
        #expect(try await server.call("GET", "/health").status == 404)
        #expect(try await server.call("GET", "/mlx/health").status == 404)
        #expect(try await server.call("GET", "/ml/").text.contains("swiftflow server"))
        #expect(try await server.call("PUT", "/ml/api/2.0/mlflow-artifacts/artifacts/a", "x").status == 200)
        #expect(try await server.call("GET", "/api/2.0/mlflow-artifacts/artifacts/a").text.hasSuffix("\r\n\r\nx"))
        #expect(try await server.call("PUT", "/ml/api/2.0/mlflow-artifacts/artifacts/../b", "x").status == 400)
        try await server.end()
    }

    @Test func `figures count requests by route, method and status`() async throws {
        let server = try await RunningServer.start(program, variables: ["MLFLOW_EXPOSE_PROMETHEUS": "anything"])
        for id in ["0", "0", "77"] {
            _ = try await server.call("GET", "/api/2.0/mlflow/experiments/get?experiment_id=\(id)")
        }
        let figures = try await server.call("GET", "/metrics").text
        let labels = #"{method="GET",route="/api/2.0/mlflow/experiments/get""#
        #expect(figures.contains("mlflow_http_request_total\(labels),status=\"200\"} 2\n"))
        #expect(figures.contains("mlflow_http_request_total\(labels),status=\"404\"} 1\n"))
        #expect(figures.contains("mlflow_http_request_duration_seconds_count\(labels)} 3\n"))
        #expect(figures.contains("swiftflow_http_requests_in_flight 1\n"))
        try await server.end()
        #expect(fileStatus(program.path.appending("anything")) == nil)
    }

    @Test func `figures tell how many writes share a commit, and how long they wait`() async throws {
        let server = try await RunningServer.start(program, ["--expose-prometheus", "anything"])
        #expect(try await server.call("GET", "/metrics").text.contains("swiftflow_store_commit_writes_count 0\n"))
        let run = try await server.createRun()
        let clients = try (0..<20).map { _ in try RawClient(port: server.port) }
        for (index, client) in clients.enumerated() {
            let body = #"{"run_id":"\#(run)","key":"p\#(index)","value":"v"}"#
            await client.send(
                server.head("POST", "/api/2.0/mlflow/runs/log-parameter", body.utf8.count, "connection: close\r\n")
                    + body)
        }
        for client in clients { #expect(firstStatus(await client.receive()) == 200) }
        let figures = try await server.call("GET", "/metrics").text
        #expect(figures.contains("swiftflow_store_commit_writes_sum 21.0\n"))
        #expect(figures.contains("swiftflow_store_write_seconds_count 21\n"))
        #expect(figures.contains("swiftflow_store_writes_waiting 0\n"))
        try await server.end()
    }

    // MARK: Encryption

    @Test(.enabled(if: hasEngines("openssl", "python3")))
    func `over TLS the Python client works, and one that does not know the authority refuses`() async throws {
        let keeper = try Keeper.launch()
        let made = try await keeper.runTool(
            try #require(findEngine("openssl")),
            [
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "chain.pem", "-days",
                "2",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            ], environment: [:], workingDirectory: program.path)
        #expect(made.end.isSuccess)
        try program.write("people", "ada:love:lace\n")
        let server = try await RunningServer.start(
            program, ["--tls-certificate", "chain.pem", "--tls-key", "key.pem", "--basic-auth", "people"])
        let uri = "https://127.0.0.1:\(server.port)"
        #expect(server.running.messages.contains("is served at \(uri)\n"))
        // Whoever speaks plain HTTP gets no answer.
        let plain = try RawClient(port: server.port)
        await plain.send(server.head("GET", "/health", nil, "connection: close\r\n"))
        #expect(firstStatus(await plain.receive()) == nil)

        let script = FilePath(#filePath).removingLastComponent().removingLastComponent()
            .appending("Conformance").appending("tracking_client.py")
        var environment = [
            "PATH": "/usr/bin:/bin", "HOME": program.path.string, "LANG": "C.UTF-8",
            "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "GIT_PYTHON_REFRESH": "quiet",
            "PYTHONDONTWRITEBYTECODE": "1", "MLFLOW_TRACKING_URI": uri, "MLFLOW_TRACKING_USERNAME": "ada",
            "MLFLOW_TRACKING_PASSWORD": "love:lace",
        ]
        let python = try #require(findEngine("python3"))
        let folder = program.path.appending("client")
        try program.folder.directory.makeDirectory(RelativePath("client"), mode: 0o755)
        let stranger = try await keeper.runTool(
            python, [script.string], environment: environment, workingDirectory: folder)
        #expect(!stranger.end.isSuccess)
        #expect(stranger.lastLines.contains { $0.contains("CERTIFICATE_VERIFY_FAILED") })
        environment["MLFLOW_TRACKING_SERVER_CERT_PATH"] = program.path.appending("chain.pem").string
        let client = try await keeper.runTool(
            python, [script.string], environment: environment, workingDirectory: folder)
        #expect(client.end.isSuccess, "\(client.lastLines)")
        #expect(String(decoding: client.output, as: UTF8.self).hasSuffix("OK\n"))
        #expect(try await server.end().exitCode == 0)
    }

    @Test func `without being asked for, figures are not there`() async throws {
        let server = try await RunningServer.start(program)
        #expect(try await server.call("GET", "/metrics").status == 404)
        try await server.end()
    }

    @Test func `X-12 the log has a line for each request, without query, credentials or body`() async throws {
        let server = try await RunningServer.start(program, headers: ["authorization: Bearer seeded-secret-1"])
        _ = try await server.call("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0&x=seeded-secret-2")
        _ = try await server.call("POST", "/api/2.0/mlflow/experiments/create", #"{"name":"seeded-secret-3"}"#)
        _ = try await server.call("GET", "/nowhere%1b[31m?seeded-secret-4")
        _ = try await server.call("GET", "/health")
        let log = try await server.end().messages
        #expect(log.contains("method=GET") && log.contains("route=/api/2.0/mlflow/experiments/get status=200"))
        #expect(log.contains("route=/api/2.0/mlflow/experiments/create status=200"))
        #expect(log.contains("path=/nowhere%1b[31m route=none status=404"))
        #expect(!log.contains("seeded-secret"))
        #expect(!log.contains("/health"))
    }

    @Test func `a long history is sent in chunks, and the log says how much that was`() async throws {
        let server = try await RunningServer.start(program)
        let run = try await server.createRun()
        let points = (0..<1000).map { #"{"key":"m","value":0.\#($0),"timestamp":\#($0),"step":\#($0)}"# }
        _ = try await server.post(
            "runs/log-batch", #"{"run_id":"\#(run)","metrics":[\#(points.joined(separator: ","))]}"#)
        let answer = try await server.call("GET", "/api/2.0/mlflow/metrics/get-history?run_id=\(run)&metric_key=m")
        #expect(answer.status == 200)
        #expect(answer.text.lowercased().contains("\r\ntransfer-encoding: chunked\r\n"))
        let end = try #require(answer.text.firstRange(of: "\r\n\r\n")).upperBound
        var rest = Array(answer.text[end...].utf8)[...]
        var body: [UInt8] = []
        while let line = rest.firstIndex(of: UInt8(ascii: "\r")) {
            let size = try #require(Int(String(decoding: rest[..<line], as: UTF8.self), radix: 16))
            let chunk = rest.dropFirst(line + 2 - rest.startIndex).prefix(size)
            #expect(chunk.count == size)
            if size == 0 { break }
            body += chunk
            rest = rest.dropFirst(line + 2 - rest.startIndex + size + 2)
        }
        let text = String(decoding: body, as: UTF8.self)
        #expect(text.hasPrefix(#"{"metrics":[{"key":"m","value":0.0,"timestamp":0,"step":0},"#))
        #expect(text.hasSuffix(#"{"key":"m","value":0.999,"timestamp":999,"step":999}]}"#))
        let log = try await server.end().messages
        let line = log.split(separator: "\n").first { $0.contains("route=/api/2.0/mlflow/metrics/get-history ") }
        #expect(line?.contains("out=\(body.count) ") == true, "\(line ?? "")")
    }

    @Test func `the log as JSON is one object a line, from the first line to the last`() async throws {
        let running = try await program.start(["server", "--port", "0", "--log-format", "json", "--dev"])
        try await running.waits(for: #""message":"serving""#)
        _ = kill(running.process.processID, SIGTERM)
        let result = try await running.result()
        #expect(result.exitCode == 0)
        let lines = result.messages.split(separator: "\n")
        #expect(lines.count == 3)
        for line in lines { #expect(line.hasPrefix(#"{"time":""#) && line.hasSuffix("}")) }
        #expect(lines.last?.contains(#""signal":"SIGTERM""#) == true)
    }

    @Test func `an origin that was named may read, others may not`() async throws {
        let server = try await RunningServer.start(
            program, ["--cors-allowed-origins", "https://a.example.org, https://*.b.example.org"])
        func answer(_ method: String, _ origin: String) async throws -> String {
            let client = try RawClient(port: server.port)
            let asking = method == "OPTIONS" ? "access-control-request-method: POST\r\n" : ""
            await client.send(
                server.head(
                    method, "/api/2.0/mlflow/experiments/get?experiment_id=0", nil,
                    "origin: \(origin)\r\n\(asking)connection: close\r\n"))
            return await client.receive().lowercased()
        }
        for origin in ["https://a.example.org", "https://x.b.example.org"] {
            #expect(try await answer("GET", origin).contains("access-control-allow-origin: \(origin)\r\n"))
            #expect(firstStatus(try await answer("OPTIONS", origin).uppercased()) == 204)
        }
        for origin in ["https://evil.example.org", "null", "http://a.example.org", "http://localhost:3000"] {
            #expect(!(try await answer("GET", origin)).contains("access-control"))
            #expect(!(try await answer("OPTIONS", origin)).contains("access-control"))
        }
        try await server.end()
    }

    // MARK: Stop

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP]) func `A-43 a signal ends it in good order`(signal: Int32) async throws {
        let server = try await RunningServer.start(program)
        let result = try await server.end(by: signal)
        #expect(result.exitCode == 0)
        #expect(result.messages.contains("finishing the requests that have begun"))
        // Nothing of the write-ahead log is left to be recovered.
        #expect(fileStatus(program.path.appending("mlflow.db-wal")) == nil)
    }
}
