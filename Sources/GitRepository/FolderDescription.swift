import CGit2
import CLinux
import Diagnostics
import Files
import GitMessages
import Glibc
import SystemPackage

/// Describes the repository around a folder.
///
/// Nothing the repository's configuration names is started: libgit2 runs no programs. What cannot be read becomes a warning.
///
/// - Returns: nil when there is no repository.
func describe(folder: String) -> (description: GitDescription?, warnings: [String]) {
    let repository: Repository
    do {
        repository = try Repository(around: folder)
    } catch {
        if error.has(GIT_ENOTFOUND), !error.message.contains("safe.directory") { return (nil, []) }
        return (nil, ["the git repository around '\(folder)' cannot be read: \(reason(error, folder))"])
    }
    guard let workTree = repository.workTree else { return (nil, []) }
    if let objection = objectionToLink(repository, workTree: workTree) { return (nil, [objection]) }
    var description = GitDescription(workTree: trimmed(workTree))
    do {
        description.commit = try repository.target(of: "HEAD").map { "\($0)" }
        description.branch = try repository.headReference().flatMap {
            $0.hasPrefix("refs/heads/") ? String($0.dropFirst(11)) : nil
        }
        description.isIgnored = try isIgnored(folder, repository, workTree)
        description.remoteURL = try firstRemoteURL(of: repository).map(redactedURL)
    } catch {
        description.warnings.append("the git repository '\(trimmed(workTree))' is damaged: \(error.message)")
    }
    return (description, description.warnings)
}

private func reason(_ error: GitError, _ folder: String) -> String {
    var path = FilePath(folder)
    while !path.isEmpty {
        if fileStatus(path.appending(".git")) != nil, let owner = foreignOwner(of: path.string) {
            return "it belongs to another user (\(owner))"
        }
        if !path.removeLastComponent() { break }
    }
    return error.message
}

/// A `.git` that is a file leads elsewhere: right for linked work trees and submodules, whose repository names the folder in return.
func objectionToLink(_ repository: borrowing Repository, workTree: String) -> String? {
    let mark = FilePath(workTree).appending(".git")
    var status = stat()
    guard unsafe lstat(mark.string, &status) == 0, status.st_mode & 0o170000 != 0o040000 else { return nil }
    let folder = FilePath(repository.folder)
    if let back = try? readFile(folder.appending("gitdir"), limit: 8192) {
        let named = String(decoding: back, as: UTF8.self).split(separator: "\n").first.map(String.init) ?? ""
        if isSame(named, mark.string) { return nil }
    }
    if let configuration = try? readFile(folder.appending("config"), limit: 1 << 20) {
        for line in String(decoding: configuration, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1).map { $0.filter { !$0.isWhitespace } }
            guard parts.count == 2, parts[0].lowercased() == "worktree" else { continue }
            if isSame(parts[1].hasPrefix("/") ? parts[1] : "\(folder)/\(parts[1])", workTree) { return nil }
        }
    }
    return "'\(mark)' points to '\(trimmed(folder.string))', which knows nothing of this folder; it is not read"
}

private func isSame(_ one: String, _ other: String) -> Bool {
    var first = stat()
    var second = stat()
    guard unsafe stat(one, &first) == 0, unsafe stat(other, &second) == 0 else { return false }
    return first.st_dev == second.st_dev && first.st_ino == second.st_ino
}

private func trimmed(_ folder: String) -> String {
    folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder
}

func isIgnored(_ folder: String, _ repository: borrowing Repository, _ workTree: String) throws(GitError)
    -> Bool
{
    guard let real = unsafe realpath(folder, nil) else { return false }
    defer { unsafe free(real) }
    let path = unsafe String(cString: real) + "/"
    guard path.hasPrefix(workTree), path.count > workTree.count else { return false }
    var result: Int32 = 0
    try check(unsafe git_ignore_path_is_ignored(&result, repository.pointer, String(path.dropFirst(workTree.count))))
    return result == 1
}

/// The URL of the remote that comes first in the repository's configuration.
private func firstRemoteURL(of repository: borrowing Repository) throws(GitError) -> String? {
    var configuration: OpaquePointer?
    try check(unsafe git_repository_config_snapshot(&configuration, repository.pointer))
    defer { unsafe git_config_free(configuration) }
    var iterator: UnsafeMutablePointer<git_config_iterator>?
    try check(unsafe git_config_iterator_glob_new(&iterator, configuration, "^remote\\..*\\.url$"))
    defer { unsafe git_config_iterator_free(iterator) }
    var entry: UnsafeMutablePointer<git_config_entry>?
    let result = unsafe git_config_next(&entry, iterator)
    if result == GIT_ITEROVER.rawValue { return nil }
    try check(result)
    return unsafe entry.map { unsafe String(cString: $0.pointee.value) }
}

/// Whether tracked files differ from the commit; nil when `deadline` passed first or the repository cannot say.
func isDirty(_ workTree: String, until deadline: ContinuousClock.Instant) -> Bool? {
    guard let repository = try? Repository(opening: workTree) else { return nil }
    let search = ChangeSearch(until: deadline)
    var options = unsafe git_diff_options()
    guard unsafe git_diff_options_init(&options, UInt32(GIT_DIFF_OPTIONS_VERSION)) == 0 else { return nil }
    unsafe options.ignore_submodules = GIT_SUBMODULE_IGNORE_ALL
    // Both callbacks run only during the calls below, on this thread; `search` outlives them.
    unsafe options.payload = Unmanaged.passUnretained(search).toOpaque()
    unsafe options.notify_cb = { _, _, _, payload in
        guard let payload = unsafe payload else { return -1 }
        unsafe Unmanaged<ChangeSearch>.fromOpaque(payload).takeUnretainedValue().hasFound = true
        return GIT_EUSER.rawValue
    }
    unsafe options.progress_cb = { _, _, _, payload in
        guard let payload = unsafe payload else { return -1 }
        return unsafe Unmanaged<ChangeSearch>.fromOpaque(payload).takeUnretainedValue().isLate ? GIT_EUSER.rawValue : 0
    }
    var tree: OpaquePointer?
    guard unsafe git_revparse_single(&tree, repository.pointer, "HEAD^{tree}") == 0 else { return nil }
    defer { unsafe git_object_free(tree) }
    var difference: OpaquePointer?
    let result = unsafe git_diff_tree_to_workdir_with_index(&difference, repository.pointer, tree, &options)
    defer { unsafe git_diff_free(difference) }
    if search.hasFound { return true }
    return result == 0 ? unsafe git_diff_num_deltas(difference) > 0 : nil
}

private final class ChangeSearch {
    private let deadline: ContinuousClock.Instant
    var hasFound = false

    init(until deadline: ContinuousClock.Instant) {
        self.deadline = deadline
    }

    var isLate: Bool { ContinuousClock.now >= deadline }
}
