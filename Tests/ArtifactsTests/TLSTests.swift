import Diagnostics
import Files
import NIOCore
import NIOHTTP1
import Processes
import SystemPackage
import TestSupport
import Testing

@testable import Artifacts

@Suite(.timeLimit(.minutes(10)), .enabled(if: hasEngines("nginx", "openssl"))) struct `encrypted connections (nginx)` {
    private struct Server: Sendable {
        var url: String
        var folder: TemporaryDirectory

        func file(_ name: String) -> String { folder.path.appending(name).string }
    }

    /// A certificate authority, a server certificate for 127.0.0.1, and a client's, made by openssl.
    private func makeCertificates(_ folder: TemporaryDirectory, _ keeper: Keeper) async throws {
        let openssl = try #require(findEngine("openssl"))
        let steps = [
            [
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj",
                "/CN=Test CA", "-days", "2",
            ],
            [
                "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj",
                "/CN=server",
            ],
            [
                "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out",
                "server.pem", "-extfile", "names", "-days", "2",
            ],
            [
                "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "client.key", "-out", "client.csr", "-subj",
                "/CN=client",
            ],
            [
                "x509", "-req", "-in", "client.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out",
                "client.pem", "-days", "2",
            ],
        ]
        try folder.directory.writeFile(RelativePath("names"), Array("subjectAltName=IP:127.0.0.1\n".utf8))
        for step in steps {
            let result = try await keeper.runTool(openssl, step, environment: [:], workingDirectory: folder.path)
            #expect(result.end.isSuccess, "\(result.lastLines)")
        }
        let both = try ["client.pem", "client.key"].flatMap { try readFile(folder.path.appending($0), limit: 1 << 16) }
        try folder.directory.writeFile(RelativePath("client-both.pem"), both)
    }

    private func withServer(
        asksForCertificate: Bool = false, _ body: @Sendable (Server, OutgoingHTTP) async throws -> Void
    ) async throws {
        try await withDownloads { folder, http in
            let keeper = Keeper(executable: try BuiltProducts.path("swiftflow-keeper"))
            try await makeCertificates(folder, keeper)
            let port = try freePort()
            let path = folder.path
            let configuration = """
                daemon off; master_process off; pid \(path)/pid; error_log stderr;
                events {}
                http {
                  access_log off;
                  client_body_temp_path \(path)/t1; proxy_temp_path \(path)/t2; fastcgi_temp_path \(path)/t3;
                  uwsgi_temp_path \(path)/t4; scgi_temp_path \(path)/t5;
                  server {
                    listen 127.0.0.1:\(port) ssl;
                    ssl_certificate \(path)/server.pem; ssl_certificate_key \(path)/server.key;
                    \(asksForCertificate ? "ssl_client_certificate \(path)/ca.pem; ssl_verify_client on;" : "")
                    location /file { return 200 "encrypted"; }
                    location /plain { return 302 http://127.0.0.1:1/file; }
                  }
                }
                """
            try folder.directory.writeFile(RelativePath("nginx.conf"), Array(configuration.utf8))
            let nginx = try await ServerProcess(
                "nginx", ["-c", "\(path)/nginx.conf", "-e", "stderr"], port: port, environment: [:], folder: path,
                starter: keeper, patience: .seconds(60))
            try await body(Server(url: "https://127.0.0.1:\(port)", folder: folder), http)
            await nginx.stop()
        }
    }

    private func get(_ url: String, _ tls: TLSOptions, _ http: OutgoingHTTP) async throws -> String {
        let answer = try await HTTPDownload(http: http, tls: tls).answer(try HTTPURL(url))
        let text = try await answer.response.collectedBody(limit: 1 << 16, from: answer.url)
        return answer.response.status == .ok
            ? String(decoding: text, as: UTF8.self) : "status \(answer.response.status.code)"
    }

    @Test func `a certificate nobody vouches for is refused, without retries`() async throws {
        try await withServer { server, http in
            let error = await #expect(throws: ArtifactError.self) {
                try await get("\(server.url)/file", .standard, http)
            }
            #expect(error?.reason == .unreachable)
            #expect(error?.description.contains("TLS") == true, "\(String(describing: error))")
            #expect(error?.isTransient == false)
            _ = try server.folder.directory.list()
        }
    }

    @Test func `named authorities, or an explicit consent, are enough`() async throws {
        try await withServer { server, http in
            let url = "\(server.url)/file"
            #expect(try await get(url, TLSOptions(authorities: server.file("ca.pem")), http) == "encrypted")
            #expect(try await get(url, TLSOptions(verifiesServer: false), http) == "encrypted")
            let environments = [
                ["MLFLOW_TRACKING_SERVER_CERT_PATH": server.file("ca.pem")], ["MLFLOW_TRACKING_INSECURE_TLS": "true"],
                ["REQUESTS_CA_BUNDLE": server.file("ca.pem")],
            ]
            for environment in environments {
                #expect(try await get(url, .tracking(environment: environment), http) == "encrypted")
            }
            let settings = try S3Settings(environment: ["AWS_CA_BUNDLE": server.file("ca.pem")], http: http)
            #expect(try await get(url, settings.tls, http) == "encrypted")
            let careless = try S3Settings(environment: ["MLFLOW_S3_IGNORE_TLS": "true"], http: http)
            #expect(try await get(url, careless.tls, http) == "encrypted")
        }
    }

    // The certificate is for the address we connect to, which the library alone would take for enough.
    @Test func `a certificate vouched for, but for another name, is refused`() async throws {
        try await withServer { server, http in
            let url = server.url.replacing("127.0.0.1", with: "localhost") + "/file"
            let error = await #expect(throws: ArtifactError.self) {
                try await get(url, TLSOptions(authorities: server.file("ca.pem")), http)
            }
            #expect(error?.reason == .unreachable)
            #expect(error?.description.contains("another name") == true)
            _ = try server.folder.directory.list()
        }
    }

    @Test(arguments: [
        ("example.com", "example.com", true), ("Example.com", "EXAMPLE.COM.", true),
        ("a.example.com", "*.example.com", true),
        ("example.com", "*.example.com", false), ("a.b.example.com", "*.example.com", false), ("a.com", "*.com", false),
        ("xexample.com", "example.com", false), ("a.example.com", "a*.example.com", false), ("", "", false),
        ("a", "*", false),
        (".example.com", "*.example.com", false),
    ])
    func `names match as a whole, a wildcard is one label`(host: String, pattern: String, matches: Bool) {
        #expect(CertificateName.matches(host, pattern: pattern) == matches)
    }

    @Test func `our own certificate is shown to a server that asks`() async throws {
        try await withServer(asksForCertificate: true) { server, http in
            let url = "\(server.url)/file"
            let plain = TLSOptions(authorities: server.file("ca.pem"))
            #expect(try await get(url, plain, http) == "status 400")
            let shown = try TLSOptions.tracking(environment: [
                "MLFLOW_TRACKING_SERVER_CERT_PATH": server.file("ca.pem"),
                "MLFLOW_TRACKING_CLIENT_CERT_PATH": server.file("client-both.pem"),
            ])
            #expect(try await get(url, shown, http) == "encrypted")
            let keyless = TLSOptions(authorities: server.file("ca.pem"), clientCertificate: server.file("client.pem"))
            let error = await #expect(throws: ArtifactError.self) { try await get(url, keyless, http) }
            #expect(error?.description.contains("client.pem") == true)
        }
    }

    @Test func `D-04 a redirect from https to http is refused`() async throws {
        try await withServer { server, http in
            let error = await #expect(throws: ArtifactError.self) {
                try await get("\(server.url)/plain", TLSOptions(authorities: server.file("ca.pem")), http)
            }
            #expect(error?.reason == .untrustedAnswer)
            #expect(error?.description.contains("from https to http") == true)
            _ = try server.folder.directory.list()
        }
    }
}
