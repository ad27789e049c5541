import CGit2
import CLinux
import Files
import GitMessages
import Glibc
import SystemPackage

/// Finds a version in a repository on this machine and copies that one commit, without its history, into the mirror.
///
/// The repository is only read. It must be a plain one: its objects in its own folder, not behind links or alternates.
func importVersion(_ version: String?, from folder: String, into mirror: Mirror, limits: GitLimits) throws
    -> Resolver.Answer
{
    let repository = try openFolder(folder)
    try refuseForeignObjects(of: repository, folder)
    let objects = try repository.objects()
    let answer = try find(version, in: repository, objects, folder)
    // Counts before copying; the same limits hold as for a server.
    _ = try CheckoutPlan(answer.commit, in: objects, limits: limits)
    if !(try mirror.open().objects().contains(answer.commit)) {
        try copy(answer.commit, from: repository, to: mirror.repositoryPath)
    }
    try mirror.commit([answer.commit], shallow: answer.commit)
    return answer
}

private func openFolder(_ folder: String) throws -> Repository {
    guard let status = fileStatus(FilePath(folder)) else {
        throw GitFailure(
            .notFound, "there is no folder '\(folder)'",
            remedy: "give a folder, or a git URL such as 'https://github.com/owner/name'")
    }
    guard status.kind == .directory else {
        throw GitFailure(.notFound, "'\(folder)' is not a folder", remedy: "give the project's folder")
    }
    do {
        return try Repository(opening: folder)
    } catch {
        if let owner = foreignOwner(of: folder) {
            throw GitFailure(
                .file, "the repository '\(folder)' belongs to another user (\(owner))",
                remedy: "clone it, or run as that user")
        }
        if error.message.contains("unsupported extension") {
            throw GitFailure(
                .refused, "the repository '\(folder)' uses a format that is not supported: \(error.message)",
                remedy: "use a clone in git's standard format (SHA-1, files)")
        }
        let around = (try? Repository(around: folder))?.workTree
        throw GitFailure(
            .notFound, "'\(folder)' is not a git repository, so it has no versions",
            remedy: around.map { "the repository around it is '\($0)': give that and '#' with the folder inside" }
                ?? "leave out --version, or give a git repository")
    }
}

/// The id of the user a repository belongs to, if it is another one.
func foreignOwner(of folder: String) -> UInt32? {
    for path in [folder, "\(folder)/.git"] {
        var status = stat()
        if unsafe lstat(path, &status) == 0, status.st_uid != geteuid() { return status.st_uid }
    }
    return nil
}

private func refuseForeignObjects(of repository: borrowing Repository, _ folder: String) throws {
    let common = FilePath(repository.commonFolder)
    for name in ["objects", "objects/pack", "objects/info"] {
        var status = stat()
        let path = common.appending(name)
        guard unsafe lstat(path.string, &status) == 0 else { continue }
        guard status.st_mode & 0o170000 == 0o040000 else {
            throw GitFailure(
                .refused, "'\(path)' is a link; a repository whose objects lie elsewhere is not read",
                remedy: "clone '\(folder)' with git and use the clone")
        }
    }
    guard fileStatus(common.appending("objects/info/alternates")) == nil else {
        throw GitFailure(
            .refused, "'\(folder)' borrows objects from another repository (objects/info/alternates)",
            remedy: "run 'git repack -a -d' in it and remove that file, or use a full clone")
    }
}

private func find(
    _ version: String?, in repository: borrowing Repository, _ objects: borrowing ObjectDatabase, _ folder: String
) throws -> Resolver.Answer {
    guard let version else {
        guard let head = try repository.target(of: "HEAD") else { throw emptyRepository(folder) }
        return Resolver.Answer(commit: try peeled(head, objects))
    }
    if let branch = try repository.target(of: "refs/heads/\(version)") {
        return Resolver.Answer(commit: try peeled(branch, objects), branch: version)
    }
    if let tag = try repository.target(of: "refs/tags/\(version)") {
        return Resolver.Answer(commit: try peeled(tag, objects))
    }
    if isHexadecimal(version), (4...40).contains(version.utf8.count),
        let found = try commit(abbreviated: version, in: objects, place: folder)
    {
        return Resolver.Answer(commit: found)
    }
    // A branch that was fetched but never checked out, as `git checkout NAME` would find it.
    let names = try repository.referenceNames()
    let remote = names.filter { $0.hasPrefix("refs/remotes/") && $0.dropFirst(13).drop { $0 != "/" } == "/\(version)" }
    if let name = remote.first, let id = try repository.target(of: name) {
        return Resolver.Answer(commit: try peeled(id, objects), branch: version)
    }
    let known = names.compactMap { name in
        ["refs/heads/", "refs/tags/"].first(where: name.hasPrefix).map { "'\(name.dropFirst($0.count))'" }
    }
    if known.isEmpty, try repository.target(of: "HEAD") == nil { throw emptyRepository(folder) }
    throw GitFailure(
        .noSuchVersion, "'\(version)' is not a branch, tag or commit of '\(folder)'",
        remedy: "it has \(known.prefix(8).joined(separator: ", "))\(known.count > 8 ? ", …" : "")")
}

/// Writes a pack of one commit and everything it contains.
private func copy(_ commit: ObjectID, from source: borrowing Repository, to mirror: String) throws(GitError) {
    var opened: OpaquePointer?
    try check(unsafe git_packbuilder_new(&opened, source.pointer))
    defer { unsafe git_packbuilder_free(opened) }
    var oid = commit.raw
    try check(unsafe git_packbuilder_insert_commit(opened, &oid))
    try check(unsafe git_packbuilder_write(opened, "\(mirror)/objects/pack", 0o444, nil, nil))
}
