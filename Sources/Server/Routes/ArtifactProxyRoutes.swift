import Files
import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import Tracking

/// `mlflow-artifacts:` locations: the server keeps the files for its clients.
struct ArtifactProxyRoutes: RouteProvider {
    private static let prefix = "mlflow-artifacts/artifacts"

    let roots: ArtifactRoots
    /// The most bytes an artifact may have; nil takes whatever the disk holds.
    let uploadLimit: Int64?

    var routes: [Route] {
        let unsupported =
            ["create", "complete", "abort"].flatMap { step in
                Route.call(.post, "mlflow-artifacts/mpu/\(step)/**") { try multipart($0, after: "/mpu/\(step)/") }
            } + Route.call(.get, "mlflow-artifacts/presigned/**") { try multipart($0, after: "/presigned/") }
        return Route.call(.get, Self.prefix, handler: list)
            + Route.call(.get, "\(Self.prefix)/**", handler: download)
            + Route.call(.put, "\(Self.prefix)/**", handler: upload)
            + Route.call(.delete, "\(Self.prefix)/**", handler: delete)
            + unsupported
    }

    private func folder() throws(APIError) -> ArtifactFolder {
        guard let served = roots.served else {
            throw APIError(
                .temporarilyUnavailable,
                "This server does not serve artifacts: it was started with --no-serve-artifacts.")
        }
        return ArtifactFolder(path: served)
    }

    @Sendable private func list(_ request: APIRequest) async throws -> Response {
        let path = try RelativePath.artifact(optional: try await request.message().string("path"))
        let entries = try await folder().list(path)
        return .json {
            $0.field("files", entries) { $0.fileInfo(path: $1.name, entry: $1) }
        }
    }

    @Sendable private func download(_ request: APIRequest) async throws -> Response {
        let path = try request.artifactPath(after: "/artifacts/")
        return ArtifactAnswer(artifact: try await folder().open(path)).response(to: request.request)
    }

    @Sendable private func upload(_ request: APIRequest) async throws -> Response {
        guard !request.request.uri.path.hasSuffix("/") else { throw APIError.invalidPath }
        let path = try request.artifactPath(after: "/artifacts/")
        try await ArtifactReception(request: request.request, limit: uploadLimit).receive(
            into: ArtifactPlace(folder: try folder(), path: path))
        return Response(status: .ok)
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> Response {
        let path = try request.artifactPath(after: "/artifacts/")
        try await folder().remove(path)
        return .empty
    }

    /// Files of a local folder are sent through the server; there is nowhere else to send parts of them to.
    private func multipart(_ request: APIRequest, after marker: String) throws -> Response {
        _ = try folder()
        _ = try request.artifactPath(after: marker)
        throw APIError(
            .notImplemented, "Multipart upload is not supported for the current artifact repository")
    }
}

extension APIRequest {
    /// The part of the URL's path after `marker`, decoded once and checked.
    func artifactPath(after marker: String) throws(APIError) -> RelativePath {
        let whole = request.uri.path
        guard let start = whole.firstRange(of: marker) else { throw .invalidPath }
        guard let text = percentDecoded(String(whole[start.upperBound...])) else { throw .invalidPath }
        return try RelativePath.artifact(text)
    }
}

extension JSONWriter {
    mutating func fileInfo(path: String, entry: ArtifactFolder.Entry) {
        object {
            $0.field("path", path)
            $0.field("is_dir", entry.isDirectory)
            $0.field("file_size", entry.isDirectory || entry.size == 0 ? nil : entry.size)
        }
    }
}
