import Artifacts
import Diagnostics
import Execution
import Git
import GitMessages
import Processes
import Projects
import Synchronization
import SystemPackage

/// Brings projects that are not on this machine here, and asks git about those that are.
final class ProjectFetching: Sendable {
    private let starter: any ProcessStarter
    private let environment: [String: String]
    private let workingDirectory: FilePath
    private let http: OutgoingHTTP
    private let observe: @Sendable (LaunchEvent) -> Void
    /// Checkouts in use: their folders may not be given to another run.
    private let held = Mutex<[Git.GitCheckout]>([])

    init(
        starter: any ProcessStarter, environment: [String: String], workingDirectory: FilePath, http: OutgoingHTTP,
        observe: @escaping @Sendable (LaunchEvent) -> Void
    ) {
        self.starter = starter
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.http = http
        self.observe = observe
    }

    var sources: CheckoutSources {
        CheckoutSources(
            git: { [self] location, version in try await checkOut(location, version) },
            download: { [self] url, file in
                observe(.note("fetching \(redactedURL(url))"))
                try await downloadFile(url, to: file, http: http) { [observe] progress in
                    observe(.progress("\(progress.bytes >> 10) KiB"))
                }
            })
    }

    private func checkOut(_ location: String, _ version: String?) async throws -> Projects.GitCheckout {
        let location = try GitLocation(location, relativeTo: workingDirectory)
        let version = try version.map { text throws(GitFailure) in try GitVersion(text) }
        let fetched = try await GitCache(environment: environment).checkout(
            location, version: version, starter: starter,
            progress: { [observe] progress in observe(.progress(progress.text(of: location))) })
        fetched.warnings.forEach { observe(.warning($0)) }
        held.withLock { $0.append(fetched) }
        return Projects.GitCheckout(folder: fetched.directory, commit: fetched.commit, branch: fetched.branch)
    }

    func folderCode(
        _ folder: FilePath, _ ignoredNames: Set<String>, _ excludedPaths: Set<String>
    ) async throws -> FolderCode? {
        let code = try await gitCode(
            of: folder, ignoredNames: ignoredNames, excludedPaths: excludedPaths, starter: starter,
            environment: environment)
        return code.map { FolderCode(tree: $0.tree, files: $0.files) }
    }

    func sourceState(of folder: FilePath) async -> SourceState? {
        let (source, warnings) = await gitSource(of: folder, starter: starter, environment: environment)
        warnings.forEach { observe(.warning($0)) }
        return source.map { source in
            SourceState(
                workTree: source.workTree, commit: source.commit, remoteURL: source.remoteURL,
                isIgnored: source.isIgnored, isDirty: source.isDirty)
        }
    }
}

extension GitProgress {
    fileprivate func text(of location: GitLocation) -> String {
        switch phase {
        case .waiting: "waiting for \(owner.map { "process \($0)" } ?? "another process"), which fetches \(location)"
        case .connecting: "connecting to \(location)"
        case .receiving: "receiving \(location): \(done)/\(total) objects, \(bytes >> 10) KiB"
        case .indexing: "indexing \(location): \(done)/\(total) objects"
        case .writing: "writing files: \(done)/\(total)"
        }
    }
}
