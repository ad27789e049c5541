package import Files
import FoundationEssentials
import NIOHTTP1

/// Artifacts behind a tracking server, which keeps them wherever it was told to: the `mlflow-artifacts` proxy routes.
package struct MLflowArtifactsRepository: WholeFileTransfer {
    /// The address that ends with `/api/2.0/mlflow-artifacts/artifacts`.
    private let service: HTTPURL
    private let root: RelativePath
    private let credentials: HTTPCredentials
    private let headers: HTTPHeaders
    private let client: HTTPDownload

    package var location: String { service.appending(root.components).description }

    /// - Parameters:
    ///   - uri: `mlflow-artifacts:/path`, `mlflow-artifacts://host:port/path`, or the web address of the route itself.
    ///   - server: the tracking server's address, which the first form is relative to.
    ///   - environment: gives the credentials (`MLFLOW_TRACKING_USERNAME` and `_PASSWORD`, else `MLFLOW_TRACKING_TOKEN`), TLS options, workspace.
    ///     They are for the tracking server only; another host named by `uri` does not see them.
    package init(_ uri: String, server: String?, environment: [String: String], http: OutgoingHTTP) throws {
        let route = "/api/2.0/mlflow-artifacts/artifacts"
        let tracking = try server.flatMap { $0.lowercased().hasPrefix("http") ? try HTTPURL($0) : nil }
        var service: HTTPURL
        var rootText: Substring
        if let end = uri.firstRange(of: "mlflow-artifacts://") {
            let rest = uri[end.upperBound...]
            let slash = rest.firstIndex(of: "/") ?? rest.endIndex
            let scheme = tracking?.scheme ?? .http
            service =
                try rest[..<slash].isEmpty
                ? Self.required(tracking, for: uri) : HTTPURL("\(scheme.rawValue)://\(rest[..<slash])")
            if service.origin == tracking?.origin, let tracking { service = tracking }
            rootText = rest[slash...]
        } else if uri.hasPrefix("mlflow-artifacts:") {
            service = try Self.required(tracking, for: uri)
            rootText = uri.dropFirst("mlflow-artifacts:".count)
        } else {
            service = try HTTPURL(uri)
            guard let range = service.path.firstRange(of: "/mlflow-artifacts/artifacts") else {
                throw ArtifactError(
                    .invalidAddress, "'\(service)' is not an address of artifacts behind a tracking server")
            }
            let (whole, before) = (service.path, service.path[..<range.upperBound])
            service.path = String(before)
            service.query = nil
            rootText = whole[range.upperBound...]
        }
        if !service.path.hasSuffix("/mlflow-artifacts/artifacts") {
            service.path = (service.path.hasSuffix("/") ? String(service.path.dropLast()) : service.path) + route
        }
        // As clients do it: slashes at the ends and doubled ones mean nothing.
        let segments = rootText.split(separator: "/").joined(separator: "/")
        root = try segments.isEmpty ? .root : RelativePath(percentEncoded: segments)
        self.service = service

        let isTrackingServer = tracking.map { $0.origin == service.origin } ?? (server == nil)
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        credentials =
            !isTrackingServer
            ? service.userinfo
            : HTTPCredentials.tracking(environment: environment, server: tracking ?? service)
        headers = isTrackingServer ? value("MLFLOW_WORKSPACE").map { ["X-MLFLOW-WORKSPACE": $0] } ?? [:] : [:]
        let tls: TLSOptions =
            try isTrackingServer ? .tracking(environment: environment) : .general(environment: environment)
        client = HTTPDownload(http: http, tls: tls)
    }

    private static func required(_ tracking: HTTPURL?, for uri: String) throws -> HTTPURL {
        guard let tracking else {
            throw ArtifactError(
                .invalidAddress, "'\(uri)' is relative to a tracking server, and there is none",
                remedy:
                    "set MLFLOW_TRACKING_URI to an http or https address, or write mlflow-artifacts://HOST:PORT/PATH")
        }
        return tracking
    }

    package func list(_ folder: RelativePath) async throws -> [ArtifactEntry] {
        struct Listing: Decodable {
            struct File: Decodable {
                var path: String
                var is_dir: Bool?
                var file_size: Size?
            }
            /// A number, or the same in quotes, as protocol buffers write 64-bit numbers.
            struct Size: Decodable {
                var bytes: Int64?

                init(from decoder: any Decoder) throws {
                    let value = try decoder.singleValueContainer()
                    bytes = try (try? value.decode(Int64.self)) ?? Int64(value.decode(String.self))
                }
            }
            var files: [File]?
        }
        var url = service
        url.query = SignatureV4.canonicalQuery([
            ("path", folder.isRoot && root.isRoot ? "" : root.appending(folder).string)
        ])
        let bytes: [UInt8]? = try await RetryPolicy.standard.run { [url] _ in
            let answer = try await client.answer(url, headers: headers, credentials: credentials)
            if answer.response.status == .notFound { return nil }
            guard answer.response.status == .ok else { throw await statusFailure(answer.response, url) }
            return try await answer.response.collectedBody(limit: 64 << 20, from: url)
        }
        guard let bytes else { return [] }
        guard let listing = try? JSONDecoder().decode(Listing.self, from: Data(bytes)) else {
            throw ArtifactError(.untrustedAnswer, "the listing of \(named(folder)) is not what a tracking server sends")
        }
        return try (listing.files ?? []).map { file in
            ArtifactEntry(
                path: try listedPath(
                    file.path, in: folder, of: named(folder),
                    remedy: "nothing of it is used; ask whoever runs that server"), isDirectory: file.is_dir ?? false,
                size: file.is_dir == true ? nil : file.file_size?.bytes ?? 0)
        }.sorted { $0.path.string < $1.path.string }
    }

    package func entry(_ path: RelativePath) async throws -> ArtifactEntry? {
        if path.isRoot { return ArtifactEntry(path: path, isDirectory: true) }
        return try await list(path.parent).first { $0.path == path }
    }

    package func read(_ file: RelativePath, range: Range<Int64>?) async throws -> ArtifactContent {
        if let range, range.isEmpty { return .empty }
        var headers = headers
        if let range { headers.add(name: "Range", value: "bytes=\(range.lowerBound)-\(range.upperBound - 1)") }
        let url = try url(of: file)
        let answer = try await client.answer(url, headers: headers, credentials: credentials)
        if answer.response.status == .notFound { throw notFound(file) }
        return try await content(of: answer.response, url, range: range)
    }

    package func write(_ file: RelativePath, _ content: ByteStream, length: Int64?) async throws {
        let response = try await client.http.send(
            OutgoingRequest(
                .PUT, try url(of: file), headers: headers, body: .stream(content, length: length),
                credentials: credentials, tls: client.tls))
        guard (200..<300).contains(response.status.code) else { throw await statusFailure(response, try url(of: file)) }
        _ = try await response.collectedBody(limit: 1 << 20, from: try url(of: file))
    }

    package func delete(_ path: RelativePath) async throws {
        guard !path.isRoot else {
            throw ArtifactError(.invalidAddress, "the root '\(location)' itself is not deleted")
        }
        let url = try url(of: path)
        try await RetryPolicy.standard.run { _ in
            let response = try await client.http.send(
                OutgoingRequest(.DELETE, url, headers: headers, credentials: credentials, tls: client.tls))
            guard (200..<300).contains(response.status.code) || response.status == .notFound else {
                throw await statusFailure(response, url)
            }
            _ = try await response.collectedBody(limit: 1 << 20, from: url)
        }
    }

    func fetch(_ file: ArtifactEntry, to target: PartialFile, _ transfer: Transfer) async throws {
        try await client.fetch(
            url(of: file.path), headers: headers, credentials: credentials, to: target, transfer)
    }

    func store(_ file: LocalFile, as path: RelativePath, _ transfer: Transfer) async throws {
        try await transfer.retries.run { _ in
            try await write(path, file.stream(0..<file.size), length: file.size)
        }
        try transfer.meter.add(bytes: Int(file.size))
    }

    private func url(of file: RelativePath) throws(ArtifactError) -> HTTPURL {
        guard !file.isRoot else { throw ArtifactError(.wrongKind, "'\(location)' is a folder") }
        return service.appending(root.components + file.components)
    }
}

extension HTTPCredentials {
    /// What the tracking server is told about us: `MLFLOW_TRACKING_USERNAME` with `_PASSWORD`, else `MLFLOW_TRACKING_TOKEN`, else what
    /// the address itself says.
    package static func tracking(environment: [String: String], server: HTTPURL) -> HTTPCredentials {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        if let user = value("MLFLOW_TRACKING_USERNAME"), let password = value("MLFLOW_TRACKING_PASSWORD") {
            return .basic(user: user, password: password)
        }
        return value("MLFLOW_TRACKING_TOKEN").map { .bearer(token: $0) } ?? server.userinfo
    }
}
