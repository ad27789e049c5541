import Diagnostics
import Files
import SystemPackage
import TestSupport
import Testing

@testable import Artifacts

@Suite(.timeLimit(.minutes(10))) struct `AWS credentials` {
    let home: TemporaryDirectory

    init() throws {
        home = try TemporaryDirectory(prefix: "aws-test")
        try home.directory.makeDirectory(RelativePath(".aws"))
    }

    private func write(_ name: String, _ text: String) throws {
        try home.directory.writeFile(RelativePath(".aws/\(name)"), Array(text.utf8))
    }

    private func find(_ environment: [String: String] = [:]) async throws -> AWSCredentials {
        let http = OutgoingHTTP()
        var environment = environment
        environment["HOME"] = home.path.string
        if environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] == nil { environment["AWS_EC2_METADATA_DISABLED"] = "true" }
        let sources = AWSCredentialSources(environment: environment, http: http)
        do {
            let found = try await sources.find()
            await http.shutdown()
            return found
        } catch {
            await http.shutdown()
            throw error
        }
    }

    @Test func `the environment comes first, with its session token`() async throws {
        try write("credentials", "[default]\naws_access_key_id = FILE\naws_secret_access_key = s\n")
        let found = try await find([
            "AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t",
            "AWS_PROFILE": "default",
        ])
        #expect(found == AWSCredentials(accessKeyID: "ENV", secretAccessKey: "s", sessionToken: "t"))
        let half = await #expect(throws: ArtifactError.self) { try await find(["AWS_ACCESS_KEY_ID": "ENV"]) }
        #expect(half?.description.contains("AWS_SECRET_ACCESS_KEY") == true)
    }

    @Test func `profiles of both files are merged, the credentials file has the last word`() async throws {
        try write(
            "config",
            """
            # comment
            [default]
            region = eu-west-1
            aws_access_key_id = CONFIG
            aws_secret_access_key = config
            [profile "other one"]
            s3 =
              addressing_style = path
            aws_access_key_id=OTHER
            aws_secret_access_key = a=b#c
            """)
        try write(
            "credentials", "[default]\naws_access_key_id = FILE\naws_secret_access_key = file\naws_session_token=x\n")
        #expect(try await find() == AWSCredentials(accessKeyID: "FILE", secretAccessKey: "file", sessionToken: "x"))
        #expect(
            try await find(["AWS_PROFILE": "other one"])
                == AWSCredentials(accessKeyID: "OTHER", secretAccessKey: "a=b#c"))
        let settings = try S3Settings(
            environment: ["HOME": home.path.string, "AWS_PROFILE": "other one"], http: OutgoingHTTP())
        #expect(settings.usesPathStyle)
        let unknown = await #expect(throws: ArtifactError.self) { try await find(["AWS_PROFILE": "othr"]) }
        #expect(unknown?.description.contains("'othr'") == true && unknown?.description.contains("'other one'") == true)
    }

    @Test func `other files can be named`() async throws {
        let path = home.path.appending(".aws/elsewhere")
        try write("elsewhere", "[p]\naws_access_key_id = E\naws_secret_access_key = e\n")
        let found = try await find(["AWS_SHARED_CREDENTIALS_FILE": path.string, "AWS_PROFILE": "p"])
        #expect(found.accessKeyID == "E")
    }

    @Test(arguments: [
        ("credential_process = /bin/echo pwned", "credential_process"), ("sso_session = x", "single sign-on"),
        ("role_arn = arn:x\nmfa_serial = y", "one-time code"), ("role_arn = arn:x", "source_profile"),
        ("role_arn = arn:x\nsource_profile = loop", "leads back"), ("aws_access_key_id = A", "aws_secret_access_key"),
    ])
    func `what is not done is explained`(lines: String, mentioned: String) async throws {
        try write("config", "[default]\n\(lines)\n[profile loop]\nrole_arn = arn:y\nsource_profile = default\n")
        let error = await #expect(throws: ArtifactError.self) { try await find() }
        #expect(error?.reason == .denied)
        #expect(error?.description.contains(mentioned) == true)
    }

    @Test func `nothing found lists every place`() async throws {
        let error = await #expect(throws: ArtifactError.self) { try await find() }
        let text = error?.description ?? ""
        for place in [
            "AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", ".aws/credentials", ".aws/config", "instance",
        ] {
            #expect(text.contains(place))
        }
    }

    // The agents of ECS and EC2 exist only there: these two speak their documented protocol.

    @Test func `a container's agent gives credentials that expire`() async throws {
        try await RawHTTPServer.serving({ request, connection in
            guard request.target == "/creds", request.header("authorization") == "agent token" else {
                return try await connection.answer("403 Forbidden")
            }
            try await connection.answer(
                body: #"{"AccessKeyId":"C","SecretAccessKey":"c","Token":"t","Expiration":"2099-01-01T00:00:00Z"}"#)
        }) { server in
            let found = try await find([
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": server.url("/creds"),
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": "agent token",
            ])
            #expect(found.accessKeyID == "C" && found.sessionToken == "t")
            #expect(found.expiry?.amazonDate == "20990101")
            let refused = await #expect(throws: ArtifactError.self) {
                try await find(["AWS_CONTAINER_CREDENTIALS_FULL_URI": server.url("/creds")])
            }
            #expect(refused?.reason == .denied)
        }
        let plain = await #expect(throws: ArtifactError.self) {
            try await find(["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/creds"])
        }
        #expect(plain?.description.contains("without TLS") == true)
    }

    @Test func `an instance's role is asked for with a session token, and only so`() async throws {
        try await RawHTTPServer.serving({ request, connection in
            let role = "/latest/meta-data/iam/security-credentials/"
            switch (request.method, request.target) {
            case ("PUT", "/latest/api/token"):
                #expect(request.header("x-aws-ec2-metadata-token-ttl-seconds") == "21600")
                try await connection.answer(body: "IMDS2")
            case ("GET", role) where request.header("x-aws-ec2-metadata-token") == "IMDS2":
                try await connection.answer(body: "my-role\n")
            case ("GET", role + "my-role") where request.header("x-aws-ec2-metadata-token") == "IMDS2":
                try await connection.answer(
                    body:
                        #"{"Code":"Success","AccessKeyId":"I","SecretAccessKey":"i","Token":"t","Expiration":"2099-01-01T00:00:00Z"}"#
                )
            default: try await connection.answer("401 Unauthorized")
            }
        }) { server in
            let found = try await find(["AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url("")])
            #expect(found.accessKeyID == "I")
            await #expect(throws: ArtifactError.self) {
                try await find([
                    "AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url(""), "AWS_EC2_METADATA_DISABLED": "true",
                ])
            }
        }
    }

    @Test func `one look-up serves all who wait, and expired keys are renewed`() async throws {
        try await RawHTTPServer.serving({ request, connection in
            try await connection.answer(
                body: #"{"AccessKeyId":"C","SecretAccessKey":"c","Token":"t","Expiration":"2000-01-01T00:00:00Z"}"#)
        }) { server in
            let http = OutgoingHTTP()
            let chain = AWSCredentialChain(
                environment: ["AWS_CONTAINER_CREDENTIALS_FULL_URI": server.url("/c"), "HOME": home.path.string],
                http: http)
            async let first = chain.credentials()
            async let second = chain.credentials()
            #expect(try await first == second)
            let asked = server.requests.count
            _ = try await chain.credentials()
            #expect(server.requests.count > asked)
            await http.shutdown()
        }
    }
}

@Suite struct `the XML of services` {
    @Test func `elements, text, entities and character data are read`() throws {
        let text = """
            <?xml version="1.0" encoding="UTF-8"?><!-- note --><r xmlns="http://x/?a>b"><a>1 &lt; 2 &amp;&#x41;&#66;</a>
            <b/><c><![CDATA[<raw>&amp;]]></c><a x='>'>zwei ä</a></r>
            """
        let root = try XMLElement(parsing: Array(text.utf8))
        #expect(root.name == "r")
        #expect(root.all("a").map(\.text) == ["1 < 2 &AB", "zwei ä"])
        #expect(root.first("b")?.children.isEmpty == true)
        #expect(root.text(of: "c") == "<raw>&amp;")
    }

    @Test(arguments: [
        "", "text", "<a>", "<a></b>", "</a>", "<a", "<>x</>", "<a>&bomb;</a>", "<a>&#xD800;</a>",
        "<a>&#99999999999;</a>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<![CDATA[x]]>", "<a><![CDATA[x</a>", "<!-- x",
        String(repeating: "<a>", count: 100_000), "x<a/>",
    ])
    func `anything malformed or tricky is refused`(text: String) {
        #expect(throws: ArtifactError.self) { try XMLElement(parsing: Array(text.utf8)) }
    }

    @Test func `bytes at random are refused or read, and never crash`() {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("<>/&;a!-[]CDT?x#1'\" ".utf8)
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0..<40, using: &generator)).compactMap { _ in
                alphabet.randomElement(using: &generator)
            }
            _ = try? XMLElement(parsing: bytes)
        }
    }
}
