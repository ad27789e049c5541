import Artifacts
import Files
import HTTPTypes
import Tracking

/// Any artifact repository as a storage of the server: a bucket, most of all.
struct RepositoryStorage: ArtifactStorage {
    let repository: any ArtifactRepository

    var directAccess: (any DirectAccess)? { repository as? any DirectAccess }

    func list(_ path: RelativePath) async throws -> [ListedArtifact] {
        try await repository.list(path).compactMap { entry in
            // What no client could ask for is not told either.
            guard let name = entry.path.lastComponent, (try? RelativePath.artifact(name)) != nil else { return nil }
            return ListedArtifact(name: name, isDirectory: entry.isDirectory, size: entry.size ?? 0)
        }
    }

    func open(_ path: RelativePath) async throws -> any OpenArtifact {
        guard !path.isRoot else { throw APIError.invalidPath }
        guard let entry = try await repository.entry(path) else { throw APIError.noArtifact(path) }
        guard !entry.isDirectory, let size = entry.size else { throw APIError.invalidPath }
        return StoredArtifact(
            repository: repository, path: path, name: path.lastComponent ?? "artifact", size: size)
    }

    func write(_ path: RelativePath, _ content: ByteStream, length: Int64?) async throws {
        guard !path.isRoot else { throw APIError.invalidPath }
        try await repository.write(path, content, length: length)
    }

    func remove(_ path: RelativePath) async throws {
        guard !path.isRoot else { throw APIError.invalidPath }
        try await repository.delete(path)
    }
}

/// A file of a repository, asked for when it is sent.
private struct StoredArtifact: OpenArtifact {
    let repository: any ArtifactRepository
    let path: RelativePath
    let name: String
    let size: Int64

    func content(_ range: Range<Int64>) async throws -> ByteStream {
        // An empty file has no part to ask for.
        guard size > 0, !range.isEmpty else { return ByteStream { { nil } } }
        let content = try await repository.read(path, range: range == 0..<size ? nil : range)
        // What is sent has one length, the announced one, and is of one version.
        guard (content.totalSize ?? size) == size else { throw ArtifactChanged() }
        return content.body
    }
}

extension APIError {
    /// Where the server keeps artifacts, and what went wrong there, is told to its log and not to clients.
    init(_ error: ArtifactError) {
        switch error.reason {
        case .notFound: self.init(.resourceDoesNotExist, "No such artifact")
        case .invalidAddress, .wrongKind: self = .invalidPath
        case .denied: self.init(.permissionDenied, "The artifact storage does not let the server do this.")
        case .limit:
            self.init(
                .invalidParameterValue, "The artifact, or the number of artifacts, is beyond the limits.",
                status: .contentTooLarge)
        case .noSpace: self = .storageFull
        case .unreachable, .stalled, .status, .untrustedAnswer, .unsupportedScheme, .toolMissing, .toolFailed, .system:
            self.init(
                .internalError, "The artifact storage failed to answer; the server's log says why.",
                status: .badGateway)
        }
    }

    static var storageFull: APIError {
        APIError(
            .resourceExhausted, "The disk of the artifact storage is full.",
            status: HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage"))
    }
}
