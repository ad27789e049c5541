import Crypto
package import Diagnostics
import Files
package import GitMessages
package import Processes
package import SystemPackage

/// The cache of repositories: one bare mirror for each place, one folder of plain files for each commit in use.
///
///     <root>/lock                              held while a checkout is chosen or the cache is pruned; never for long
///     <root>/mirrors/KEY/{url,lock,repository} KEY is made of the URL without its secrets
///     <root>/checkouts/KEY/COMMIT/0.lock       held by the run that uses the checkout
///     <root>/checkouts/KEY/COMMIT/0/{source,manifest}
///
/// Everything comes into being under a temporary name and is renamed when it is whole, so a process that is killed at any moment leaves nothing
/// that another would use. An entry point may write into its checkout; therefore a checkout serves one run at a time (a second run of
/// the same commit gets `1`, and so on), and one that was changed is replaced before it is used again. Compiled Python files (`__pycache__`) are
/// no change.
package struct GitCache: Sendable {
    package let root: FilePath
    package let limits: GitLimits
    package let environment: [String: String]

    /// The cache in its usual place: `SWIFTFLOW_CACHE`, else `XDG_CACHE_HOME/swiftflow`, else `~/.cache/swiftflow`.
    ///
    /// - Parameter environment: the variables of the program; passwords, proxies and the place of the worker come from them too.
    package init(environment: [String: String], limits: GitLimits = GitLimits()) throws(GitFailure) {
        let base: String
        if let named = environment["SWIFTFLOW_CACHE"], !named.isEmpty {
            base = named
        } else if let named = environment["XDG_CACHE_HOME"], named.hasPrefix("/") {
            base = "\(named)/swiftflow"
        } else if let home = environment["HOME"], home.hasPrefix("/") {
            base = "\(home)/.cache/swiftflow"
        } else {
            throw GitFailure(.file, "there is no place for the cache", remedy: "set HOME or SWIFTFLOW_CACHE")
        }
        guard base.hasPrefix("/"), !base.contains("\n") else {
            throw GitFailure(
                .file, "the cache folder '\(base)' is not an absolute path", remedy: "set SWIFTFLOW_CACHE to one")
        }
        self.init(at: FilePath(base).appending("git"), environment: environment, limits: limits)
    }

    package init(at root: FilePath, environment: [String: String], limits: GitLimits = GitLimits()) {
        self.root = root
        self.environment = environment
        self.limits = limits
    }

    /// Gets the files of a version of a repository.
    ///
    /// A full commit id that is in the cache needs no network; for anything else the server is asked what the version is now. A folder of
    /// this machine is only read: its version is copied into the cache.
    ///
    /// - Parameters:
    ///   - version: nil for the default branch.
    ///   - progress: called often, on any thread.
    /// - Returns: the checkout, which nobody else uses and which stays as long as the value lives.
    /// - Throws: `GitFailure`, `ProcessError`, `FileError`; `CancellationError` after everything has been stopped and cleaned up.
    package func checkout(
        _ location: GitLocation, version: GitVersion? = nil, starter: any ProcessStarter,
        progress: @escaping @Sendable (GitProgress) -> Void = { _ in }
    ) async throws -> GitCheckout {
        var session = try GitSession(location, self, starter, progress)
        try prepareFolders()
        if let version, version.isFullCommit {
            return try await session.checkout(commit: version.text, branch: nil)
        }
        let (commit, branch) = try await session.resolve(version)
        return try await session.checkout(commit: commit, branch: branch)
    }

    /// Creates the root, private to the user, and marks it for backup programs.
    private func prepareFolders() throws(FileError) {
        let tag = root.appending("CACHEDIR.TAG")
        if fileStatus(tag) != nil { return }
        try makeFolders(root)
        let text = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache of swiftflow.\n"
        // A cache without its mark works as well.
        try? Directory(opening: root).writeFile(RelativePath("CACHEDIR.TAG"), Array(text.utf8))
    }

    // MARK: Layout

    /// A file name for a location: readable, with a digest that makes it unique.
    package static func key(of location: GitLocation) -> String {
        let digest = SHA256.hash(data: Array(location.cacheKey.utf8)).prefix(10).map(hexadecimal).joined()
        let name = location.path.split(separator: "/").last.map(String.init) ?? ""
        let readable = "\(location.host)-\(name)".map { character in
            character.isASCII && (character.isLetter || character.isNumber || character == "." || character == "-")
                ? character : "_"
        }
        return "\(String(readable).trimmingPrefix(while: { $0 == "." || $0 == "-" }).prefix(80))-\(digest)"
    }

    func mirror(_ key: String) -> FilePath { root.appending("mirrors").appending(key) }
    func checkouts(_ key: String) -> FilePath { root.appending("checkouts").appending(key) }
    var lockPath: FilePath { root.appending("lock") }
}

private func hexadecimal(_ byte: UInt8) -> String {
    let text = String(byte, radix: 16)
    return byte < 16 ? "0\(text)" : text
}

/// A commit's files, for one run.
///
/// Keep the value as long as the files are needed: another run, or `cache prune`, may take the folder once it is gone.
package struct GitCheckout: Sendable {
    /// A work tree with a `.git` of its own, at `commit` with a detached `HEAD`.
    package let directory: FilePath
    /// The full id.
    package let commit: String
    /// The branch, if the version that was asked for is one.
    package let branch: String?
    /// Where it came from, without secrets.
    package let url: String
    /// What the user should know: submodules left out, files kept elsewhere.
    package let warnings: [Diagnostic]
    /// Whether nothing had to be written.
    package let isReused: Bool
    let lease: FileLock
}
