import CGit2
import GitMessages
import Glibc

/// Says whether a folder of a repository is as its commit says, and which files git has there or would take in.
///
/// Answers nothing when the folder belongs to no repository, or git is told to ignore it.
func listCode(_ order: GitCodeOrder, limits: GitLimits, answer: (GitEvent) -> Void) throws {
    let repository: Repository
    do {
        repository = try Repository(around: order.folder)
    } catch {
        if error.has(GIT_ENOTFOUND), !error.message.contains("safe.directory") { return }
        throw error
    }
    guard let workTree = repository.workTree else { return }
    if let objection = objectionToLink(repository, workTree: workTree) { throw GitFailure(.file, objection) }
    guard try !isIgnored(order.folder, repository, workTree),
        let prefix = prefix(of: order.folder, in: workTree)
    else { return }
    let search = CodeSearch(prefix: prefix, order: order)
    try search.readStatus(of: repository)
    try search.readIndex(of: repository)
    guard search.files.count <= limits.files else {
        throw GitFailure(
            .sizeLimit, "'\(order.folder)' holds more than \(limits.files) files that git does not ignore",
            remedy: "name what is code with 'cache: {code: […]}'")
    }
    let tree = try treeID(of: prefix, in: repository)
    answer(.code(GitCode(tree: tree, isClean: search.isClean && tree != nil)))
    let files = search.files.map { GitCodeFile(path: $0.key, id: $0.value) }.sorted { $0.path < $1.path }
    for start in stride(from: 0, to: files.count, by: 1000) {
        answer(.codeFiles(Array(files[start..<min(start + 1000, files.count)])))
    }
}

/// The folder's path below the work tree, ending with `/` unless it is empty.
private func prefix(of folder: String, in workTree: String) -> String? {
    guard let real = unsafe realpath(folder, nil) else { return nil }
    defer { unsafe free(real) }
    let path = unsafe String(cString: real) + "/"
    return path.hasPrefix(workTree) ? String(path.dropFirst(workTree.count)) : nil
}

/// The id of the folder's tree at `HEAD`.
private func treeID(of prefix: String, in repository: borrowing Repository) throws(GitError) -> String? {
    var tree: OpaquePointer?
    let result = unsafe git_revparse_single(&tree, repository.pointer, "HEAD^{tree}")
    if result == GIT_ENOTFOUND.rawValue { return nil }
    try check(result)
    defer { unsafe git_object_free(tree) }
    guard !prefix.isEmpty else {
        return unsafe git_object_id(tree).map { unsafe "\(ObjectID($0.pointee))" }
    }
    var entry: OpaquePointer?
    let found = unsafe git_tree_entry_bypath(&entry, tree, String(prefix.dropLast()))
    if found == GIT_ENOTFOUND.rawValue { return nil }
    try check(found)
    defer { unsafe git_tree_entry_free(entry) }
    guard unsafe git_tree_entry_type(entry) == GIT_OBJECT_TREE else { return nil }
    return unsafe git_tree_entry_id(entry).map { unsafe "\(ObjectID($0.pointee))" }
}

private final class CodeSearch {
    private let prefix: String
    private let ignoredNames: Set<String>
    private let excludedPaths: [String]
    /// Path below the folder → mode and id of the content, for files that are as the index says.
    private(set) var files: [String: String?] = [:]
    private(set) var isClean = true
    private var changed: Set<String> = []

    init(prefix: String, order: GitCodeOrder) {
        self.prefix = prefix
        ignoredNames = Set(order.ignoredNames)
        excludedPaths = order.excludedPaths
    }

    private func isExcluded(_ path: String) -> Bool {
        excludedPaths.contains { path == $0 || path.hasPrefix($0 + "/") }
    }

    private func isIgnoredName(_ path: String) -> Bool {
        path.split(separator: "/").contains { ignoredNames.contains(String($0)) }
    }

    /// Finds what differs from the commit, and what git has not been told of.
    func readStatus(of repository: borrowing Repository) throws(GitError) {
        var options = unsafe git_status_options()
        try check(unsafe git_status_options_init(&options, UInt32(GIT_STATUS_OPTIONS_VERSION)))
        unsafe options.show = GIT_STATUS_SHOW_INDEX_AND_WORKDIR
        let flags = [
            GIT_STATUS_OPT_INCLUDE_UNTRACKED, GIT_STATUS_OPT_RECURSE_UNTRACKED_DIRS,
            GIT_STATUS_OPT_DISABLE_PATHSPEC_MATCH, GIT_STATUS_OPT_EXCLUDE_SUBMODULES,
        ]
        unsafe options.flags = flags.reduce(0) { $0 | $1.rawValue }
        // The list borrows the path only while it is made.
        guard let path = unsafe strdup(String(prefix.dropLast())) else { throw damaged("not enough memory") }
        defer { unsafe free(path) }
        var list: OpaquePointer?
        var paths: [UnsafeMutablePointer<CChar>?] = unsafe [path]
        let result = unsafe paths.withUnsafeMutableBufferPointer { buffer in
            if !prefix.isEmpty { unsafe options.pathspec = git_strarray(strings: buffer.baseAddress, count: 1) }
            return unsafe git_status_list_new(&list, repository.pointer, &options)
        }
        try check(result)
        defer { unsafe git_status_list_free(list) }
        for index in 0..<(unsafe git_status_list_entrycount(list)) {
            guard let entry = unsafe git_status_byindex(list, index) else { continue }
            let delta = unsafe entry.pointee.index_to_workdir ?? entry.pointee.head_to_index
            guard let name = unsafe delta?.pointee.new_file.path ?? delta?.pointee.old_file.path else { continue }
            note(try text(unsafe String(validatingCString: name)), status: unsafe entry.pointee.status)
        }
    }

    /// A name that is no text cannot be handed on, and leaving it out would hide its changes.
    private func text(_ name: String?) throws(GitError) -> String {
        guard let name else { throw damaged("a file's name is not UTF-8") }
        return name
    }

    private func note(_ path: String, status: git_status_t) {
        guard path.hasPrefix(prefix) else { return }
        let inside = String(path.dropFirst(prefix.count))
        guard !inside.isEmpty, status != GIT_STATUS_CURRENT, status != GIT_STATUS_IGNORED else { return }
        let isUntracked = status.rawValue & GIT_STATUS_WT_NEW.rawValue != 0
        guard !isExcluded(inside), !(isUntracked && isIgnoredName(inside)) else { return }
        isClean = false
        changed.insert(inside)
        // A folder that is a repository of its own ends with a slash.
        if isUntracked { files[inside.hasSuffix("/") ? String(inside.dropLast()) : inside] = .some(nil) }
    }

    /// Finds what git has.
    func readIndex(of repository: borrowing Repository) throws(GitError) {
        var index: OpaquePointer?
        try check(unsafe git_repository_index(&index, repository.pointer))
        defer { unsafe git_index_free(index) }
        for number in 0..<(unsafe git_index_entrycount(index)) {
            guard let entry = unsafe git_index_get_byindex(index, number), let name = unsafe entry.pointee.path else {
                continue
            }
            let path = try text(unsafe String(validatingCString: name))
            guard path.hasPrefix(prefix) else { continue }
            let inside = String(path.dropFirst(prefix.count))
            guard !isExcluded(inside) else { continue }
            let id = unsafe "\(String(entry.pointee.mode, radix: 8)) \(ObjectID(entry.pointee.id))"
            files[inside] = .some(changed.contains(inside) ? nil : id)
        }
    }
}
