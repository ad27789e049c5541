import Diagnostics
import Files
package import SystemPackage

/// A project's files on this machine, ready to be read.
///
/// Folders stay where they are; archives lie in a temporary folder that goes when the last copy of this value goes, or
/// on `remove()`. So whoever uses `root` keeps the value until the run has ended, and calls `remove()` then.
package struct Checkout: Sendable {
    /// The project's folder: MLproject, scripts and environment files are looked up here, and commands run here.
    package let root: FilePath
    /// What is known about the git commit, for a project that was fetched from git.
    package let git: GitCheckout?
    private let temporary: TemporaryDirectory?

    /// Makes the files of a project available.
    ///
    /// Cancelling the task stops the fetch; nothing half-fetched is left or used.
    ///
    /// - Parameter version: a branch, tag or commit, for projects in git only.
    /// - Throws: `InvalidInput`, or what the sources throw.
    package init(
        of uri: ProjectURI, version: String? = nil, sources: CheckoutSources, limits: ZipLimits = .standard
    ) async throws {
        let folder: FilePath
        switch uri.location {
        case .folder(let path):
            let fetched = try await Self.version(version, ofFolder: path, uri, sources)
            git = fetched
            temporary = nil
            folder = fetched?.folder ?? path
        case .git(let location):
            let fetched = try await sources.git(location, version)
            git = fetched
            temporary = nil
            folder = fetched.folder
        case .zip(let archive):
            try Self.refuseVersion(version, uri)
            let place = try TemporaryDirectory(prefix: "swiftflow-project")
            git = nil
            temporary = place
            folder = unwrapped(
                try await extractZip(archive, named: uri.redactedText, into: place, limits: limits), uri.subdirectory)
        case .remoteZip(let url):
            try Self.refuseVersion(version, uri)
            let place = try TemporaryDirectory(prefix: "swiftflow-project")
            let archive = place.path.appending(".archive.zip")
            try await sources.download(url, archive)
            git = nil
            temporary = place
            folder = unwrapped(
                try await extractZip(archive, named: uri.redactedText, into: place, limits: limits), uri.subdirectory)
        }
        root = try Self.subdirectory(uri.subdirectory, of: folder, uri, isInPlace: git == nil && temporary == nil)
    }

    /// Removes temporary files now instead of with the last copy of the value.
    package func remove() {
        temporary?.remove()
    }

    /// A local folder is never touched: a version of it is checked out elsewhere.
    private static func version(
        _ version: String?, ofFolder path: FilePath, _ uri: ProjectURI, _ sources: CheckoutSources
    ) async throws -> GitCheckout? {
        guard let version else { return nil }
        guard fileStatus(path.appending(".git")) != nil else {
            throw InvalidInput(
                "version '\(version)' is given, but '\(uri.redactedText)' is not the root of a git repository",
                remedy: "leave the version out, or name the repository's root and the folder after '#'")
        }
        return try await sources.git(path.string, version)
    }

    private static func refuseVersion(_ version: String?, _ uri: ProjectURI) throws(InvalidInput) {
        guard let version else { return }
        throw InvalidInput(
            "version '\(version)' is given, but '\(uri.redactedText)' is a zip archive",
            remedy: "leave the version out; archives have none")
    }

    /// The folder after `#`.
    ///
    /// In fetched projects it is opened step by step, so that no link leads out of them.
    private static func subdirectory(
        _ subdirectory: RelativePath, of folder: FilePath, _ uri: ProjectURI, isInPlace: Bool
    ) throws(InvalidInput) -> FilePath {
        guard !subdirectory.isRoot else { return folder }
        let path = folder.appending(subdirectory.components.joined(separator: "/"))
        func refusal(_ reason: String) -> InvalidInput {
            InvalidInput(
                "the folder '\(subdirectory)' of '\(uri.redactedText)' \(reason)", remedy: "check the text after '#'")
        }
        guard let status = fileStatus(path) else { throw refusal("does not exist") }
        guard status.kind == .directory else { throw refusal("is not a folder") }
        guard let resolved = resolvedPath(path), let base = resolvedPath(folder), resolved.starts(with: base) else {
            throw refusal("is a link out of the project")
        }
        do throws(FileError) {
            if !isInPlace { _ = try Directory(opening: folder).directory(subdirectory) }
        } catch {
            throw refusal("is or contains a link, which is not followed")
        }
        return path
    }
}

/// The folder that is meant by an archive: its only top folder, as forges make them, if the project is not at the top
/// itself.
private func unwrapped(_ folder: FilePath, _ subdirectory: RelativePath) -> FilePath {
    guard let entries = try? Directory(opening: folder).list(), entries.count == 1, let only = entries.first,
        only.status.kind == .directory
    else { return folder }
    // Who names the top folder after `#` means just that.
    if subdirectory.components.first == only.name { return folder }
    return folder.appending(only.name)
}

/// Where projects that are not on this machine come from.
///
/// The program fills these in with its git and HTTP clients.
package struct CheckoutSources: Sendable {
    /// Checks out a version of a git location (as typed, or the path of a local repository) and tells where.
    package var git: @Sendable (_ location: String, _ version: String?) async throws -> GitCheckout
    /// Downloads a URL into a file that does not exist yet.
    package var download: @Sendable (_ url: String, _ file: FilePath) async throws -> Void

    package init(
        git: @escaping @Sendable (_ location: String, _ version: String?) async throws -> GitCheckout,
        download: @escaping @Sendable (_ url: String, _ file: FilePath) async throws -> Void
    ) {
        self.git = git
        self.download = download
    }
}

/// A commit of a git repository, checked out in a folder that belongs to the cache.
package struct GitCheckout: Sendable, Hashable {
    package var folder: FilePath
    package var commit: String
    /// The branch, if the version named one.
    package var branch: String?

    package init(folder: FilePath, commit: String, branch: String? = nil) {
        self.folder = folder
        self.commit = commit
        self.branch = branch
    }
}
