import Diagnostics
import Files
import NIOCore
import SystemPackage
import TestSupport
import Testing

@testable import Artifacts

/// A tracking store for these tests: a table.
struct TableLocator: RunArtifactLocator {
    var runs: [String: String] = [:]
    var models: [ModelReference: String] = [:]

    func artifactURI(ofRun runID: String) async throws -> String {
        guard let uri = runs[runID] else { throw ArtifactError(.notFound, "no run '\(runID)'") }
        return uri
    }

    func artifactURI(ofModel reference: ModelReference) async throws -> String {
        guard let uri = models[reference] else { throw ArtifactError(.notFound, "no model") }
        return uri
    }
}

@Suite(.timeLimit(.minutes(10))) struct `finding artifacts by URI` {
    let scratch: TemporaryDirectory
    let http = OutgoingHTTP()

    init() throws {
        scratch = try TemporaryDirectory(prefix: "artifacts-test")
    }

    private func resolver(_ locator: TableLocator? = nil, tracking: String? = nil) -> ArtifactResolver {
        ArtifactResolver(
            environment: someKeys, trackingURI: tracking, workingDirectory: scratch.path, http: http, runs: locator)
    }

    private func file(_ path: String, _ text: String) throws {
        try scratch.directory.makeDirectory(RelativePath(path).parent)
        try scratch.directory.writeFile(RelativePath(path), Array(text.utf8))
    }

    @Test func `local paths and file URIs, decoded exactly once`() async throws {
        try file("data/a%20b", "escaped")
        try file("data/a b", "blank")
        let root = scratch.path.string
        for (uri, text) in [
            ("data/a b", "blank"), ("data/a%20b", "escaped"), ("\(root)/data/a b", "blank"),
            ("file://\(root)/data/a%20b", "blank"), ("file:\(root)/data/a%2520b", "escaped"),
            ("file://localhost\(root)/data/../data/a%20b", "blank"),
        ] {
            let copy = try await resolver().download(uri, into: scratch.path.appending(randomName()))
            #expect(try readFile(copy, limit: 99) == Array(text.utf8), "\(uri)")
        }
        let folder = try await resolver().download("data/", into: scratch.path.appending("copy"))
        #expect(folder.string == "\(root)/copy/data")
        #expect(try Directory(opening: folder).list().count == 2)
    }

    @Test(arguments: [
        ("file://otherhost/share/x", "otherhost"), ("gopher://x/y", "known:"), ("s4://bucket/x", "did you mean 's3'"),
        ("", "empty"), ("a\nb", "control"), ("runs:/../etc", "RUN_ID"), ("runs://h/x", "RUN_ID"), ("runs:/", "RUN_ID"),
        ("models:/", "models:/NAME"), ("models:/@x", "empty"), ("mlflow-artifacts:/x", "MLFLOW_TRACKING_URI"),
        ("gs://bucket/x", "external program"), ("http://h h/x", "not a web address"), ("file:%2", "escape"),
    ])
    func `what cannot be resolved is explained`(uri: String, mentioned: String) async throws {
        let error = await #expect(throws: (any Error).self) {
            try await resolver(TableLocator()).download(uri, into: scratch.path.appending("x"))
        }
        let text = (error as? any ExplainedError)?.description ?? ""
        #expect(text.contains(mentioned), "\(text)")
    }

    @Test func `runs and models lead to their files`() async throws {
        try file("store/1/abc/artifacts/model/weights.bin", "w")
        try file("store/1/abc/artifacts/plot.png", "p")
        let root = "file://\(scratch.path)/store/1/abc/artifacts"
        let locator = TableLocator(
            runs: ["abc": root, "loop": "runs:/abc/x"],
            models: [
                .version(name: "my model", version: "3"): "runs:/abc/model", .latest(name: "m"): "\(root)/model",
                .stage(name: "m", stage: "Production"): "\(root)/model",
                .alias(name: "m", alias: "best"): "\(root)/model",
                .loggedModel(id: "m-0123456789abcdef0123456789abcdef"): "\(root)/model",
            ])
        let resolver = resolver(locator)
        for (uri, expected) in [
            ("runs:/abc/plot.png", "plot.png"), ("runs:/abc/model", "model"),
            ("runs:/abc/model/weights.bin", "weights.bin"),
            ("models:/my model/3/weights.bin", "weights.bin"), ("models:/m/latest/weights.bin", "weights.bin"),
            ("models:/m/Production/weights.bin", "weights.bin"), ("models:/m@best/weights.bin", "weights.bin"),
            ("models:/m-0123456789abcdef0123456789abcdef/weights.bin", "weights.bin"),
        ] {
            let copy = try await resolver.download(uri, into: scratch.path.appending(randomName()))
            #expect(copy.lastComponent?.string == expected, "\(uri)")
        }
        let whole = try await resolver.download("models:/m/LATEST", into: scratch.path.appending("whole"))
        #expect(whole == scratch.path.appending("whole"))
        #expect(try Directory(opening: whole).list().map(\.name) == ["weights.bin"])
        for bad in ["runs:/abc/../../../etc/passwd", "runs:/abc//etc/passwd", "runs:/loop/x", "models:/m/latest/../x"] {
            await #expect(throws: (any Error).self) {
                try await resolver.download(bad, into: scratch.path.appending(randomName()))
            }
        }
    }

    @Test func `A-05 below the root of a run no link is followed`() async throws {
        try file("outside/secret", "canary")
        try file("store/artifacts/ok", "1")
        try link(to: scratch.path.appending("outside"), at: scratch.path.appending("store/artifacts/folder"))
        let resolver = resolver(TableLocator(runs: ["abc": scratch.path.appending("store/artifacts").string]))
        await #expect(throws: (any Error).self) {
            try await resolver.download("runs:/abc/folder/secret", into: scratch.path.appending("x"))
        }
    }

    @Test func `the value of a path parameter lands in the run's own folder`() async throws {
        try file("in/data.csv", "1,2")
        let storage = try ParameterStorage(in: scratch.path.appending("new/storage"))
        let uri = "file://\(scratch.path)/in/data.csv"
        let path = try await storage.download(uri, index: 4, name: "data", from: resolver())
        #expect(path == storage.folder.appending("param_4").appending("data.csv"))
        #expect(fileStatus(storage.folder)?.permissions == 0o700)
        #expect(fileStatus(path)?.permissions == 0o600)
        let error = await #expect(throws: ArtifactError.self) {
            try await storage.download("http://u:PASSWORD@127.0.0.1:1/x", index: 5, name: "other", from: resolver())
        }
        #expect(error?.description.contains("'other'") == true)
        #expect(error?.description.contains("127.0.0.1:1/x") == true)
        #expect(error?.description.contains("PASSWORD") == false)
        storage.remove()
        #expect(fileStatus(storage.folder) == nil)
        await http.shutdown()
    }
}

@Suite(.timeLimit(.minutes(10))) struct `artifacts behind a tracking server` {
    /// The addresses asked for, by what the environment and the URI say.
    @Test(arguments: [
        ("mlflow-artifacts:/1/abc/artifacts", "", "/api/2.0/mlflow-artifacts/artifacts/1/abc/artifacts/f%20x"),
        ("mlflow-artifacts:/a%20b//c/", "/prefix", "/prefix/api/2.0/mlflow-artifacts/artifacts/a%20b/c/f%20x"),
        ("mlflow-artifacts://SERVER/p", "", "/api/2.0/mlflow-artifacts/artifacts/p/f%20x"),
        ("http://SERVER/api/2.0/mlflow-artifacts/artifacts/p", "", "/api/2.0/mlflow-artifacts/artifacts/p/f%20x"),
    ])
    func `locations become routes, with credentials for the tracking server only`(
        uri: String, prefix: String, expected: String
    ) async throws {
        try await withDownloads { _, http in
            try await RawHTTPServer.serving({ request, connection in try await connection.answer(body: "x") }) {
                server in
                let host = "127.0.0.1:\(server.port)"
                let repository = try MLflowArtifactsRepository(
                    uri.replacing("SERVER", with: host), server: "http://\(host)\(prefix)",
                    environment: ["MLFLOW_TRACKING_TOKEN": "TOKEN", "MLFLOW_WORKSPACE": "team"], http: http)
                _ = try await repository.read(RelativePath("f x"))
                #expect(server.requests.last?.target == expected)
                #expect(server.requests.last?.header("authorization") == "Bearer TOKEN")
                #expect(server.requests.last?.header("x-mlflow-workspace") == "team")
                let elsewhere = try MLflowArtifactsRepository(
                    "mlflow-artifacts://\(host)/p", server: "http://127.0.0.1:1",
                    environment: ["MLFLOW_TRACKING_TOKEN": "TOKEN"], http: http)
                _ = try await elsewhere.read(RelativePath("f"))
                #expect(server.requests.last?.header("authorization") == nil)
            }
        }
    }

    @Test(arguments: [
        #"{"path": "../x"}"#, #"{"path": "/etc/passwd"}"#, #"{"path": ""}"#, #"{"path": "."}"#, #"{"path": "a/b"}"#,
        #"{"path": "a\\b"}"#, #"{"path": "a\u0000"}"#, #"{"path": "x", "is_dir": true}, {"path": "x"}"#,
        #"{"path": "d", "is_dir": true, "file_size": -1}, {"path": "n", "file_size": -7}"#, #"{"is_dir": true}"#, "[",
    ])
    func `D-07 a listing that lies is refused`(files: String) async throws {
        try await withDownloads { folder, http in
            try await RawHTTPServer.serving({ request, connection in
                try await connection.answer(body: request.target.contains("path=d") ? "{\"files\": [\(files)]}" : "1")
            }) { server in
                let repository = try MLflowArtifactsRepository(
                    "mlflow-artifacts:/d", server: server.url(""), environment: [:], http: http)
                let target = try Directory(creating: folder.path.appending("target"))
                let error = await #expect(throws: ArtifactError.self) {
                    try await repository.download(.root, into: target, Transfer(retries: quickRetries))
                }
                #expect(error?.reason == .untrustedAnswer)
                let left = try target.list()
                #expect(left.isEmpty)
                #expect(try folder.directory.list().map(\.name) == ["target"])
            }
        }
    }

    @Test func `D-07 folders without end are bounded`() async throws {
        try await withDownloads { folder, http in
            try await RawHTTPServer.serving({ request, connection in
                try await connection.answer(body: #"{"files": [{"path": "again", "is_dir": true}]}"#)
            }) { server in
                let repository = try MLflowArtifactsRepository(
                    "mlflow-artifacts:/d", server: server.url(""), environment: [:], http: http)
                let error = await #expect(throws: ArtifactError.self) {
                    try await repository.download(.root, into: folder.directory, Transfer())
                }
                #expect(error?.reason == .limit)
                #expect(server.requests.count <= 65)
            }
        }
    }

    @Test func `contradicting TLS options are refused`() throws {
        #expect(throws: InvalidInput.self) {
            try TLSOptions.tracking(environment: [
                "MLFLOW_TRACKING_INSECURE_TLS": "true", "MLFLOW_TRACKING_SERVER_CERT_PATH": "/x.pem",
            ])
        }
        #expect(try TLSOptions.tracking(environment: ["MLFLOW_TRACKING_INSECURE_TLS": "1"]).verifiesServer == false)
        #expect(throws: ArtifactError.self) { try TLSOptions(authorities: "/nonexistent.pem").makeConfiguration() }
    }
}
