import Files
import GitMessages

/// Finds the commit a version stands for, at the origin, and brings it into the mirror.
struct Resolver {
    let mirror: String
    let limits: GitLimits
    let report: (GitProgress) -> Void

    struct Answer {
        var commit: ObjectID
        var branch: String?
    }

    /// - Throws: `GitFailure` or an error of a layer below.
    func resolve(_ version: String?, from origin: GitOrigin) throws -> Answer {
        let lock = try mirrorLock(mirror, report: report)
        return try withExtendedLifetime(lock) {
            do {
                return try resolveOnce(version, from: origin, discardingOld: false)
            } catch let failure as GitFailure where failure.kind == .damaged && Mirror.exists(mirror) {
                return try resolveOnce(version, from: origin, discardingOld: true)
            } catch let error as GitError where isDamage(error) && Mirror.exists(mirror) {
                // The mirror is only a copy: when it is damaged, a new one is made, once.
                return try resolveOnce(version, from: origin, discardingOld: true)
            }
        }
    }

    private func resolveOnce(_ version: String?, from origin: GitOrigin, discardingOld: Bool) throws -> Answer {
        let mirror = try Mirror(at: mirror, discardingOld: discardingOld, report: report)
        do {
            return switch origin {
            case .remote(let remote): try fetch(version, from: remote, into: mirror)
            case .folder(let folder): try importVersion(version, from: folder, into: mirror, limits: limits)
            }
        } catch {
            mirror.abandon()
            throw error
        }
    }

    // MARK: Servers

    private func fetch(_ version: String?, from server: GitRemote, into mirror: Mirror) throws -> Answer {
        let conversation = Conversation(server, limits: limits, report: report)
        do {
            let repository = try mirror.open()
            report(GitProgress(.connecting))
            let remote = try Remote(server, into: repository, conversation, limits: limits)
            let offer = try remote.connect()
            return try receive(version, offer, server, remote, repository, mirror)
        } catch let error as GitError {
            throw explained(error, server: server, conversation)
        }
    }

    private func receive(
        _ version: String?, _ offer: Remote.Advertisement, _ server: GitRemote, _ remote: borrowing Remote,
        _ repository: borrowing Repository, _ mirror: Mirror
    ) throws -> Answer {
        guard let version else {
            let (name, id) = try defaultBranch(offer, server)
            let commit = try receive([name], [id], remote, repository, mirror)
            return Answer(commit: commit, branch: nil)
        }
        for prefix in ["refs/heads/", "refs/tags/"] {
            guard let id = offer.references[prefix + version] else { continue }
            let commit = try receive([prefix + version], [id], remote, repository, mirror)
            return Answer(commit: commit, branch: prefix == "refs/heads/" ? version : nil)
        }
        guard isHexadecimal(version), (4...40).contains(version.utf8.count) else {
            throw noSuchVersion(version, server.url, offer)
        }
        if let id = ObjectID(hex: version) {
            let objects = try repository.objects()
            let known = offer.references.first { $0.value == id }?.key
            if objects.contains(id) || known != nil || (try? remote.download([version])) != nil {
                if let known, !objects.contains(id) { try remote.download([known]) }
                if let commit = try? peeled(id, objects) {
                    try mirror.commit([commit])
                    return Answer(commit: commit, branch: nil)
                }
            }
        }
        return Answer(commit: try receiveEverything(toFind: version, offer, server, remote, repository, mirror))
    }

    /// Downloads the named references and checks that what they stand for has come.
    private func receive(
        _ names: [String], _ ids: [ObjectID], _ remote: borrowing Remote, _ repository: borrowing Repository,
        _ mirror: Mirror
    ) throws -> ObjectID {
        let known = try repository.objects()
        if !ids.allSatisfy({ known.contains($0) }) { try remote.download(names) }
        // A fresh handle: the old one may not know the pack that has just arrived.
        let objects = try repository.objects()
        guard let id = ids.first else { throw damaged("nothing was asked for") }
        let commit = try peeled(id, objects)
        try mirror.commit(ids)
        return commit
    }

    private func receiveEverything(
        toFind version: String, _ offer: Remote.Advertisement, _ server: GitRemote, _ remote: borrowing Remote,
        _ repository: borrowing Repository, _ mirror: Mirror
    ) throws -> ObjectID {
        let wanted = offer.references.filter { $0.key.hasPrefix("refs/heads/") || $0.key.hasPrefix("refs/tags/") }
        guard !wanted.isEmpty else { throw emptyRepository(server.url) }
        try remote.download(["refs/heads/*", "refs/tags/*"])
        let objects = try repository.objects()
        try mirror.commit(wanted.values.filter { objects.contains($0) })
        // The mirror may just have got its place, so what was opened before no longer finds its packs.
        let placed = try Mirror.read(self.mirror)
        guard let found = try commit(abbreviated: version, in: placed.objects(), place: server.url) else {
            throw noSuchVersion(version, server.url, offer)
        }
        return found
    }

    private func defaultBranch(_ offer: Remote.Advertisement, _ server: GitRemote) throws -> (String, ObjectID) {
        if let head = offer.head { return ("HEAD", head) }
        if offer.references.isEmpty { throw emptyRepository(server.url) }
        throw GitFailure(
            .noSuchVersion, "'\(server.url)' has no default branch",
            remedy: "name one with --version: \(examples(of: offer))")
    }

    private func noSuchVersion(_ version: String, _ place: String, _ offer: Remote.Advertisement) -> GitFailure {
        if offer.references.isEmpty { return emptyRepository(place) }
        return GitFailure(
            .noSuchVersion, "'\(version)' is not a branch, tag or commit of '\(place)'",
            remedy: "it has \(examples(of: offer))")
    }

    private func examples(of offer: Remote.Advertisement) -> String {
        let names = offer.references.keys.compactMap { name in
            ["refs/heads/", "refs/tags/"].first(where: name.hasPrefix).map { String(name.dropFirst($0.count)) }
        }.sorted()
        return names.prefix(8).map { "'\($0)'" }.joined(separator: ", ") + (names.count > 8 ? ", …" : "")
    }
}

func emptyRepository(_ place: String) -> GitFailure {
    GitFailure(.emptyRepository, "'\(place)' has no commits yet", remedy: "push something to it first")
}

func isHexadecimal(_ text: String) -> Bool { text.utf8.allSatisfy { $0.hexDigit != nil } }

/// The commit an object stands for, through annotated tags.
func peeled(_ id: ObjectID, _ objects: borrowing ObjectDatabase) throws -> ObjectID {
    var next = id
    for _ in 0..<16 {
        switch try objects.header(of: next).kind {
        case .commit: return next
        case .tag: next = try headerID("object", of: objects.bytes(of: next, .tag, limit: 1 << 20))
        case let kind:
            throw GitFailure(.noSuchVersion, "'\(id)' is a \(kind), not a commit")
        }
    }
    throw damaged("the tag \(id) leads nowhere")
}

/// The one commit whose id begins with `text`; nil when there is none.
///
/// - Throws: `GitFailure` when there are several.
func commit(abbreviated text: String, in objects: borrowing ObjectDatabase, place: String) throws -> ObjectID? {
    if let id = ObjectID(hex: text) {
        guard objects.contains(id) else { return nil }
        return try peeled(id, objects)
    }
    let candidates = try objects.commits(withPrefix: text.lowercased())
    guard candidates.count <= 1 else {
        let shown = candidates.prefix(5).map { "'\($0)'" }.joined(separator: ", ")
        throw GitFailure(
            .noSuchVersion, "'\(text)' is the beginning of \(candidates.count) commits of '\(place)': \(shown)",
            remedy: "give more digits")
    }
    return candidates.first
}
