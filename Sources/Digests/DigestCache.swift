import CLinux
import Crypto
package import Files
import Glibc
import Synchronization
package import SystemPackage

/// Digests of files, computed once for each content and kept in a file between runs of the program.
///
/// The file is a convenience: any number of programs may use it at once, it may be lost or damaged at any time, and all that costs
/// is time. It is never believed when the file system says anything else about a file than it did then.
package final class DigestCache: Sendable {
    /// A digest that is known, and the day it was last asked for.
    struct Entry: Sendable, Hashable {
        var state: FileState
        var digest: ContentDigest
        var day: Int64
    }

    private struct Contents {
        var entries: [String: Entry] = [:]
        var isLoaded = false
        /// What is not in the file yet.
        var added: [String: Entry] = [:]
        var readCount = 0
    }

    /// Files that changed so shortly before they were read could change again without another time.
    private static let settlingTime: Int64 = 2_000_000_000

    private let file: FilePath?
    private let contents = Mutex(Contents())
    private let clock: @Sendable () -> Int64

    /// - Parameters:
    ///   - file: where digests are kept; nil keeps them only as long as the object lives.
    ///   - clock: nanoseconds since 1970, by which recent changes are told.
    package init(at file: FilePath?, clock: @escaping @Sendable () -> Int64 = currentNanoseconds) {
        self.file = file
        self.clock = clock
    }

    /// Where versions of programs are kept: beside the digests.
    var versionsFile: FilePath? { file.map { FilePath($0.string + ".versions") } }

    /// How many files were read, as opposed to known.
    package var readCount: Int { contents.withLock { $0.readCount } }

    /// The digest of a regular file; a link is refused.
    ///
    /// Reads the whole file if it is not known, so call this where waiting for a disk is allowed.
    package func digest(ofFile path: FilePath) throws(FileError) -> ContentDigest {
        let raw = unsafe path.withPlatformString {
            unsafe swiftflow_openat(AT_FDCWD, $0, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0)
        }
        guard raw >= 0 else { throw FileError("open", path.string, Errno(rawValue: errno)) }
        let descriptor = FileDescriptor(rawValue: raw)
        defer { try? descriptor.close() }
        return try digest(of: descriptor, path).digest
    }

    /// The digest of an open file and whether it may be executed.
    func digest(
        of descriptor: FileDescriptor, _ path: FilePath
    ) throws(FileError) -> (digest: ContentDigest, isExecutable: Bool) {
        let state = try fileState(of: descriptor, path.string)
        guard state.isRegular else { throw FileError("read", path.string, .invalidArgument) }
        // Names are bytes; those that are no text are not kept.
        let key = isText(path) ? path.string : nil
        let now = clock()
        if let key, let known = known(key, state, now) { return (known, state.isExecutable) }
        let digest = try contentDigest(of: descriptor, path.string)
        contents.withLock { $0.readCount += 1 }
        let after = try fileState(of: descriptor, path.string)
        let isSettled = state.modified < now - Self.settlingTime && state.changed < now - Self.settlingTime
        if let key, isSettled, after.isSameContent(as: state) {
            let entry = Entry(state: state, digest: digest, day: now / DigestFile.nanosecondsOfDay)
            contents.withLock {
                $0.entries[key] = entry
                $0.added[key] = entry
            }
        }
        return (digest, state.isExecutable)
    }

    private func known(_ key: String, _ state: FileState, _ now: Int64) -> ContentDigest? {
        contents.withLock { contents in
            if !contents.isLoaded {
                contents.isLoaded = true
                if let file { contents.entries = DigestFile.read(file) }
            }
            guard var entry = contents.entries[key], entry.state.isSameContent(as: state) else { return nil }
            let today = now / DigestFile.nanosecondsOfDay
            if entry.day != today {
                entry.day = today
                contents.entries[key] = entry
                contents.added[key] = entry
            }
            return entry.digest
        }
    }

    /// Writes what was learnt to the file, together with what other programs wrote meanwhile.
    ///
    /// When another program is writing just now, or the file cannot be written, nothing happens: the digests are computed again.
    package func save() {
        guard let file else { return }
        let added = contents.withLock { contents in
            let added = contents.added
            contents.added = [:]
            return added
        }
        guard !added.isEmpty else { return }
        if !DigestFile.write(added, into: file) {
            contents.withLock { $0.added.merge(added) { newer, _ in newer } }
        }
    }
}

/// Nanoseconds since 1970.
@Sendable package func currentNanoseconds() -> Int64 {
    var time = timespec()
    guard unsafe clock_gettime(CLOCK_REALTIME, &time) == 0 else { return 0 }
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
}

func isText(_ path: FilePath) -> Bool { FilePath(path.string) == path }

/// Reads a file from its current position to its end.
private func contentDigest(of file: FileDescriptor, _ shown: String) throws(FileError) -> ContentDigest {
    var hash = SHA256()
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    while true {
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(file.rawValue, $0.baseAddress, $0.count) }
        if count < 0 {
            guard errno == EINTR else { throw FileError("read", shown, Errno(rawValue: errno)) }
            continue
        }
        if count == 0 { return ContentDigest(hash) }
        hash.update(data: buffer[..<count])
    }
}
