import Diagnostics
import Files
import NIOCore
import NIOHTTP1
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Artifacts

/// Where a download is led: redirects, credentials, and the name and place of the file.
extension `downloads from the web` {
    @Test(arguments: [
        "file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://x", "javascript:1", "http://", "http://h h/",
        "\\\\host\\share",
    ])
    func `D-04 a redirect to another scheme is refused`(target: String) async throws {
        let result = try await download { _, connection in
            try await connection.answer("302 Found", ["Location: \(target)"])
        }
        #expect(result.error?.reason == .untrustedAnswer)
        #expect(result.error?.description.contains("redirects to") == true)
        #expect(result.leftovers.isEmpty)
    }

    @Test func `D-04 redirects in a circle, without end, and without a target are refused`() async throws {
        let circle = try await download { request, connection in
            try await connection.answer("301 Moved", ["Location: \(request.target == "/file" ? "/other" : "/file")"])
        }
        #expect(circle.error?.description.contains("circle") == true)
        let endless = try await download { request, connection in
            try await connection.answer("307 Again", ["Location: \(request.target)x"])
        }
        #expect(endless.error?.description.contains("more than 5 times") == true)
        #expect(endless.requests.count == 6)
        let blank = try await download { _, connection in try await connection.answer("308 Moved") }
        #expect(blank.error?.reason == .untrustedAnswer)
    }

    @Test func `D-04 up to five redirects on the way are followed`() async throws {
        let result = try await download("/0") { request, connection in
            let step = Int(request.target.dropFirst()) ?? 0
            if step < 5 {
                try await connection.answer("302 Found", ["Location: \(step + 1)"])
            } else {
                try await connection.answer(body: "there")
            }
        }
        #expect(result.error == nil)
        #expect(result.content == "there")
    }

    @Test func `D-04 credentials are for one origin: redirects elsewhere are refused, and never see them`() async throws
    {
        try await withDownloads { folder, http in
            try await RawHTTPServer.serving({ _, connection in try await connection.answer(body: "secret trap") }) {
                other in
                try await RawHTTPServer.serving({ request, connection in
                    if request.target == "/same" {
                        try await connection.answer("302 Found", ["Location: /file"])
                    } else if request.target == "/away" {
                        try await connection.answer("302 Found", ["Location: \(other.url("/x"))"])
                    } else {
                        try await connection.answer(body: request.header("authorization") ?? "none")
                    }
                }) { server in
                    let target = folder.path.appending("file")
                    let token = HTTPCredentials.bearer(token: "TOKEN")
                    try await downloadFile(
                        server.url("/same"), to: target, credentials: token, retries: quickRetries, http: http)
                    #expect(
                        try folder.directory.readFile(RelativePath("file"), limit: 99) == Array("Bearer TOKEN".utf8))
                    for (url, credentials) in [
                        (server.url("/away"), token),
                        (server.url("/away").replacing("http://", with: "http://user:PASSWORD@"), .none),
                    ] {
                        let error = await #expect(throws: ArtifactError.self) {
                            try await downloadFile(
                                url, to: target, credentials: credentials, retries: quickRetries, http: http)
                        }
                        #expect(error?.reason == .untrustedAnswer)
                        let text = error?.description ?? ""
                        #expect(text.contains("127.0.0.1:\(other.port)") && text.contains("127.0.0.1:\(server.port)"))
                        #expect(!text.contains("PASSWORD") && !text.contains("TOKEN"))
                    }
                    #expect(other.requests.isEmpty)
                    // Without credentials it is an ordinary redirect, and the other host gets none.
                    try await downloadFile(server.url("/away"), to: target, retries: quickRetries, http: http)
                    #expect(other.requests.first?.header("authorization") == nil)
                }
            }
        }
    }

    @Test func `D-05 the name comes from the address, never from the server`() async throws {
        try await withDownloads { folder, http in
            try await RawHTTPServer.serving({ _, connection in
                try await connection.answer(
                    "200 OK", ["Content-Disposition: attachment; filename=\"../../x\""], body: "1")
            }) { server in
                let source = HTTPFileSource(try HTTPURL(server.url("/a/data%20set.csv?sig=1")), http: http)
                let path = try await source.download(.root, into: folder.directory, Transfer())
                #expect(path.lastComponent?.string == "data set.csv")
                #expect(try folder.directory.list().map(\.name) == ["data set.csv"])
            }
        }
    }

    @Test(arguments: [
        "/..", "/a/..", "/%2e%2e", "/a%2f..%2f..%2fx", "/%2fetc%2fpasswd", "/a%00b", "/a%0Ab", "/.", "/a%5cb", "/~root",
        "/\(String(repeating: "n", count: 500))", "/.swiftflow-tmp-x", "/%FF%FE",
    ])
    func `D-05 a last segment that is no file name is refused`(path: String) throws {
        let error = #expect(throws: ArtifactError.self) { try HTTPFileSource.fileName(of: HTTPURL("http://h\(path)")) }
        #expect(error?.reason == .invalidAddress)
    }

    @Test func `D-05 planted links in the target are not followed`() async throws {
        try await withDownloads { folder, http in
            let outside = try TemporaryDirectory(prefix: "outside")
            try outside.directory.writeFile(RelativePath("victim"), Array("old".utf8))
            try link(to: outside.path.appending("victim"), at: folder.path.appending("file"))
            try await RawHTTPServer.serving({ _, connection in try await connection.answer(body: "new") }) { server in
                try await downloadFile(
                    server.url("/x"), to: folder.path.appending("file"), retries: quickRetries, http: http)
            }
            #expect(try outside.directory.readFile(RelativePath("victim"), limit: 9) == Array("old".utf8))
            #expect(try folder.directory.readFile(RelativePath("file"), limit: 9) == Array("new".utf8))
            #expect(try folder.directory.status(RelativePath("file"))?.permissions == 0o600)
        }
    }
}
