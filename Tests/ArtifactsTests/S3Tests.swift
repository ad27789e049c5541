import Diagnostics
import Files
import Foundation
import NIOCore
import NIOHTTP1
import Processes
import SystemPackage
import TestSupport
import Testing

@testable import Artifacts

let someKeys = ["AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "HOME": "/nonexistent"]

/// Runs moto, a real S3 and STS of its own, and gives the environment that reaches it, with a bucket `artifacts`.
func withMoto<Result: Sendable>(
    _ body: @Sendable ([String: String], OutgoingHTTP, TemporaryDirectory) async throws -> Result
) async throws -> Result {
    try await withDownloads(stall: .seconds(30)) { folder, http in
        let keeper = Keeper(executable: try BuiltProducts.path("swiftflow-keeper"))
        let moto = try await S3Server(folder: folder, starter: keeper, http: http)
        let result = try await body(moto.environment, http, folder)
        await moto.stop()
        return result
    }
}

@Suite(.timeLimit(.minutes(10)), .enabled(if: hasEngines("moto_server"))) struct `artifacts in S3 (moto)` {
    @Test func `the conformance kit passes`() async throws {
        try await withMoto { environment, http, folder in
            let settings = try S3Settings(environment: environment, http: http)
            let repository = try S3ArtifactRepository("s3://artifacts/some/prefix", settings: settings)
            // A leading tilde is an ordinary key too.
            try await ArtifactRepositoryKit(repository, scratch: folder.path.appending("scratch")).run()
            let root = try S3ArtifactRepository("s3://artifacts", settings: settings)
            #expect(try await root.list(.root).isEmpty)
        }
    }

    @Test func `large files go up and down in parts`() async throws {
        try await withMoto { environment, http, folder in
            let settings = try S3Settings(environment: environment, http: http)
            var repository = try S3ArtifactRepository("s3://artifacts", settings: settings)
            repository.partThreshold = 6 << 20
            repository.downloadPartSize = 5 << 20
            repository.smallestPart = 5 << 20
            try await ArtifactRepositoryKit(
                repository, scratch: folder.path.appending("scratch"), largeSize: (33 << 20) + 7, names: ["x"]
            ).run()
            // Nothing half-done is left that would cost money.
            let uploads = try await repository.bucket.send(.init(method: .GET, query: [("uploads", "")]))
            let document = try XMLElement(
                parsing: try await uploads.collectedBody(limit: 1 << 20, from: HTTPURL("http://moto")))
            #expect(document.all("Upload").isEmpty)
        }
    }

    @Test func `a listing of several pages is read to its end`() async throws {
        try await withMoto { environment, http, folder in
            let settings = try S3Settings(environment: environment, http: http)
            let repository = try S3ArtifactRepository("s3://artifacts/many", settings: settings)
            let source = try Directory(creating: folder.path.appending("many"))
            for number in 0..<1_205 { try source.writeFile(RelativePath("file \(number)"), [1]) }
            try await repository.upload(source.path, to: RelativePath("d"), Transfer())
            #expect(try await repository.list(RelativePath("d")).count == 1_205)
            try await repository.delete(RelativePath("d"))
            #expect(try await repository.list(RelativePath("d")).isEmpty)
        }
    }

    @Test func `missing buckets and keys are named`() async throws {
        try await withMoto { environment, http, folder in
            let settings = try S3Settings(environment: environment, http: http)
            let missing = try S3ArtifactRepository("s3://no-such-bucket/x", settings: settings)
            let error = await #expect(throws: ArtifactError.self) { try await missing.list(.root) }
            #expect(error?.reason == .notFound)
            #expect(error?.description.contains("no-such-bucket") == true)
            let resolver = ArtifactResolver(
                environment: environment, trackingURI: nil, workingDirectory: folder.path, http: http)
            let absent = await #expect(throws: ArtifactError.self) {
                try await resolver.download("s3://artifacts/no/such/key.csv", into: folder.path.appending("p"))
            }
            #expect(absent?.reason == .notFound)
            #expect(absent?.description.contains("key.csv") == true)
        }
    }

    @Test func `roles are taken with a token file and with a source profile`() async throws {
        try await withMoto { environment, http, folder in
            try folder.directory.writeFile(RelativePath("token"), Array("a.b.c\n".utf8))
            let arn = "arn:aws:iam::123456789012:role/reader"
            var web = environment.merging(["AWS_ROLE_ARN": arn, "HOME": folder.path.string]) { $1 }
            web["AWS_WEB_IDENTITY_TOKEN_FILE"] = folder.path.appending("token").string
            web["AWS_ACCESS_KEY_ID"] = nil
            let found = try await AWSCredentialSources(environment: web, http: http).find()
            #expect(found.sessionToken != nil)
            #expect(found.expiry.map { $0 > UTCTime.now() } == true)

            let config = """
                [profile base]
                aws_access_key_id = AKIDBASE
                aws_secret_access_key = base
                [profile role]
                role_arn = \(arn)
                source_profile = base
                region = eu-central-1
                """
            try folder.directory.writeFile(RelativePath("config"), Array(config.utf8))
            var profile = environment.merging(["AWS_PROFILE": "role", "HOME": folder.path.string]) { $1 }
            profile["AWS_CONFIG_FILE"] = folder.path.appending("config").string
            profile["AWS_ACCESS_KEY_ID"] = nil
            let taken = try await AWSCredentialSources(environment: profile, http: http).find()
            #expect(taken.sessionToken != nil && taken.accessKeyID != "AKIDBASE")
        }
    }
}

/// S3 as a liar speaks it; a real one cannot be made to.
@Suite(.timeLimit(.minutes(10))) struct `a hostile S3` {
    private func listing(_ inner: String) -> String {
        "<?xml version=\"1.0\"?><ListBucketResult><EncodingType>url</EncodingType>\(inner)</ListBucketResult>"
    }

    private func withRepository<Result: Sendable>(
        _ answer: @escaping RawHTTPServer.Answer,
        _ body: @Sendable (S3ArtifactRepository, TemporaryDirectory, RawHTTPServer) async throws -> Result
    ) async throws -> Result {
        try await withDownloads { folder, http in
            try await RawHTTPServer.serving(answer) { server in
                let environment = someKeys.merging(["MLFLOW_S3_ENDPOINT_URL": server.url("")]) { $1 }
                let settings = try S3Settings(environment: environment, http: http)
                return try await body(S3ArtifactRepository("s3://bucket/p", settings: settings), folder, server)
            }
        }
    }

    @Test(arguments: [
        "<Contents><Key>p/d/../x</Key></Contents>", "<Contents><Key>p/d/%2e%2e</Key></Contents>",
        "<Contents><Key>elsewhere</Key></Contents>", "<Contents><Key>/etc/passwd</Key></Contents>",
        "<Contents><Key>p/d/a/b</Key></Contents>", "<Contents><Key>p/d/a%00b</Key></Contents>",
        "<Contents><Key>p/d/a%5Cb</Key></Contents>", "<Contents><Key>p/d/.</Key></Contents>",
        "<CommonPrefixes><Prefix>p/d//</Prefix></CommonPrefixes>",
        "<CommonPrefixes><Prefix>p/d/../</Prefix></CommonPrefixes>",
        "<CommonPrefixes><Prefix>p/d/</Prefix></CommonPrefixes>", "<Contents><Key>%zz</Key></Contents>",
        "<Contents><Key>p/d/x</Key><Size>1</Size></Contents><Contents><Key>p/d/x</Key><Size>1</Size></Contents>",
        "<IsTruncated>true</IsTruncated>",
        "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>",
        "</Contents>", "<Contents>", "&bomb;",
    ])
    func `D-07 a listing that lies is refused and nothing is written`(inner: String) async throws {
        try await withRepository { request, connection in
            if request.method == "HEAD" {
                try await connection.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            } else if request.target.contains("list-type") {
                let page = request.target.contains("max-keys=1&") ? "<Contents><Key>p/d/x</Key></Contents>" : inner
                try await connection.answer(body: listing(page))
            } else {
                try await connection.answer(body: "1")
            }
        } _: { repository, folder, _ in
            let target = try Directory(creating: folder.path.appending("target"))
            let error = await #expect(throws: ArtifactError.self) {
                try await repository.download(RelativePath("d"), into: target, Transfer(retries: quickRetries))
            }
            #expect(error?.reason == .untrustedAnswer)
            let left = try target.list(RelativePath("d")).map(\.name)
            #expect(left.isEmpty || left == ["x"])
            #expect(try folder.directory.list().map(\.name) == ["target"])
        }
    }

    @Test func `the region a bucket turns out to be in is used at once`() async throws {
        try await withRepository { request, connection in
            if request.header("authorization")?.contains("/eu-west-3/s3/") == true {
                try await connection.answer(body: "found")
            } else {
                try await connection.answer(
                    "400 Bad Request", ["x-amz-bucket-region: eu-west-3"],
                    body: "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>")
            }
        } _: { repository, _, server in
            let content = try await repository.read(RelativePath("x"))
            var text = ""
            for try await buffer in content.body { text += String(buffer: buffer) }
            #expect(text == "found")
            #expect(server.requests.count == 2)
            _ = try await repository.read(RelativePath("y"))
            #expect(server.requests.count == 3)
        }
    }

    @Test func `P10 what S3 refuses is explained without secrets`() async throws {
        try await withRepository { _, connection in
            try await connection.answer(
                "403 Forbidden", body: "<Error><Code>AccessDenied</Code><Message>no\u{1B}[31m way</Message></Error>")
        } _: { repository, _, _ in
            let error = await #expect(throws: ArtifactError.self) { try await repository.read(RelativePath("x")) }
            #expect(error?.reason == .denied)
            #expect(error?.description.contains("s3://bucket/p/x") == true)
            #expect(error?.description.contains("\u{1B}") == false)
            #expect(error?.description.contains("secret") == false)
        }
    }

    @Test func `a passing failure is retried, and content that changes between parts is noticed`() async throws {
        try await withRepository { request, connection in
            if request.method == "HEAD" {
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 30\r\nETag: \"v1\"\r\n\r\n"
                try await connection.send(head)
            } else {
                #expect(request.header("if-match") == "\"v1\"")
                try await connection.answer(
                    "412 Precondition Failed", body: "<Error><Code>PreconditionFailed</Code></Error>")
            }
        } _: { repository, folder, _ in
            var repository = repository
            repository.partThreshold = 10
            repository.downloadPartSize = 10
            let fixed = repository
            let error = await #expect(throws: ArtifactError.self) {
                try await fixed.download(RelativePath("x"), into: folder.directory, Transfer(retries: quickRetries))
            }
            #expect(error?.description.contains("PreconditionFailed") == true)
            let left = try folder.directory.list()
            #expect(left.isEmpty)
        }
    }
}

@Suite struct `where S3 is` {
    private func url(_ uri: String, _ environment: [String: String]) throws -> String {
        let settings = try S3Settings(environment: someKeys.merging(environment) { $1 }, http: OutgoingHTTP())
        let address = try S3Address(uri)
        let bucket = S3Bucket(address, settings)
        return try bucket.url(of: address.prefix, region: settings.region(of: address.bucket)).text
    }

    @Test func `hosts, paths and regions follow Amazon's rules`() throws {
        #expect(try url("s3://bucket/a/b", [:]) == "https://bucket.s3.us-east-1.amazonaws.com/a/b")
        #expect(
            try url("s3://bucket/a b", ["AWS_REGION": "eu-west-1"]) == "https://bucket.s3.eu-west-1.amazonaws.com/a%20b"
        )
        #expect(try url("s3://dotted.name/a", [:]) == "https://s3.us-east-1.amazonaws.com/dotted.name/a")
        #expect(
            try url("s3://bucket/a//b/", ["AWS_DEFAULT_REGION": "cn-north-1"])
                == "https://bucket.s3.cn-north-1.amazonaws.com.cn/a//b")
        #expect(
            try url("s3://bucket/ä", ["MLFLOW_S3_ENDPOINT_URL": "http://minio:9000/x/"])
                == "http://minio:9000/x/bucket/%C3%A4")
        #expect(
            try url(
                "s3://bucket/a", ["AWS_ENDPOINT_URL": "https://h", "MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE": "virtual"])
                == "https://bucket.h/a")
    }

    @Test(arguments: [
        "s3://", "s3:///key", "s3://b", "s3://bu cket/x", "s3://bucket@host/x", "s3://-bucket/x", "s3://a..b/x",
        "s3://bucket/../x", "s3://bucket/a/./b", "s3://bucket:9000/x", "s3://bücket/x",
    ])
    func `what names no bucket or no safe key is refused`(uri: String) {
        #expect(throws: ArtifactError.self) { try S3Address(uri) }
    }

    @Test func `extra arguments of uploads are known or refused`() throws {
        let arguments = ["MLFLOW_S3_UPLOAD_EXTRA_ARGS": #"{"ServerSideEncryption": "aws:kms", "ACL": "private"}"#]
        let settings = try S3Settings(environment: someKeys.merging(arguments) { $1 }, http: OutgoingHTTP())
        #expect(settings.uploadHeaders.map(\.name) == ["x-amz-acl", "x-amz-server-side-encryption"])
        for bad in ["[]", "{", #"{"Unknown": "x"}"#, #"{"ACL": 1}"#] {
            #expect(throws: ArtifactError.self) {
                try S3Settings(environment: ["MLFLOW_S3_UPLOAD_EXTRA_ARGS": bad], http: OutgoingHTTP())
            }
        }
    }
}
