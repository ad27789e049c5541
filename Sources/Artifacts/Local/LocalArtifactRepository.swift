package import Files
import NIOCore
package import SystemPackage

/// Artifacts in a folder of this machine, exactly under their paths and nothing else.
///
/// Everything below the root is reached through a handle: a link is neither followed nor listed, and a delete removes at most the link.
package struct LocalArtifactRepository: WholeFileTransfer {
    package let root: FilePath

    package var location: String { root.string }

    /// The folder need not exist yet; it is made by the first write.
    package init(root: FilePath) {
        self.root = root
    }

    package func list(_ folder: RelativePath) async throws -> [ArtifactEntry] {
        try await onBlockingThread {
            guard let directory = try existingRoot() else { return [] }
            guard try folder.isRoot || directory.status(folder)?.kind == .directory else { return [] }
            return try directory.list(folder).compactMap { name, status in
                // A name no path from outside may have cannot be asked for either; a file being written is not there yet.
                guard status.kind == .file || status.kind == .directory, !name.hasPrefix(AtomicFile.temporaryPrefix),
                    let path = try? folder.appending(name)
                else { return nil }
                return entry(path, status)
            }
        }
    }

    package func entry(_ path: RelativePath) async throws -> ArtifactEntry? {
        try await onBlockingThread {
            guard let directory = try existingRoot() else { return nil }
            if path.isRoot { return ArtifactEntry(path: path, isDirectory: true) }
            guard let status = try directory.status(path) else { return nil }
            guard status.kind == .file || status.kind == .directory else { throw refusal(of: path, status) }
            return entry(path, status)
        }
    }

    package func read(_ file: RelativePath, range: Range<Int64>?) async throws -> ArtifactContent {
        let opened = try await openFile(file)
        let part = (range ?? 0..<opened.size).clamped(to: 0..<opened.size)
        return ArtifactContent(
            body: opened.stream(part), length: Int64(part.count), totalSize: opened.size)
    }

    package func write(_ file: RelativePath, _ content: ByteStream, length: Int64?) async throws {
        try await put(at: file, limits: .standard) { target in
            var written: Int64 = 0
            for try await buffer in content {
                try await target.write(buffer, at: written)
                written += Int64(buffer.readableBytes)
            }
            guard written == length ?? written else {
                throw ArtifactError(
                    .untrustedAnswer, "\(named(file)) was to have \(length ?? 0) bytes, but \(written) arrived")
            }
        }
    }

    package func delete(_ path: RelativePath) async throws {
        guard !path.isRoot else {
            throw ArtifactError(.invalidAddress, "the root '\(location)' itself is not deleted")
        }
        try await onBlockingThread {
            guard let directory = try existingRoot() else { return }
            do { try directory.remove(path) } catch let error as FileError where error.errno == .noSuchFileOrDirectory {
                // Someone else deleted it at the same moment: what was asked for is so.
                return
            }
        }
    }

    func fetch(_ file: ArtifactEntry, to target: PartialFile, _ transfer: Transfer) async throws {
        let source = try await openFile(file.path)
        try await target.expect(size: source.size)
        try await copy(source, to: target, transfer)
    }

    func store(_ file: LocalFile, as path: RelativePath, _ transfer: Transfer) async throws {
        try await put(at: path, limits: transfer.limits) { target in
            try await target.expect(size: file.size)
            try await copy(file, to: target, transfer)
        }
    }

    private func copy(_ source: LocalFile, to target: PartialFile, _ transfer: Transfer) async throws {
        let cancelled = CancellationFlag()
        try await withTaskCancellationHandler {
            try await onBlockingThread {
                try copyContent(of: source.descriptor, to: target.descriptor, shown: target.shown) { count in
                    if cancelled.isSet { throw CancellationError() }
                    try transfer.meter.add(bytes: count)
                }
            }
        } onCancel: {
            cancelled.set()
        }
    }

    private func put(
        at path: RelativePath, limits: TransferLimits, _ fill: (PartialFile) async throws -> Void
    ) async throws {
        guard !path.isRoot else {
            throw ArtifactError(.wrongKind, "the root '\(location)' is a folder and cannot be written as a file")
        }
        let directory = try await onBlockingThread {
            let directory = try Directory(creating: root)
            do throws(FileError) {
                try directory.makeDirectory(path.parent)
                guard try directory.status(path)?.kind != .directory else {
                    throw FileError("write", named(path), .isDirectory)
                }
            } catch {
                throw refusal(error, path)
            }
            return directory
        }
        let target = try await PartialFile(at: path, in: directory, limits: limits)
        try await fill(target)
        try await target.commit()
    }

    private func openFile(_ path: RelativePath) async throws -> LocalFile {
        guard !path.isRoot else { throw ArtifactError(.wrongKind, "'\(location)' is a folder") }
        return try await onBlockingThread {
            guard let directory = try existingRoot(), let status = try directory.status(path) else {
                throw notFound(path)
            }
            guard status.kind == .file else { throw refusal(of: path, status) }
            do throws(FileError) {
                return LocalFile(try directory.openFile(path), size: status.size, shown: named(path))
            } catch {
                throw refusal(error, path)
            }
        }
    }

    private func existingRoot() throws(FileError) -> Directory? {
        do throws(FileError) { return try Directory(opening: root) } catch {
            if error.errno == .noSuchFileOrDirectory { return nil }
            throw error
        }
    }

    private func entry(_ path: RelativePath, _ status: FileStatus) -> ArtifactEntry {
        ArtifactEntry(
            path: path, isDirectory: status.kind == .directory, size: status.kind == .file ? status.size : nil)
    }

    private func refusal(of path: RelativePath, _ status: FileStatus) -> ArtifactError {
        switch status.kind {
        case .link: ArtifactError(.denied, "\(named(path)) is a link; links are not followed")
        case .directory: ArtifactError(.wrongKind, "\(named(path)) is a folder")
        case .file, .other: ArtifactError(.wrongKind, "\(named(path)) is not a regular file")
        }
    }

    /// What the file system's refusal means to someone who asked for an artifact.
    private func refusal(_ error: FileError, _ path: RelativePath) -> any Error {
        switch error.errno {
        case .noSuchFileOrDirectory: notFound(path)
        case .tooManySymbolicLinkLevels, .improperLink:
            ArtifactError(.denied, "\(named(path)) leads through a link; links are not followed")
        case .notDirectory, .fileExists:
            ArtifactError(.wrongKind, "\(named(path)) lies below a file")
        case .isDirectory: ArtifactError(.wrongKind, "\(named(path)) is a folder")
        case .fileNameTooLong: ArtifactError(.invalidAddress, "\(named(path)) has a name that is too long")
        default: error
        }
    }
}
