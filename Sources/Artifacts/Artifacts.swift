package import Files
import NIOCore
package import SystemPackage

/// A place where artifacts (files and folders that runs read and write) are kept.
///
/// One type for each kind of place: `LocalArtifactRepository`, `HTTPFileSource`, `MLflowArtifactsRepository`, `S3ArtifactRepository`,
/// `ExternalToolRepository`. `ArtifactResolver` makes the right one from a URI. All of them pass `ArtifactRepositoryKit` of the tests.
///
/// Paths are relative to the place's root and are `RelativePath`s: what another side sends as a name becomes one too, or is refused. Whole
/// trees are read and written by `download` and `upload`, under `TransferLimits`; a file appears under its final name only when it is whole
/// and durable. Every operation ends early when its task is cancelled, and then leaves nothing half-done that has a final name.
package protocol ArtifactRepository: Sendable {
    /// Where this is, for messages: without secrets.
    var location: String { get }

    /// What is directly in a folder, in the order of paths; empty for a file, and where nothing is.
    func list(_ folder: RelativePath) async throws -> [ArtifactEntry]

    /// What a path names; `nil` when nothing is there.
    func entry(_ path: RelativePath) async throws -> ArtifactEntry?

    /// Opens a file for reading, from its beginning or a part of it.
    ///
    /// - Throws: `ArtifactError` with `notFound`, or `wrongKind` for a folder.
    func read(_ file: RelativePath, range: Range<Int64>?) async throws -> ArtifactContent

    /// Writes a file from a stream that can be read once, replacing what was there, and creates the folders above it.
    ///
    /// - Parameter length: the number of bytes to come, if it is known; another number that arrives is an error.
    func write(_ file: RelativePath, _ content: ByteStream, length: Int64?) async throws

    /// Deletes a file or a folder with all that is in it; nothing there is no error. The root is refused.
    func delete(_ path: RelativePath) async throws

    /// Brings a file or a whole folder into a local folder, and says where it lies now.
    ///
    /// A file or folder keeps its last component as name; the root's content comes directly into the folder.
    func download(_ path: RelativePath, into folder: Directory, _ transfer: Transfer) async throws -> FilePath

    /// Copies a local file or folder to `path`; a folder's content lies below `path` afterwards, beside what was there.
    ///
    /// - Throws: for links and special files in the folder, which are never uploaded.
    func upload(_ local: FilePath, to path: RelativePath, _ transfer: Transfer) async throws
}

/// One line of a listing.
package struct ArtifactEntry: Sendable, Hashable {
    /// Relative to the repository's root.
    package var path: RelativePath
    package var isDirectory: Bool
    /// Bytes of a file, if the place tells.
    package var size: Int64?

    package init(path: RelativePath, isDirectory: Bool, size: Int64? = nil) {
        self.path = path
        self.isDirectory = isDirectory
        self.size = size
    }
}

/// An opened file: its bytes, and what is known of it.
package struct ArtifactContent: Sendable {
    package var body: ByteStream
    /// How many bytes `body` has.
    package var length: Int64?
    /// How many bytes the whole file has.
    package var totalSize: Int64?
    /// When the content changed, in the place's own words; equal texts mean equal content.
    package var version: String?

    package init(body: ByteStream, length: Int64?, totalSize: Int64?, version: String? = nil) {
        self.body = body
        self.length = length
        self.totalSize = totalSize
        self.version = version
    }

    /// What an empty part of any file holds.
    static let empty = ArtifactContent(body: ByteStream(ByteBuffer()), length: 0, totalSize: nil)
}

extension ArtifactRepository {
    package func read(_ file: RelativePath) async throws -> ArtifactContent { try await read(file, range: nil) }

    package func download(_ path: RelativePath, into folder: Directory, _ transfer: Transfer) async throws -> FilePath {
        try await TreeDownload(repository: self, folder: folder, transfer: transfer).run(path)
    }

    package func upload(_ local: FilePath, to path: RelativePath, _ transfer: Transfer) async throws {
        try await TreeUpload(repository: self, transfer: transfer).run(local, to: path)
    }

    /// A copy for messages: `'sub/file' of 's3://bucket/root'`.
    func named(_ path: RelativePath) -> String { path.isRoot ? "'\(location)'" : "'\(path)' of '\(location)'" }

    func notFound(_ path: RelativePath) -> ArtifactError {
        ArtifactError(.notFound, "there is no artifact \(named(path))", remedy: "check the path's spelling")
    }
}

/// A repository that has something better than a stream for whole files: shared blocks, parallel ranges, parts.
protocol WholeFileTransfer: ArtifactRepository {
    /// Brings one file's bytes into `target`, which is not committed yet.
    func fetch(_ file: ArtifactEntry, to target: PartialFile, _ transfer: Transfer) async throws

    /// Writes one local file.
    func store(_ file: LocalFile, as path: RelativePath, _ transfer: Transfer) async throws
}
