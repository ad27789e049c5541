import Files
import HTTPTypes
import HummingbirdTesting
import NIOCore
import SQLiteStore
import SystemPackage
import TestSupport
import Testing
import Tracking

@testable import Server

@Suite("artifact routes")
struct ArtifactRouteTests {
    private static let proxy = "/api/2.0/mlflow-artifacts/artifacts"
    private static let canary = "the canary's song"

    /// A fixture with a secret beside the artifact root and a run with a plain local location.
    private func fixture() async throws -> (ServerFixture, runID: String) {
        let fixture = try await ServerFixture()
        try fixture.folder.directory.writeFile(RelativePath("secret.txt"), Array(Self.canary.utf8))
        try makeFolders(fixture.folder.path.appending("mlartifacts"))
        let run = try await fixture.store.createRun(RunCreation(experimentID: "0", startTime: 1))
        try makeFolders(fixture.folder.path.appending("mlruns/0/\(run.info.runID)/artifacts"))
        return (fixture, run.info.runID)
    }

    @Test func `a file is written, listed, read, replaced and deleted`() async throws {
        let (fixture, _) = try await fixture()
        try await fixture.withClient { client in
            let path = "\(Self.proxy)/1/r/artifacts/model/weights.bin"
            let first = try await client.call(.put, path, "first", headers: [.contentType: "application/octet-stream"])
            #expect(first.status == 200 && first.text.isEmpty)
            #expect(try await client.call(.get, path).text == "first")
            let listing = try await client.call(.get, "\(Self.proxy)?path=1/r/artifacts/model")
            #expect(listing.text == #"{"files":[{"path":"weights.bin","is_dir":false,"file_size":5}]}"#)
            #expect(
                try await client.call(.get, "\(Self.proxy)?path=1/r").text
                    == #"{"files":[{"path":"artifacts","is_dir":true}]}"#)
            #expect(try await client.call(.get, "\(Self.proxy)?path=nowhere").text == "{}")
            _ = try await client.call(.put, path, "second", headers: [.contentType: "text/plain"])
            #expect(try await client.call(.get, path).text == "second")
            #expect(try await client.call(.delete, path).text == "{}")
            #expect(try await client.call(.delete, path).status == 200)
            let gone = try await client.call(.get, path)
            #expect(gone.status == 404 && member("error_code", of: gone.text) == "RESOURCE_DOES_NOT_EXIST")
            #expect(try await client.call(.delete, "\(Self.proxy)/1").status == 200)
            #expect(try await client.call(.get, Self.proxy).text == "{}")
        }
    }

    /// Every way to say "elsewhere", in the spelling of a URL.
    static let escapes = [
        "../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "%2e%2e%2fsecret.txt", "%252e%252e%252fsecret.txt",
        "%25252e%25252e/secret.txt", "x/../../secret.txt", "x%2f..%2f..%2fsecret.txt", "..%5csecret.txt",
        "..%255csecret.txt",
        "%2fetc/passwd", "%2Fproc/self/environ", "file:%2f%2f%2fetc/passwd", "C:%5cx", "./../secret.txt", "a%00b",
        "a%0d%0ab", "~root",
        "%c0%ae%c0%ae/secret.txt", "%ff", "%zz", "%", ".swiftflow-tmp-abc", "a/%2e", "a%23b",
    ]

    @Test(arguments: escapes)
    func `A-01 A-03 no artifact route leaves its root`(path: String) async throws {
        let (fixture, runID) = try await fixture()
        try await fixture.withClient { client in
            let query = path.replacing("&", with: "%26")
            let calls: [(HTTPRequest.Method, String)] = [
                (.get, "\(Self.proxy)/\(path)"), (.put, "\(Self.proxy)/\(path)"), (.delete, "\(Self.proxy)/\(path)"),
                (.get, "\(Self.proxy)?path=\(query)"), (.get, "/get-artifact?run_id=\(runID)&path=\(query)"),
                (.get, "/api/2.0/mlflow/artifacts/list?run_id=\(runID)&path=\(query)"),
                (.post, "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=\(runID)&path=\(query)"),
                (.post, "/api/2.0/mlflow-artifacts/mpu/create/\(path)"),
                (.get, "/api/2.0/mlflow-artifacts/presigned/\(path)"),
            ]
            for (method, uri) in calls {
                let answer = try await client.call(method, uri, method == .get ? nil : "planted")
                #expect((400..<500).contains(answer.status), "\(method) \(uri): \(answer)")
                #expect(!answer.text.contains(Self.canary))
                #expect(!answer.text.contains("root:"))
            }
        }
        let names = try fixture.folder.directory.list().map(\.name).filter { !$0.hasPrefix("mlflow.db-") }
        #expect(names == ["mlartifacts", "mlflow.db", "mlruns", "secret.txt"])
        #expect(
            try fixture.folder.directory.readFile(RelativePath("secret.txt"), limit: 100) == Array(Self.canary.utf8))
        #expect(try fixture.folder.directory.list(RelativePath("mlartifacts")).isEmpty)
    }

    @Test(arguments: [
        String(repeating: "a", count: 256), String(repeating: "a/", count: 2500) + "a",
        String(repeating: "b", count: 5000),
        "file.txt/below", "folder", "folder/", "", "//", "a//b",
    ])
    func `A-04 impossible names are the client's fault`(path: String) async throws {
        let (fixture, _) = try await fixture()
        try await fixture.withClient { client in
            _ = try await client.call(.put, "\(Self.proxy)/file.txt", "x")
            _ = try await client.call(.put, "\(Self.proxy)/folder/inner.txt", "x")
            for method in [.get, .put] as [HTTPRequest.Method] {
                let answer = try await client.call(method, "\(Self.proxy)/\(path)", method == .put ? "y" : nil)
                #expect((400..<500).contains(answer.status), "\(method) \(path.prefix(40)): \(answer)")
            }
            #expect(try await client.call(.get, "\(Self.proxy)/file.txt").text == "x")
            #expect(try await client.call(.get, "\(Self.proxy)/folder/inner.txt").text == "x")
        }
    }

    @Test func `A-05 A-06 links are neither followed nor written through`() async throws {
        let (fixture, runID) = try await fixture()
        let root = fixture.folder.path.appending("mlartifacts")
        try makeFolders(fixture.folder.path.appending("outside"))
        try link(to: fixture.folder.path.appending("secret.txt"), at: root.appending("link.txt"))
        try link(to: fixture.folder.path.appending("outside"), at: root.appending("linked"))
        try link(to: fixture.folder.path, at: fixture.folder.path.appending("mlruns/0/\(runID)/artifacts/up"))
        try await fixture.withClient { client in
            for uri in [
                "\(Self.proxy)/link.txt", "\(Self.proxy)/linked/x", "/get-artifact?run_id=\(runID)&path=up/secret.txt",
            ] {
                let answer = try await client.call(.get, uri)
                #expect((400..<500).contains(answer.status), "\(uri): \(answer)")
                #expect(!answer.text.contains(Self.canary))
            }
            #expect(try await client.call(.get, Self.proxy).text == "{}")
            #expect(try await client.call(.get, "\(Self.proxy)?path=linked").text == "{}")
            let through = try await client.call(.put, "\(Self.proxy)/linked/x", "planted")
            #expect((400..<500).contains(through.status))
            // A link in the way of a file is itself replaced, a link that is deleted goes, what they point to stays.
            #expect(try await client.call(.put, "\(Self.proxy)/link.txt", "new").status == 200)
            #expect(try await client.call(.get, "\(Self.proxy)/link.txt").text == "new")
            #expect(try await client.call(.delete, "\(Self.proxy)/linked").status == 200)
        }
        #expect(
            try fixture.folder.directory.readFile(RelativePath("secret.txt"), limit: 100) == Array(Self.canary.utf8))
        #expect(try fixture.folder.directory.list(RelativePath("outside")).isEmpty)
    }

    @Test(arguments: [
        "with space.txt", "a..b", "100%25.txt", "日本語.json", ".hidden", "a+b", "semi;colon", "per%2525cent",
    ])
    func `A-07 ordinary names work, deleting is idempotent`(name: String) async throws {
        let (fixture, _) = try await fixture()
        let encoded = name.replacing(" ", with: "%20")
        try await fixture.withClient { client in
            let put = try await client.call(.put, "\(Self.proxy)/d/\(encoded)", name)
            #expect(put.status == 200)
            #expect(try await client.call(.get, "\(Self.proxy)/d/\(encoded)").text == name)
            #expect(try await deletingTwiceAtOnce("\(Self.proxy)/d", client) == [200, 200])
        }
    }

    private func deletingTwiceAtOnce(_ path: String, _ client: any TestClientProtocol) async throws -> [Int] {
        async let first = client.call(.delete, path)
        async let second = client.call(.delete, path)
        return [try await first.status, try await second.status]
    }

    @Test func `A-13 a location chosen by a client is stored, and never touched`() async throws {
        let (fixture, _) = try await fixture()
        let elsewhere = fixture.folder.path.appending("outside")
        try makeFolders(elsewhere)
        try await fixture.withClient { client in
            for (index, location) in [
                elsewhere.string, "file://\(elsewhere.string)", "\(fixture.folder.path)/mlruns/../outside", "/etc",
                "s3://bucket/x",
                "http://169.254.169.254/latest", "ftp://localhost/x",
            ].enumerated() {
                let created = try await client.post(
                    "experiments/create", #"{"name":"e\#(index)","artifact_location":"\#(location)"}"#)
                guard created.status == 200 else { continue }
                let id = try #require(member("experiment_id", of: created.text))
                let run = try await client.post("runs/create", #"{"experiment_id":"\#(id)"}"#)
                let runID = try #require(member("run_id", of: run.text))
                for uri in [
                    "/api/2.0/mlflow/artifacts/list?run_id=\(runID)", "/get-artifact?run_id=\(runID)&path=passwd",
                ] {
                    let answer = try await client.call(.get, uri)
                    #expect((400..<500).contains(answer.status), "\(location) \(uri): \(answer)")
                    #expect(!answer.text.contains("root:"))
                }
                let upload = try await client.call(
                    .post, "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=\(runID)&path=x", "planted")
                #expect((400..<500).contains(upload.status))
            }
        }
        #expect(try fixture.folder.directory.list(RelativePath("outside")).isEmpty)
    }

    @Test(arguments: ["/x#frag", "file:///x;params", "file:///x?a=../b"])
    func `A-09 locations with fragments, params or steps upwards in the query are refused`(location: String)
        async throws
    {
        let (fixture, _) = try await fixture()
        try await fixture.withClient { client in
            let answer = try await client.post(
                "experiments/create", #"{"name":"e","artifact_location":"\#(location)"}"#)
            #expect(answer.status == 400 || location.hasPrefix("/"), "\(answer)")
        }
    }

    @Test func `a run's own artifacts are listed, read and uploaded`() async throws {
        let (fixture, runID) = try await fixture()
        try await fixture.withClient { client in
            let upload = try await client.call(
                .post, "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=\(runID)&path=plots/a.html", "<script>1</script>",
                headers: [.contentType: "text/html"])
            #expect(upload.status == 200)
            let root = try await client.get("artifacts/list?run_id=\(runID)").text
            #expect(root.hasSuffix(#"/artifacts","files":[{"path":"plots","is_dir":true}]}"#))
            let plots = try await client.get("artifacts/list?run_id=\(runID)&path=plots").text
            #expect(plots.hasSuffix(#""files":[{"path":"plots/a.html","is_dir":false,"file_size":18}]}"#))
            try await client.execute(uri: "/get-artifact?run_uuid=\(runID)&path=plots/a.html", method: .get) {
                response in
                #expect(response.status == .ok)
                #expect(response.headers[.contentDisposition] == #"attachment; filename="a.html""#)
                #expect(response.headers[.xContentTypeOptions] == "nosniff")
                #expect(response.headers[.contentSecurityPolicy] == "sandbox; default-src 'none'")
            }
            let nothing = try await client.call(
                .post, "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=\(runID)&path=none", "",
                headers: [.contentLength: "0"])
            #expect(nothing.status == 400 && nothing.text.contains("Request must specify data."))
            #expect(try await client.call(.get, "/get-artifact?run_id=\(runID)&path=none").status == 404)
            let large = try await client.execute(
                uri: "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=\(runID)&path=large", method: .post,
                body: ByteBuffer(repeating: 1, count: (10 << 20) + 1)
            ) { $0.status.code }
            #expect(large == 413)
            #expect(try await client.call(.get, "/get-artifact?run_id=\(runID)&path=large").status == 404)
            #expect(try await client.call(.get, "/get-artifact?run_id=\(runID)&path=plots").status == 400)
        }
    }

    @Test func `A-38 parts of a file are sent as asked for`() async throws {
        let (fixture, _) = try await fixture()
        try await fixture.withClient { client in
            _ = try await client.call(.put, "\(Self.proxy)/digits", "0123456789")
            for (range, status, text) in [
                ("bytes=2-4", 206, "234"), ("bytes=-2", 206, "89"), ("bytes=20-", 416, ""),
                ("bytes=4-2", 200, "0123456789"),
            ] {
                try await client.execute(uri: "\(Self.proxy)/digits", method: .get, headers: [.range: range]) {
                    response in
                    #expect(response.status.code == status)
                    #expect(String(buffer: response.body) == text)
                    if status == 206 { #expect(response.headers[.contentRange]?.hasSuffix("/10") == true) }
                }
            }
        }
    }

    @Test func `a server without artifacts says so`() async throws {
        let fixture = try await ServerFixture { $0.artifactRoots = ArtifactRoots() }
        try await fixture.withClient { client in
            let answer = try await client.call(.get, "\(Self.proxy)/a")
            #expect(answer.status == 503)
        }
    }

    @Test func `multipart uploads are not offered for a folder`() async throws {
        let (fixture, _) = try await fixture()
        try await fixture.withClient { client in
            let answer = try await client.call(
                .post, "/api/2.0/mlflow-artifacts/mpu/create/a/b", #"{"path":"b","num_parts":2}"#)
            #expect(answer.status == 501)
            #expect(member("error_code", of: answer.text) == "NOT_IMPLEMENTED")
        }
    }
}
