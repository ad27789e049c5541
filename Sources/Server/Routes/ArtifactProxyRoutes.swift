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
        Route.call(.get, Self.prefix, handler: list)
            + Route.call(.get, "\(Self.prefix)/**", handler: download)
            + Route.call(.put, "\(Self.prefix)/**", handler: upload)
            + Route.call(.delete, "\(Self.prefix)/**", handler: delete)
    }

    private func storage() throws(APIError) -> any ArtifactStorage { try roots.requireServed() }

    @Sendable private func list(_ request: APIRequest) async throws -> Response {
        let path = try RelativePath.artifact(optional: try await request.message().string("path"))
        let entries = try await storage().list(path)
        return .json {
            $0.field("files", entries) { $0.fileInfo(path: $1.name, entry: $1) }
        }
    }

    @Sendable private func download(_ request: APIRequest) async throws -> Response {
        let path = try request.artifactPath(after: "/artifacts/")
        return ArtifactAnswer(artifact: try await storage().open(path)).response(to: request.request)
    }

    @Sendable private func upload(_ request: APIRequest) async throws -> Response {
        guard !request.request.uri.path.hasSuffix("/") else { throw APIError.invalidPath }
        let path = try request.artifactPath(after: "/artifacts/")
        try await ArtifactReception(request: request.request, limit: uploadLimit).receive(
            into: ArtifactPlace(storage: try storage(), path: path))
        return Response(status: .ok)
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> Response {
        let path = try request.artifactPath(after: "/artifacts/")
        try await storage().remove(path)
        return .empty
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
    mutating func fileInfo(path: String, entry: ListedArtifact) {
        object {
            $0.field("path", path)
            $0.field("is_dir", entry.isDirectory)
            $0.field("file_size", entry.isDirectory || entry.size == 0 ? nil : entry.size)
        }
    }
}
