import Files
import GitMessages
import Glibc
import SystemPackage

/// One numbered checkout of a commit, held by its lock.
struct CheckoutSlot: Sendable {
    let lease: FileLock
    private let folder: FilePath
    private let name: String

    private static let buildingMark = ".new-"
    private static let discardedMark = ".old-"

    /// Takes the first checkout of the commit that no run uses, whether it exists yet or not.
    static func take(in folder: FilePath, cache: GitCache) async throws -> CheckoutSlot {
        try makeFolders(folder)
        // Under the cache's own lock, so that `prune` cannot remove a lock file that somebody is about to take.
        let catalogue = try await FileLock.acquire(cache.lockPath)
        defer { withExtendedLifetime(catalogue) {} }
        try makeFolders(folder)
        for number in 0..<10_000 {
            if let lease = try FileLock.attempt(folder.appending("\(number).lock")) {
                return CheckoutSlot(lease: lease, folder: folder, name: "\(number)")
            }
        }
        throw GitFailure(.file, "too many runs use the checkout '\(folder)'", remedy: "wait until some have ended")
    }

    private init(lease: FileLock, folder: FilePath, name: String) {
        self.lease = lease
        self.folder = folder
        self.name = name
    }

    private var place: FilePath { folder.appending(name) }
    var source: FilePath { place.appending("source") }

    func source(of building: String) -> FilePath { folder.appending(building).appending("source") }

    /// The manifest, if the checkout is whole and nobody has changed it.
    func usableManifest() -> CheckoutManifest? {
        guard let bytes = try? readFile(place.appending("manifest"), limit: 1 << 20),
            let manifest = CheckoutManifest(text: String(decoding: bytes, as: UTF8.self)),
            let state = try? folderState(source), state == manifest.state
        else { return nil }
        return manifest
    }

    /// Makes an empty folder under a temporary name, and clears away what an earlier holder of the slot left.
    func startBuilding() throws -> String {
        let directory = try Directory(opening: folder)
        for entry in try directory.list() where isLeftover(entry.name) {
            // Whoever made it is dead or dying: the slot is ours.
            if let path = try? RelativePath(entry.name) { try? directory.remove(path) }
        }
        let building = name + Self.buildingMark + randomName()
        try directory.makeDirectory(RelativePath(building).appending("source"))
        return building
    }

    private func isLeftover(_ entry: String) -> Bool {
        entry.hasPrefix(name + Self.buildingMark) || entry.hasPrefix(name + Self.discardedMark)
    }

    /// Puts the finished checkout in place of an older one.
    func finishBuilding(_ building: String, _ manifest: CheckoutManifest) throws {
        let directory = try Directory(opening: folder)
        // Not synced, like the files it describes: after a power failure it does not fit them, and the checkout is written anew.
        let flags = O_WRONLY | O_CREAT | O_EXCL
        let file = try directory.open(RelativePath(building).appending("manifest"), flags: flags)
        defer { try? file.close() }
        try file.writeAll(manifest.text.utf8)
        let discarded = name + Self.discardedMark + randomName()
        if fileStatus(place) != nil { try move(name, to: discarded) }
        try move(building, to: name)
        // A run may have left what cannot be removed; the next `prune` tries again.
        if let path = try? RelativePath(discarded) { try? directory.remove(path) }
    }

    func abandon(_ building: String) {
        guard let path = try? RelativePath(building) else { return }
        try? Directory(opening: folder).remove(path)
    }

    private func move(_ old: String, to new: String) throws(FileError) {
        let target = folder.appending(new)
        let result = unsafe folder.appending(old).withPlatformString { old in
            unsafe target.withPlatformString { unsafe rename(old, $0) }
        }
        guard result == 0 else { throw FileError("put in place", target.string, Errno(rawValue: errno)) }
    }
}

/// What a finished checkout is; it is written last, so a checkout without it is not whole.
struct CheckoutManifest: Sendable, Hashable {
    var url: String
    var commit: String
    var warnings: [String]
    var state: FolderState

    private static let title = "swiftflow checkout 1"

    init(url: String, commit: String, warnings: [String], state: FolderState) {
        self.url = url
        self.commit = commit
        self.warnings = warnings
        self.state = state
    }

    init?(text: String) {
        let lines = text.split(separator: "\n").map(String.init)
        guard lines.count >= 5, lines[0] == Self.title, let bytes = Int64(lines[4]) else { return nil }
        (url, commit) = (lines[1], lines[2])
        state = FolderState(digest: lines[3], bytes: bytes)
        warnings = Array(lines.dropFirst(5))
    }

    var text: String {
        let plain = warnings.map { $0.split(whereSeparator: \.isNewline).joined(separator: " ") }
        return ([Self.title, url, commit, state.digest, "\(state.bytes)"] + plain).joined(separator: "\n") + "\n"
    }
}
