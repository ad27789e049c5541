import CLinux
import Files
import Glibc
package import SystemPackage

/// The folder that holds the environments: `MLFLOW_ENV_ROOT`, else `~/.mlflow/envs`.
///
/// Each environment lies in a folder of MLflow's name. It is built in place (the tools write its path into their scripts), under a lock
/// of its own, and marked complete at the very end.
package struct EnvironmentStore: Sendable {
    package let root: FilePath
    /// Our own part of the root: locks, records of conda environments, interpreters' versions.
    var stateFolder: FilePath { root.appending(".swiftflow") }

    package init(root: FilePath) {
        self.root = root
    }

    /// - Parameter workingDirectory: what a relative `MLFLOW_ENV_ROOT` is relative to.
    package static func defaultRoot(
        variables: [String: String], workingDirectory: FilePath
    ) throws(EnvironmentError) -> FilePath {
        if let configured = variables["MLFLOW_ENV_ROOT"], !configured.isEmpty {
            return workingDirectory.pushing(FilePath(configured)).lexicallyNormalized()
        }
        guard let home = variables["HOME"], home.hasPrefix("/") else {
            throw EnvironmentError(
                .unusablePlace, "there is no folder to keep environments in: neither MLFLOW_ENV_ROOT nor HOME is set",
                remedy: "set MLFLOW_ENV_ROOT to an absolute path")
        }
        return FilePath(home).appending(".mlflow").appending("envs")
    }

    func folder(_ name: String) -> FilePath { root.appending(name) }

    // MARK: Using

    /// The environment if it is complete, with a lease on it.
    ///
    /// - Parameters:
    ///   - marksUse: whether it counts as used now.
    ///   - holdsLock: whether the caller has the right to build it.
    func ready(_ name: String, marksUse: Bool = true, holdsLock: Bool = false) throws -> ReadyEnvironment? {
        guard fileStatus(root) != nil, let status = try linkStatus(folder(name)), status.kind == .directory else {
            return nil
        }
        try status.requireOurs(folder(name))
        let directory = try Directory(opening: root).directory(RelativePath(name))
        guard
            let (record, lease) = try EnvironmentLease.take(
                EnvironmentRecord.fileName, in: directory, marksUse: marksUse, waits: holdsLock),
            record.fingerprint == name, record.isComplete,
            // The interpreter is a link to one outside, which may have been uninstalled since.
            fileStatus(folder(name).appending("bin").appending("python")) != nil
        else { return nil }
        return ReadyEnvironment(folder: folder(name), record: record, lease: lease, wasBuilt: false)
    }

    /// The environment, built with `build` if no complete one is there.
    ///
    /// - Parameter build: fills the empty folder it is given and returns what to record. When it throws, the folder is removed.
    func obtain(
        _ name: String, report: @Sendable (EnvironmentMessage) -> Void,
        build: (FilePath) async throws -> EnvironmentRecord
    ) async throws -> ReadyEnvironment {
        if let ready = try ready(name) { return ready }
        let lock = try await lock(name, report: report)
        defer { withExtendedLifetime(lock) {} }
        // Another run may have built it while this one waited.
        if let ready = try ready(name, holdsLock: true) { return ready }
        let root = try Directory(opening: self.root)
        let path = try RelativePath(name)
        if try linkStatus(folder(name)) != nil {
            let reason = wasBegun(name) ? "is incomplete" : "was made by another program"
            report(.progress("'\(folder(name))' \(reason); building it again"))
            try await offPool { try root.remove(path) }
        }
        try markBegun(name)
        try root.makeDirectory(path)
        do {
            let record = try await build(folder(name))
            try await offPool {
                let directory = try root.directory(path)
                try directory.syncFileSystem()
                try directory.writeFile(RelativePath(EnvironmentRecord.fileName), Array(record.text.utf8))
                try? unmarkBegun(name)
            }
        } catch {
            // The mark is missing, so what cannot be removed now is removed by the next run.
            try? await offPool {
                try root.remove(path)
                try unmarkBegun(name)
            }
            throw error
        }
        guard var ready = try ready(name, holdsLock: true) else {
            throw EnvironmentError(.unusablePlace, "the environment '\(folder(name))' was changed while it was built")
        }
        ready.wasBuilt = true
        return ready
    }

    // MARK: Begun builds

    /// Whether we have begun to build `name` and not finished; a folder without our mark that we did not begin is somebody else's.
    func wasBegun(_ name: String) -> Bool { fileStatus(begunFolder.appending(name)) != nil }

    private var begunFolder: FilePath { stateFolder.appending("begun") }

    private func markBegun(_ name: String) throws {
        try Directory(creating: begunFolder).writeFile(RelativePath(name), [])
    }

    func unmarkBegun(_ name: String) throws {
        guard wasBegun(name) else { return }
        try Directory(opening: begunFolder).remove(RelativePath(name))
    }

    // MARK: Locks

    /// The right to build or remove the environment called `name`.
    func lock(_ name: String, report: @Sendable (EnvironmentMessage) -> Void) async throws -> FileLock {
        guard !root.string.contains(":") else {
            throw EnvironmentError(
                .unusablePlace, "environments cannot be kept in '\(root)': the path contains a colon",
                remedy: "set MLFLOW_ENV_ROOT to a path without one")
        }
        let folder = stateFolder.appending("locks")
        try makeFolders(folder)
        return try await FileLock.acquire(folder.appending(name)) { owner in
            let process = owner.map { " (process \($0))" } ?? ""
            report(.progress("waiting for another run\(process) that builds the environment '\(name)'"))
        }
    }
}

/// A complete environment.
struct ReadyEnvironment: Sendable {
    var folder: FilePath
    var record: EnvironmentRecord
    var lease: EnvironmentLease
    var wasBuilt: Bool
}

/// The state of a name itself, links not followed; nil when nothing is there.
func linkStatus(_ path: FilePath) throws(FileError) -> OwnedStatus? {
    var raw = stat()
    guard unsafe path.withPlatformString({ unsafe lstat($0, &raw) }) == 0 else {
        let error = Errno(rawValue: errno)
        if error == .noSuchFileOrDirectory { return nil }
        throw FileError("examine", path.string, error)
    }
    return OwnedStatus(mode: raw.st_mode, owner: raw.st_uid)
}

/// Who owns a file, and who may change it.
struct OwnedStatus: Sendable {
    var mode: UInt32
    var owner: UInt32

    var kind: FileStatus.Kind {
        switch mode & 0o170000 {
        case 0o100000: .file
        case 0o040000: .directory
        case 0o120000: .link
        default: .other
        }
    }

    /// Refuses what another user could have planted under a name that can be guessed.
    func requireOurs(_ path: FilePath) throws(EnvironmentError) {
        guard owner == geteuid() || owner == 0 else {
            throw EnvironmentError(
                .unusablePlace, "the environment '\(path)' belongs to another user",
                remedy: "set MLFLOW_ENV_ROOT to a folder of your own")
        }
        guard mode & 0o002 == 0 else {
            throw EnvironmentError(
                .unusablePlace, "everybody may write to the environment '\(path)'",
                remedy: "remove it, or take the right away with chmod o-w")
        }
    }
}

/// What a link says; nil if the path is none.
func linkTarget(_ path: FilePath) -> FilePath? {
    var buffer = [CChar](repeating: 0, count: 4097)
    let count = unsafe path.withPlatformString { name in
        unsafe buffer.withUnsafeMutableBufferPointer { space in
            unsafe space.baseAddress.map { unsafe readlink(name, $0, 4096) } ?? -1
        }
    }
    guard count > 0 else { return nil }
    return FilePath(String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self))
}
