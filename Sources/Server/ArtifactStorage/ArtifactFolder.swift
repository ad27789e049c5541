import Artifacts
import Files
import HTTPTypes
import NIOPosix
import SystemPackage
import Tracking

/// A folder of this machine as a storage; its files are worked on off the threads that serve requests.
struct ArtifactFolder: ArtifactStorage {
    let path: FilePath

    var directAccess: (any DirectAccess)? { nil }

    /// Links and other things that are neither file nor folder are left out, as are uploads under way.
    func list(_ path: RelativePath) async throws -> [ListedArtifact] {
        try await work { root in
            guard try root.status(path)?.kind == .directory else { return [] }
            return try root.list(path).compactMap { name, status in
                guard !name.hasPrefix(AtomicFile.temporaryPrefix), (try? RelativePath(name)) != nil else { return nil }
                switch status.kind {
                case .file: return ListedArtifact(name: name, isDirectory: false, size: status.size)
                case .directory: return ListedArtifact(name: name, isDirectory: true, size: 0)
                case .link, .other: return nil
                }
            }
        } ifRootIsMissing: {
            []
        }
    }

    func open(_ path: RelativePath) async throws -> any OpenArtifact {
        try await work { root in
            guard !path.isRoot else { throw APIError.invalidPath }
            guard let status = try root.status(path) else { throw APIError.noArtifact(path) }
            guard status.kind == .file else { throw APIError.invalidPath }
            return OpenFile(try root.openFile(path), name: path.lastComponent ?? "artifact")
        } ifRootIsMissing: {
            throw APIError.noArtifact(path)
        }
    }

    func write(_ path: RelativePath, _ content: ByteStream, length: Int64?) async throws {
        let upload = try await beginUpload(path)
        for try await bytes in content { try await upload.write(bytes) }
        try await upload.commit()
    }

    /// Begins to write a file that takes its place when it is complete.
    private func beginUpload(_ path: RelativePath) async throws -> ArtifactUpload {
        try await Self.offload {
            guard !path.isRoot else { throw APIError.invalidPath }
            let root = try Directory(creating: self.path)
            try root.makeDirectory(path.parent)
            if try root.status(path)?.kind == .directory { throw APIError.invalidPath }
            return ArtifactUpload(try AtomicFile(at: path, in: root))
        }
    }

    func remove(_ path: RelativePath) async throws {
        try await work { root in
            guard !path.isRoot else { throw APIError.invalidPath }
            do {
                try root.remove(path)
            } catch let error as FileError where error.errno == .noSuchFileOrDirectory {
                // Somebody else was quicker.
            }
        } ifRootIsMissing: {
        }
    }

    private func work<Result: Sendable>(
        _ body: @escaping @Sendable (Directory) throws -> Result,
        ifRootIsMissing missing: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await Self.offload {
            guard fileStatus(path) != nil else { return try missing() }
            return try body(try Directory(opening: path))
        }
    }

    /// Runs blocking work on threads kept for it, and names file errors as the API does.
    static func offload<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        do {
            return try await NIOThreadPool.singleton.runIfActive(body)
        } catch let error as FileError {
            throw APIError(error)
        }
    }
}

extension APIError {
    static func noArtifact(_ path: RelativePath) -> APIError {
        APIError(.resourceDoesNotExist, "No such artifact: '\(path.string)'")
    }

    /// Paths of the server's own disk are not told to clients.
    init(_ error: FileError) {
        switch error.errno {
        case .noSuchFileOrDirectory: self.init(.resourceDoesNotExist, "No such artifact")
        case .notDirectory, .isDirectory, .fileExists, .fileNameTooLong, .tooManySymbolicLinkLevels, .improperLink,
            .invalidArgument, .directoryNotEmpty:
            self = .invalidPath
        case .permissionDenied, .notPermitted, .readOnlyFileSystem:
            self.init(.permissionDenied, "The server may not \(error.operation) this artifact.")
        case .noSpace, .diskQuotaExceeded: self = .storageFull
        default: self.init(.internalError, "The artifact storage failed: \(error.errno.description)")
        }
    }
}
