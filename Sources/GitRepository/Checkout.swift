import Files
import GitMessages
import Glibc
import SystemPackage

/// Writes the files of one commit into a folder that is empty, and makes that folder look like a repository at the commit.
///
/// The folder gets a `.git` of its own: a detached `HEAD`, an index, and the mirror's objects as alternates. Programs that ask git for the
/// commit (MLflow's client does) find it; nothing in there names a program, and nothing written there reaches the mirror.
func checkOut(_ order: GitCheckoutOrder, limits: GitLimits, report: @escaping (GitProgress) -> Void) throws
    -> GitCheckoutSummary
{
    guard let commit = ObjectID(hex: order.commit) else {
        throw GitFailure(.refused, "'\(order.commit)' is not a full commit id")
    }
    try bring(commit, for: order, limits: limits, report: report)
    let mirror = try Mirror.read(order.mirror)
    let objects = try mirror.objects()
    do {
        guard try objects.header(of: commit).kind == .commit else {
            throw GitFailure(
                .noSuchVersion, "'\(commit)' in '\(order.shownURL)' is no commit",
                remedy: "give a branch, tag or commit")
        }
        return try write(commit, order, objects, limits: limits, report: report)
    } catch let error as GitError {
        throw GitFailure(
            .damaged, "commit '\(commit)' of '\(order.shownURL)' is damaged or incomplete: \(error.message)",
            remedy: "the repository on the server may be damaged")
    }
}

private func bring(
    _ commit: ObjectID, for order: GitCheckoutOrder, limits: GitLimits, report: @escaping (GitProgress) -> Void
) throws {
    if Mirror.exists(order.mirror), try Mirror.read(order.mirror).objects().contains(commit) { return }
    let resolver = Resolver(mirror: order.mirror, limits: limits, report: report)
    let answer = try resolver.resolve("\(commit)", from: order.origin)
    guard answer.commit == commit else {
        throw GitFailure(
            .noSuchVersion, "'\(commit)' is a tag in '\(order.shownURL)', not a commit",
            remedy: "use the commit it points to: '\(answer.commit)'")
    }
}

private func write(
    _ commit: ObjectID, _ order: GitCheckoutOrder, _ objects: borrowing ObjectDatabase, limits: GitLimits,
    report: @escaping (GitProgress) -> Void
) throws -> GitCheckoutSummary {
    let plan = try CheckoutPlan(commit, in: objects, limits: limits)
    let root = try Directory(opening: FilePath(order.root))
    let path = order.path.isEmpty ? RelativePath.root : try RelativePath(order.path)
    try root.makeDirectory(path, mode: 0o755)
    let target = try root.directory(path)
    guard try target.list().isEmpty else { throw FileError("write into", target.path.string, .directoryNotEmpty) }
    let handle = try root.open(path, flags: O_RDONLY | O_DIRECTORY)
    defer { try? handle.close() }
    let writer = try CheckoutWriter(into: handle, report: report)
    let index = try writer.write(plan, from: objects)
    let git = try RelativePath(".git")
    try target.makeDirectory(git, mode: 0o755)
    try makeRepository(
        in: target.directory(git), head: "\(commit)", isBare: false, originURL: order.shownURL,
        alternates: Mirror.objectFolder(order.mirror), isShallow: Mirror.isShallow(order.mirror))
    try writeIndex(index, of: Repository(opening: target.path.string))
    var summary = plan.summary
    summary.pointerFiles = writer.pointerFiles
    return summary
}
