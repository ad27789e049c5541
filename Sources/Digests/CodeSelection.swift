package import Files
package import SystemPackage

/// Which files of a project are its code.
package enum CodeSelection: Sendable, Hashable {
    /// What a run itself leaves in a project's folder, which says nothing about the code.
    package static let neverCode: Set<String> = [
        ".git", "mlruns", "mlartifacts", "mlflow.db", "mlflow.db-wal", "mlflow.db-shm", "mlflow.db-journal",
        "__pycache__", ".venv", ".ipynb_checkpoints", ".pytest_cache",
    ]

    /// All that are there, for a folder without git.
    case all
    /// Those git knows or would take in; paths below the folder.
    case listed([FilePath])
    /// Those that `cache.code` selects, ignored by git or not.
    case matching([PathPattern])

    /// The digest of the selected files.
    ///
    /// - Parameter excluded: files the step itself writes (its `./` outputs), by their paths; folders with all in them.
    package func digest(
        of folder: FilePath, excluding excluded: Set<String> = [], cache: DigestCache
    ) throws(FileError) -> TreeDigest {
        func isLeftOut(_ path: String) -> Bool {
            excluded.contains(path) || excluded.contains { path.hasPrefix($0 + "/") }
        }
        switch self {
        case .listed(let paths):
            let code = paths.filter { !isLeftOut($0.string) && !Self.isNeverCode($0.string) }
            return try TreeDigest(of: code, below: folder, cache: cache)
        case .all:
            return try TreeDigest(of: try paths(below: folder, isLeftOut), below: folder, cache: cache)
        case .matching(let patterns):
            let paths = try paths(below: folder, isLeftOut).filter { path in
                patterns.contains { $0.matches(path.string) }
            }
            return try TreeDigest(of: paths, below: folder, cache: cache)
        }
    }

    /// The patterns that select no file, which are most likely mistyped.
    package static func unmatched(_ patterns: [PathPattern], in folder: FilePath) throws(FileError) -> [PathPattern] {
        let paths = try FileTree.entries(below: folder) { path, _ in isNeverCode(path) }.map(\.path.string)
        return patterns.filter { pattern in !paths.contains { pattern.matches($0) } }
    }

    private func paths(below folder: FilePath, _ isLeftOut: (String) -> Bool) throws(FileError) -> [FilePath] {
        try FileTree.entries(below: folder) { path, _ in isLeftOut(path) || Self.isNeverCode(path) }
            .filter { $0.kind != .other }.map(\.path)
    }

    private static func isNeverCode(_ path: String) -> Bool {
        path.split(separator: "/").contains { neverCode.contains(String($0)) }
    }
}
