package import Diagnostics
import Files
import GitMessages
package import Processes
package import SystemPackage

/// The repository a local project folder belongs to.
package struct GitSource: Sendable, Hashable {
    /// The top of the work tree.
    package let workTree: FilePath
    /// The full id of the commit at `HEAD`; nil before the first commit.
    package let commit: String?
    /// The branch that is checked out.
    package let branch: String?
    /// Whether git is told to ignore the folder; then the commit says nothing about it.
    package let isIgnored: Bool
    /// The URL of the first remote, without secrets.
    package let remoteURL: String?
    /// Whether tracked files differ from the commit; nil when that could not be found out quickly.
    package let isDirty: Bool?
}

/// Finds out which repository a folder belongs to; never fails.
///
/// Starts nothing that the repository's configuration names (G-20). A repository that cannot be read, or belongs to another
/// user, gives a warning instead of an answer (G-21). Without a `.git` in the folder or above it, no process is started.
package func gitSource(
    of folder: FilePath, starter: any ProcessStarter, environment: [String: String], limits: GitLimits = GitLimits()
) async -> (source: GitSource?, warnings: [Diagnostic]) {
    guard hasRepository(around: folder) else { return (nil, []) }
    let worker = GitWorkerProcess(starter: starter, environment: environment)
    do {
        let request = GitRequest(.describe(folder: folder.string), limits: limits)
        let events = try await worker.run(request, patience: limits.dirtyCheck + .seconds(3)) { _ in }
        var found: GitDescription?
        for case .described(let description) in events { found = description }
        guard let found else { return (nil, []) }
        let source = GitSource(
            workTree: FilePath(found.workTree), commit: found.commit, branch: found.branch, isIgnored: found.isIgnored,
            remoteURL: found.remoteURL, isDirty: found.isDirty)
        return (source, found.warnings.map { Diagnostic(.warning, code: "git-source", $0) })
    } catch let error as any ExplainedError {
        let message =
            error.diagnostics.first.map { "no git commit is recorded: \($0.message)" } ?? "no git commit is recorded"
        return (nil, [Diagnostic(.warning, code: "git-source", message)])
    } catch {
        return (nil, [])
    }
}

func hasRepository(around folder: FilePath) -> Bool {
    var path = folder
    for _ in 0..<512 {
        if fileStatus(path.appending(".git")) != nil { return true }
        if !path.removeLastComponent() { return false }
    }
    return false
}
