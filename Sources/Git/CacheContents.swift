import Files
import GitMessages
import Glibc
package import SystemPackage

/// One thing in the cache.
package struct GitCacheEntry: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case mirror
        case checkout(commit: String)
    }

    package let kind: Kind
    /// Where it came from, without secrets; empty if that is no longer known.
    package let url: String
    package let path: FilePath
    package let bytes: Int64
    /// Seconds since 1970.
    package let lastUsed: Int64
    package let isInUse: Bool
}

extension GitCache {
    /// Everything in the cache, the most recently used first.
    package func entries() async throws -> [GitCacheEntry] {
        try await offThePool { try findEntries() }
    }

    private func findEntries() throws -> [GitCacheEntry] {
        var entries: [GitCacheEntry] = []
        for key in try names(in: root.appending("mirrors")) {
            let folder = mirror(key)
            // A failed first fetch leaves only the lock and the URL.
            guard fileStatus(folder.appending("repository")) != nil else { continue }
            entries.append(
                GitCacheEntry(
                    kind: .mirror, url: url(ofKey: key), path: folder, bytes: size(of: folder),
                    lastUsed: lastUsed(folder.appending("lock")), isInUse: isHeld(folder.appending("lock"))))
        }
        for key in try names(in: root.appending("checkouts")) {
            for commit in try names(in: checkouts(key)) {
                let folder = checkouts(key).appending(commit)
                for name in try names(in: folder) where name.allSatisfy(\.isNumber) {
                    let lock = folder.appending("\(name).lock")
                    entries.append(
                        GitCacheEntry(
                            kind: .checkout(commit: commit), url: url(ofKey: key), path: folder.appending(name),
                            bytes: size(of: folder.appending(name)), lastUsed: lastUsed(lock), isInUse: isHeld(lock)))
                }
            }
        }
        return entries.sorted { ($0.lastUsed, $0.path.string) > ($1.lastUsed, $1.path.string) }
    }

    /// Removes what no run uses and no run has used for a while; nil removes everything that is not in use.
    ///
    /// A mirror goes only when no checkout of it is left, since checkouts read their history from it.
    ///
    /// - Parameter now: seconds since 1970.
    /// - Returns: what was removed.
    package func prune(unusedFor age: Duration? = nil, now: Int64 = currentTime()) async throws -> [GitCacheEntry] {
        guard fileStatus(root) != nil else { return [] }
        let catalogue = try await FileLock.acquire(lockPath)
        defer { withExtendedLifetime(catalogue) {} }
        let limit = age.map { now - $0.components.seconds } ?? Int64.max
        return try await offThePool { try removeUnused(since: limit) }
    }

    private func removeUnused(since limit: Int64) throws -> [GitCacheEntry] {
        var removed: [GitCacheEntry] = []
        let all = try findEntries()
        for entry in all where entry.lastUsed <= limit {
            guard case .checkout = entry.kind, let lease = try? FileLock.attempt(FilePath("\(entry.path).lock")) else {
                continue
            }
            try remove(entry.path)
            try remove(FilePath("\(entry.path).lock"))
            withExtendedLifetime(lease) {}
            removed.append(entry)
        }
        for key in try names(in: root.appending("checkouts")) { try removeEmptyFolders(checkouts(key)) }
        for entry in all where entry.lastUsed <= limit {
            guard entry.kind == .mirror, let key = entry.path.lastComponent?.string,
                fileStatus(checkouts(key)) == nil, let lock = try? FileLock.attempt(entry.path.appending("lock"))
            else { continue }
            try remove(entry.path)
            withExtendedLifetime(lock) {}
            removed.append(entry)
        }
        for key in try names(in: root.appending("mirrors")) where fileStatus(mirror(key).appending("repository")) == nil
        {
            if let lock = try? FileLock.attempt(mirror(key).appending("lock")) {
                try remove(mirror(key))
                withExtendedLifetime(lock) {}
            }
        }
        return removed
    }

    private func remove(_ path: FilePath) throws {
        guard let name = path.lastComponent?.string else { return }
        try Directory(opening: path.removingLastComponent()).remove(RelativePath(name))
    }

    /// Removes the folders of commits that have no checkout left, with what killed processes left in them.
    private func removeEmptyFolders(_ folder: FilePath) throws {
        for commit in try names(in: folder) {
            let path = folder.appending(commit)
            let isUsed = try names(in: path).contains { name in
                name.allSatisfy(\.isNumber) || (name.hasSuffix(".lock") && isHeld(path.appending(name)))
            }
            if !isUsed { try remove(path) }
        }
        if try names(in: folder).isEmpty { try remove(folder) }
    }

    private func names(in folder: FilePath) throws -> [String] {
        guard fileStatus(folder)?.kind == .directory else { return [] }
        return try Directory(opening: folder).list().map(\.name)
    }

    private func url(ofKey key: String) -> String {
        guard let bytes = try? readFile(mirror(key).appending("url"), limit: 8192) else { return "" }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first.map(String.init) ?? ""
    }

    private func size(of folder: FilePath) -> Int64 { (try? folderSize(folder)) ?? 0 }

    private func lastUsed(_ lock: FilePath) -> Int64 { (fileStatus(lock)?.modified ?? 0) / 1_000_000_000 }

    /// Whether somebody holds the lock now; asking changes neither the lock nor its time.
    private func isHeld(_ lock: FilePath) -> Bool {
        guard let file = try? FileDescriptor.open(lock, .readOnly, options: [.closeOnExec, .noFollow]) else {
            return false
        }
        defer { try? file.close() }
        guard flock(file.rawValue, LOCK_EX | LOCK_NB) == 0 else { return true }
        _ = flock(file.rawValue, LOCK_UN)
        return false
    }
}

/// Seconds since 1970.
package func currentTime() -> Int64 {
    var now = timespec()
    _ = unsafe clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec)
}
