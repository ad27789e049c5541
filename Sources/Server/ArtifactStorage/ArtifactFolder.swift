import Files
import HTTPTypes
import NIOPosix
import SystemPackage
import Tracking

/// File operations in one artifact root, off the threads that serve requests.
struct ArtifactFolder: Sendable {
    let path: FilePath

    /// One entry of a folder.
    struct Entry: Sendable {
        var name: String
        var isDirectory: Bool
        var size: Int64
    }

    /// The files and folders at a path, by name; none when the path is a file or is not there.
    ///
    /// Links and other things that are neither file nor folder are left out, as are uploads under way.
    func list(_ path: RelativePath) async throws -> [Entry] {
        try await work { root in
            guard try root.status(path)?.kind == .directory else { return [] }
            return try root.list(path).compactMap { name, status in
                guard !name.hasPrefix(AtomicFile.temporaryPrefix), (try? RelativePath(name)) != nil else { return nil }
                switch status.kind {
                case .file: return Entry(name: name, isDirectory: false, size: status.size)
                case .directory: return Entry(name: name, isDirectory: true, size: 0)
                case .link, .other: return nil
                }
            }
        } ifRootIsMissing: {
            []
        }
    }

    /// Opens a file for reading.
    func open(_ path: RelativePath) async throws -> OpenArtifact {
        try await work { root in
            guard !path.isRoot else { throw APIError.invalidPath }
            guard let status = try root.status(path) else { throw APIError.noArtifact(path) }
            guard status.kind == .file else { throw APIError.invalidPath }
            return OpenArtifact(try root.openFile(path), name: path.lastComponent ?? "artifact")
        } ifRootIsMissing: {
            throw APIError.noArtifact(path)
        }
    }

    /// Begins to write a file that takes its place when it is complete.
    func beginUpload(_ path: RelativePath) async throws -> ArtifactUpload {
        try await Self.offload {
            guard !path.isRoot else { throw APIError.invalidPath }
            let root = try Directory(creating: self.path)
            try root.makeDirectory(path.parent)
            if try root.status(path)?.kind == .directory { throw APIError.invalidPath }
            return ArtifactUpload(try AtomicFile(at: path, in: root))
        }
    }

    /// Removes a file or folder; nothing there is as good.
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
        case .noSpace, .diskQuotaExceeded:
            self.init(
                .resourceExhausted, "The disk of the artifact storage is full.",
                status: HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage"))
        default: self.init(.internalError, "The artifact storage failed: \(error.errno.description)")
        }
    }
}
