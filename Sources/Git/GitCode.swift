import Files
import GitMessages
package import Processes
package import SystemPackage

/// What git says about the code in a folder.
package struct GitFolderCode: Sendable, Hashable {
    /// The id of the folder's tree, when the folder is exactly as its commit says; the same in every commit that does not touch it.
    package let tree: String?
    /// The files git has or would take in, by their paths below the folder, with mode and id where git knows the content.
    package let files: [String: String?]
}

/// Asks git which files of a folder are code.
///
/// Starts nothing that the repository's configuration names.
///
/// - Parameters:
///   - ignoredNames: names that are no code wherever they lie, unless git has them.
///   - excludedPaths: paths below the folder that do not count, such as what a run writes there.
/// - Returns: nil when the folder belongs to no repository, or git is told to ignore it.
/// - Throws: `GitFailure` when the repository cannot be read.
package func gitCode(
    of folder: FilePath, ignoredNames: Set<String> = [], excludedPaths: Set<String> = [], starter: any ProcessStarter,
    environment: [String: String], limits: GitLimits = GitLimits(), patience: Duration = .seconds(60)
) async throws -> GitFolderCode? {
    guard hasRepository(around: folder) else { return nil }
    let worker = GitWorkerProcess(starter: starter, environment: environment)
    let order = GitCodeOrder(
        folder: folder.string, ignoredNames: ignoredNames.sorted(), excludedPaths: excludedPaths.sorted())
    let events = try await worker.run(GitRequest(.listCode(order), limits: limits), patience: patience) { _ in }
    var code: GitCode?
    var files: [String: String?] = [:]
    for event in events {
        switch event {
        case .code(let found): code = found
        case .codeFiles(let batch): for file in batch { files[file.path] = .some(file.id) }
        default: break
        }
    }
    return code.map { GitFolderCode(tree: $0.isClean ? $0.tree : nil, files: files) }
}
