import Diagnostics
import Files
package import Processes
package import SystemPackage

/// One environment on the disk, for `swiftflow env list`.
package struct StoredEnvironment: Sendable, Hashable {
    package var name: String
    /// Nil for a folder without our mark.
    package var manager: String?
    package var python: String?
    package var folder: FilePath?
    /// Bytes of all files.
    ///
    /// uv shares files between environments and its cache, so removing one may free less.
    package var size: Int64
    /// Seconds since 1970.
    package var created: Int64?
    package var lastUsed: Int64?
    package var isComplete: Bool
    /// Whether another program made it, most likely MLflow.
    ///
    /// Such an environment is never pruned.
    package var isForeign: Bool
    /// Whether a run uses it or builds it right now.
    package var isInUse: Bool
}

/// Which environments `prune` removes.
package struct PruneRule: Sendable, Hashable {
    /// Complete ones that were not used for so long; nil keeps them all.
    package var unusedFor: Duration?
    /// Whether those that were begun and never finished go too.
    package var removesIncomplete: Bool

    package init(unusedFor: Duration?, removesIncomplete: Bool = true) {
        self.unusedFor = unusedFor
        self.removesIncomplete = removesIncomplete
    }
}

extension EnvironmentStore {
    /// All environments, by name.
    ///
    /// Walks through every file of them to add up the sizes: call it off the cooperative pool.
    package func list() throws -> [StoredEnvironment] {
        guard fileStatus(root) != nil else { return [] }
        let folder = try Directory(opening: root)
        let virtual = try folder.list().filter { EnvironmentName.isName($0.name) && $0.status.kind == .directory }
            .map { try describe($0.name, in: folder, modified: $0.status.modified) }
        let records = CondaRecords(root: root)
        let conda = try records.names().map { try describe($0, records) }
        return (virtual + conda).sorted { $0.name < $1.name }
    }

    private func describe(_ name: String, in root: Directory, modified: Int64) throws -> StoredEnvironment {
        let directory = try root.directory(RelativePath(name))
        let mark = try RelativePath(EnvironmentRecord.fileName)
        let status = try directory.status(mark)
        let isInUse = try EnvironmentLease.isHeld(EnvironmentRecord.fileName, in: directory) || isLocked(name)
        let bytes = status?.kind == .file ? try? directory.readFile(mark, limit: EnvironmentRecord.sizeLimit) : nil
        let record = bytes.flatMap { EnvironmentRecord($0) }
        return StoredEnvironment(
            name: name, manager: record?.manager, python: record?.python, folder: folder(name),
            size: try totalSize(directory), created: record?.created ?? modified / 1_000_000_000,
            lastUsed: record == nil ? nil : status.map { $0.modified / 1_000_000_000 },
            isComplete: record?.isComplete == true && record?.fingerprint == name,
            isForeign: status == nil && !wasBegun(name), isInUse: isInUse)
    }

    private func describe(_ name: String, _ records: CondaRecords) throws -> StoredEnvironment {
        let isInUse = try records.isInUse(name) || isLocked(name)
        let record = try records.read(name)
        let prefix = record?.prefix.map { FilePath($0) }
        let size = try prefix.flatMap { try? Directory(opening: $0) }.map(totalSize) ?? 0
        return StoredEnvironment(
            name: name, manager: CondaEnvironment.name, folder: prefix, size: size, created: record?.created,
            lastUsed: try records.lastUse(name), isComplete: try records.complete(name, marksUse: false) != nil,
            isForeign: false,
            isInUse: isInUse)
    }

    private func isLocked(_ name: String) throws -> Bool {
        let path = stateFolder.appending("locks").appending(name)
        guard fileStatus(path) != nil else { return false }
        return try FileLock.attempt(path) == nil
    }

    /// Adds up the files below a folder; what vanishes meanwhile counts as nothing.
    private func totalSize(_ directory: Directory) throws -> Int64 {
        var total: Int64 = 0
        var open = [directory]
        while let folder = open.popLast() {
            for (name, status) in (try? folder.list()) ?? [] {
                switch status.kind {
                case .file: total += status.size
                case .directory:
                    if let path = try? RelativePath(name), let child = try? folder.directory(path) {
                        open.append(child)
                    }
                case .link, .other: break
                }
            }
        }
        return total
    }

    /// Removes environments by a rule; those in use stay.
    ///
    /// - Parameters:
    ///   - now: seconds since 1970.
    ///   - isDryRun: only says what would be removed.
    ///   - processes: starts conda to remove its environments; without it they stay.
    /// - Returns: what was removed, in the order of the names.
    package func prune(
        _ rule: PruneRule, now: Int64 = secondsSince1970(), isDryRun: Bool = false, variables: [String: String],
        processes: (any ProcessStarter)?
    ) async throws -> [StoredEnvironment] {
        var removed: [StoredEnvironment] = []
        for environment in try await offPool({ try list() }) where rule.covers(environment, now: now) {
            let isConda = environment.manager == CondaEnvironment.name
            if isConda, processes == nil { continue }
            if !isDryRun {
                // A run may have begun to use or build it since it was listed.
                guard let lock = try FileLock.attempt(stateLock(environment.name)) else { continue }
                defer { withExtendedLifetime(lock) {} }
                if isConda, let processes {
                    guard try await removeConda(environment, variables, processes) else { continue }
                } else {
                    guard try await offPool({ try removeVirtual(environment.name) }) else { continue }
                }
            }
            removed.append(environment)
        }
        return removed
    }

    private func stateLock(_ name: String) throws -> FilePath {
        let folder = stateFolder.appending("locks")
        try makeFolders(folder)
        return folder.appending(name)
    }

    /// The mark goes first: whatever else happens, no run takes what is left for complete.
    private func removeVirtual(_ name: String) throws -> Bool {
        let root = try Directory(opening: self.root)
        let path = try RelativePath(name)
        let directory = try root.directory(path)
        let mark = try RelativePath(EnvironmentRecord.fileName)
        let hold = try EnvironmentLease.exclusive(EnvironmentRecord.fileName, in: directory)
        guard try hold != nil || directory.status(mark) == nil else { return false }
        defer { withExtendedLifetime(hold) {} }
        try directory.remove(mark)
        try root.remove(path)
        try unmarkBegun(name)
        return true
    }

    private func removeConda(
        _ environment: StoredEnvironment, _ variables: [String: String], _ processes: any ProcessStarter
    ) async throws -> Bool {
        let records = CondaRecords(root: root)
        guard let hold = try records.exclusive(environment.name) else { return false }
        defer { withExtendedLifetime(hold) {} }
        let installation = Installation(
            EnvironmentRequest(
                projectRoot: root, source: .noFile, variables: variables, root: root, processes: processes))
        let conda = try CondaInstallation(variables: variables)
        if try await conda.prefix(of: environment.name, installation) != nil {
            try await conda.remove(environment.name, installation)
        }
        try records.forget(environment.name)
        return true
    }
}

extension PruneRule {
    fileprivate func covers(_ environment: StoredEnvironment, now: Int64) -> Bool {
        if environment.isInUse || environment.isForeign { return false }
        guard environment.isComplete else { return removesIncomplete }
        guard let unusedFor, let lastUsed = environment.lastUsed else { return false }
        return now - lastUsed >= unusedFor.components.seconds
    }
}
