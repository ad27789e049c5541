import Diagnostics
import Files
package import SystemPackage

extension ProjectURI {
    /// What the run is tagged with as `mlflow.source.name`: the location as MLflow writes it, without credentials.
    ///
    /// - Parameters:
    ///   - root: the project's folder, for a project that is run in place.
    ///   - worktree: the top folder of the git work tree around it, if there is one.
    package func sourceName(root: FilePath, worktree: FilePath?) -> String {
        guard case .folder = location else { return redactedURL(text) }
        guard subdirectory.isRoot else { return text.hasPrefix("file://") ? root.string : text }
        guard let worktree else { return root.string }
        var relative = root
        guard relative.removePrefix(worktree), !relative.isEmpty else { return "file://\(worktree)" }
        return "file://\(worktree)#\(relative)"
    }
}
