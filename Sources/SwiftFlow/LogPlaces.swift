import Artifacts
import Diagnostics
import Execution
import Files
import Synchronization
package import SystemPackage
import Tracking

/// Where the logs of runs are written: into a local artifact folder directly, or into a temporary one that is uploaded at the end.
final class LogPlaces: Sendable {
    private let temporary = Mutex<[String: TemporaryDirectory]>([:])
    private let artifacts: ArtifactResolver

    init(artifacts: ArtifactResolver) {
        self.artifacts = artifacts
    }

    /// The folder that stands for the root of the run's artifacts.
    func folder(of run: RunInfo) throws -> FilePath {
        if let local = localFolder(ofArtifactURI: run.artifactURI) { return local }
        let folder = try TemporaryDirectory()
        temporary.withLock { $0[run.runID] = folder }
        return folder.path
    }

    /// Uploads the log if it was written to a temporary folder.
    func keep(_ log: RunLog, of run: RunInfo) async throws {
        guard let folder = temporary.withLock({ $0.removeValue(forKey: run.runID) }) else { return }
        let repository = try await artifacts.repository(at: run.artifactURI)
        try await repository.upload(log.path, to: RelativePath(RunLog.artifactPath), Transfer())
        folder.remove()
    }
}

/// The folder an artifact URI names, if it lies on this machine.
package func localFolder(ofArtifactURI uri: String) -> FilePath? {
    if uri.hasPrefix("/") { return FilePath(uri) }
    guard uri.hasPrefix("file:///") else { return nil }
    return percentDecoded(String(uri.dropFirst("file://".count))).map { FilePath($0) }
}
