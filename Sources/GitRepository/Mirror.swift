import Files
import GitMessages
import Glibc
import SystemPackage

/// A bare repository in the cache that collects the objects of one origin.
///
/// Its only references are `refs/swiftflow/<id>` in `packed-refs`, one for each tip that was ever received completely: they say what need
/// not be sent again, and no name chosen by a server ever becomes a file. Objects arrive in whole packs under temporary names, so a reader
/// needs no lock; whoever adds to the mirror holds its lock. A new mirror is built under a temporary name and put in place once
/// the first fetch has succeeded.
struct Mirror {
    /// Holds `lock` and `repository`.
    private let folder: Directory
    private let repositoryName: String
    private let isNew: Bool

    private static let finalName = "repository"
    private static let newPrefix = "new-"

    /// Whether the mirror exists; it may be read without a lock.
    static func exists(_ path: String) -> Bool {
        fileStatus(FilePath(path).appending(finalName).appending("HEAD"))?.kind == .file
    }

    static func objectFolder(_ path: String) -> String {
        FilePath(path).appending(finalName).appending("objects").string
    }

    /// Opens the existing mirror for reading.
    static func read(_ path: String) throws(GitError) -> Repository {
        try Repository(opening: FilePath(path).appending(finalName).string)
    }

    static func isShallow(_ path: String) -> Bool {
        fileStatus(FilePath(path).appending(finalName).appending("shallow")) != nil
    }

    /// Takes the mirror's lock, waiting for whoever has it, and clears away what a killed process left.
    ///
    /// The lock is released when `lock` goes away.
    init(at path: String, discardingOld: Bool, report: (GitProgress) -> Void) throws {
        folder = try Directory(creating: FilePath(path))
        for entry in try folder.list() where entry.name.hasPrefix(Self.newPrefix) {
            try folder.remove(RelativePath(entry.name))
        }
        // An old mirror that is thought to be damaged stays until there is a whole new one.
        isNew = discardingOld || !Self.exists(path)
        if isNew {
            repositoryName = Self.newPrefix + randomName()
            try folder.makeDirectory(RelativePath(repositoryName))
            try makeRepository(
                in: folder.directory(RelativePath(repositoryName)), head: "ref: refs/heads/none", isBare: true,
                originURL: nil, alternates: nil, isShallow: false)
        } else {
            repositoryName = Self.finalName
            try removeLeftovers()
        }
    }

    var repositoryPath: String { folder.path.appending(repositoryName).string }

    func open() throws(GitError) -> Repository { try Repository(opening: repositoryPath) }

    /// Packs of a process that was killed while receiving: temporary names, and packs without their index.
    private func removeLeftovers() throws {
        let packs = try RelativePath(Self.finalName).appending("objects/pack")
        let names = Set(try folder.list(packs).map(\.name))
        for name in names {
            let stem = name.split(separator: ".").first.map(String.init) ?? name
            let isPack = name == "\(stem).pack" || name == "\(stem).idx"
            let isWhole = isPack && names.contains("\(stem).pack") && names.contains("\(stem).idx")
            if !isWhole { try folder.remove(packs.appending(name)) }
        }
    }

    /// Records that everything below `ids` is here, and puts a new mirror in place.
    func commit(_ ids: [ObjectID], shallow: ObjectID? = nil) throws {
        let repository = try RelativePath(repositoryName)
        try add(ids.map { "\($0) refs/swiftflow/\($0)" }, to: repository.appending("packed-refs"))
        if let shallow { try add(["\(shallow)"], to: repository.appending("shallow")) }
        guard isNew else { return }
        let discarded = Self.newPrefix + randomName()
        if try folder.status(RelativePath(Self.finalName)) != nil { try move(Self.finalName, to: discarded) }
        try move(repositoryName, to: Self.finalName)
        try folder.remove(RelativePath(discarded))
    }

    private func move(_ old: String, to new: String) throws(FileError) {
        let target = folder.path.appending(new)
        let result = unsafe folder.path.appending(old).withPlatformString { old in
            unsafe target.withPlatformString { unsafe rename(old, $0) }
        }
        guard result == 0 else { throw FileError("put in place", target.string, Errno(rawValue: errno)) }
    }

    /// Removes a new mirror that never came to be.
    func abandon() {
        guard isNew else { return }
        if let path = try? RelativePath(repositoryName) { try? folder.remove(path) }
    }

    private func add(_ lines: [String], to path: RelativePath) throws {
        var known: Set<String> = []
        if try folder.status(path) != nil {
            let text = String(decoding: try folder.readFile(path, limit: 64 << 20), as: UTF8.self)
            known = Set(text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map(String.init))
        }
        let merged = known.union(lines)
        guard merged.count > known.count else { return }
        try folder.writeFile(path, Array((merged.sorted().joined(separator: "\n") + "\n").utf8))
    }
}

/// Waits for the lock of the mirror at `path`.
func mirrorLock(_ path: String, report: (GitProgress) -> Void) throws -> FileLock {
    try makeFolders(FilePath(path))
    let file = FilePath(path).appending("lock")
    var hasReported = false
    while true {
        if let lock = try FileLock.attempt(file) { return lock }
        if !hasReported { report(GitProgress(.waiting, owner: FileLock.owner(of: file))) }
        hasReported = true
        // The worker is single-threaded here and bounded by its watchdog.
        usleep(50_000)
    }
}
