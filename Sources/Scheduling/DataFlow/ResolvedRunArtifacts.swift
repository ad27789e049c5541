package import Artifacts
import Diagnostics
package import Digests
import Files
package import SystemPackage
package import Tracking

/// The artifacts of runs wherever their stores are; those on this machine are reached without a detour.
package struct ResolvedRunArtifacts: RunArtifacts {
    private let resolver: ArtifactResolver
    private let digests: DigestCache
    private let localFolder: @Sendable (_ artifactURI: String) -> FilePath?

    package init(
        resolver: ArtifactResolver, digests: DigestCache,
        localFolder: @escaping @Sendable (_ artifactURI: String) -> FilePath?
    ) {
        self.digests = digests
        self.resolver = resolver
        self.localFolder = localFolder
    }

    package func folder(of run: RunInfo) -> FilePath? { localFolder(run.artifactURI) }

    package func write(_ bytes: [UInt8], to path: String, of run: RunInfo) async throws {
        let path = try RelativePath(path)
        if let folder = folder(of: run) {
            let root = try Directory(creating: folder, mode: 0o777)
            if !path.parent.isRoot { try root.makeDirectory(path.parent, mode: 0o777) }
            return try root.writeFile(path, bytes, mode: 0o666)
        }
        let temporary = try TemporaryDirectory()
        let name = try RelativePath(path.lastComponent ?? "file")
        try temporary.directory.writeFile(name, bytes)
        try await resolver.repository(at: run.artifactURI)
            .upload(temporary.path.appending(name.string), to: path, Transfer())
    }

    package func read(_ path: String, of run: RunInfo, limit: Int) async throws -> [UInt8] {
        let path = try RelativePath(path)
        if let folder = folder(of: run) { return try Directory(opening: folder).readFile(path, limit: limit) }
        let temporary = try TemporaryDirectory()
        let file = try await resolver.repository(at: run.artifactURI)
            .download(path, into: temporary.directory, Transfer())
        return try readFile(file, limit: limit)
    }

    package func keep(_ local: FilePath, as path: String, of run: RunInfo, mayMove: Bool) async throws -> String? {
        let path = try RelativePath(path)
        if mayMove, let folder = folder(of: run) {
            let root = try Directory(creating: folder, mode: 0o777)
            if !path.parent.isRoot { try root.makeDirectory(path.parent, mode: 0o777) }
            let target = folder.appending(path.string)
            // What the code has logged there itself is not thrown away for it.
            if fileStatus(target) == nil, moveFile(local, to: target) { return nil }
        }
        let digest = folder(of: run) == nil ? try contentDigest(of: local, digests) : nil
        try await resolver.repository(at: run.artifactURI).upload(local, to: path, Transfer())
        return digest
    }

    package func digest(_ path: String, of run: RunInfo) async throws -> String? {
        let path = try RelativePath(path)
        guard let folder = folder(of: run) else { return nil }
        return try contentDigest(of: folder.appending(path.string), digests)
    }

    package func exists(_ path: String, of run: RunInfo) async throws -> Bool {
        let path = try RelativePath(path)
        if let folder = folder(of: run) {
            guard let root = try? Directory(opening: folder) else { return false }
            return try root.status(path) != nil
        }
        return try await resolver.repository(at: run.artifactURI).entry(path) != nil
    }
}
