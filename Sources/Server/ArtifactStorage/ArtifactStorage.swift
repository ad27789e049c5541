import Artifacts
import Files

/// A place in which the server keeps artifacts for its clients: a folder of this machine, or a store elsewhere.
///
/// All that come here are paths that `RelativePath.artifact` has let through, whatever the place.
protocol ArtifactStorage: Sendable {
    /// The files and folders at a path, by name; none when the path is a file or is not there.
    func list(_ path: RelativePath) async throws -> [ListedArtifact]

    /// Opens a file for sending.
    func open(_ path: RelativePath) async throws -> any OpenArtifact

    /// Writes a file from what arrives; it takes its place when it is complete and durable, else nothing has changed.
    ///
    /// - Parameter length: how many bytes there will be, if it is known.
    func write(_ path: RelativePath, _ content: ByteStream, length: Int64?) async throws

    /// Removes a file or folder; nothing there is as good.
    func remove(_ path: RelativePath) async throws

    /// How clients may reach the files themselves; nil where all of them go through the server.
    var directAccess: (any DirectAccess)? { get }
}

/// One entry of a folder of artifacts.
struct ListedArtifact: Sendable, Hashable {
    var name: String
    var isDirectory: Bool
    var size: Int64
}

/// A file opened for sending.
protocol OpenArtifact: Sendable {
    /// The file's own name, without folders.
    var name: String { get }
    var size: Int64 { get }

    /// The bytes of a part; fewer only when the file has become shorter since it was opened.
    func content(_ range: Range<Int64>) async throws -> ByteStream
}
