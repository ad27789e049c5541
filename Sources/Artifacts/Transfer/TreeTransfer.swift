import Files
import SystemPackage

/// Brings a file or a whole folder of any repository into a local folder.
struct TreeDownload<Repository: ArtifactRepository>: Sendable {
    let repository: Repository
    let folder: Directory
    let transfer: Transfer

    func run(_ path: RelativePath) async throws -> FilePath {
        guard let name = path.lastComponent else {
            try await downloadFolder(path, to: .root)
            return folder.path
        }
        let target = try RelativePath.root.appending(name)
        guard let entry = try await repository.entry(path) else { throw repository.notFound(path) }
        if entry.isDirectory {
            try await downloadFolder(path, to: target)
        } else {
            try await download(entry, to: target)
        }
        return folder.path.appending(name)
    }

    /// Lists breadth-first and fetches files as they are found, a bounded number at once.
    private func downloadFolder(_ root: RelativePath, to target: RelativePath) async throws {
        try await onBlockingThread { [folder] in try folder.makeDirectory(target) }
        var folders = [(source: root, target: target, depth: 0)]
        try await withThrowingTaskGroup(of: Void.self) { group in
            var running = 0
            while let next = folders.popLast() {
                guard next.depth < transfer.limits.depth else {
                    throw ArtifactError(
                        .limit, "\(repository.named(next.source)) lies more than \(transfer.limits.depth) folders deep")
                }
                let entries = try checkedListing(
                    try await repository.list(next.source), of: next.source, in: repository, limits: transfer.limits)
                for entry in entries {
                    try transfer.meter.addEntry()
                    guard let name = entry.path.lastComponent else { continue }
                    let entryTarget = try next.target.appending(name)
                    if entry.isDirectory {
                        try await onBlockingThread { [folder] in try folder.makeDirectory(entryTarget) }
                        folders.append((entry.path, entryTarget, next.depth + 1))
                    } else {
                        if running >= transfer.parallelism {
                            try await group.next()
                            running -= 1
                        }
                        group.addTask { try await download(entry, to: entryTarget) }
                        running += 1
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private func download(_ entry: ArtifactEntry, to target: RelativePath) async throws {
        let file = try await PartialFile(at: target, in: folder, limits: transfer.limits)
        if let size = entry.size { try await file.expect(size: size) }
        if let whole = repository as? any WholeFileTransfer {
            try await whole.fetch(entry, to: file, transfer)
        } else {
            let repository = repository
            try await ResumableTransfer(transfer: transfer, name: repository.named(entry.path)) { offset, version in
                let content = try await repository.read(entry.path, range: nil)
                return .init(body: content.body, offset: 0, totalSize: content.totalSize, version: content.version)
            }.run(to: file)
        }
        try await file.commit()
        transfer.meter.finishFile()
    }
}

/// What a listing may say (row D-07): direct children of the folder, each once, not the folder itself, in a bounded number.
///
/// The names themselves are checked where they become `RelativePath`s.
func checkedListing(
    _ entries: [ArtifactEntry], of folder: RelativePath, in repository: some ArtifactRepository, limits: TransferLimits
) throws(ArtifactError) -> [ArtifactEntry] {
    func refused(_ what: String) -> ArtifactError {
        ArtifactError(
            .untrustedAnswer, "the listing of \(repository.named(folder)) \(what)",
            remedy: "nothing of it is used; ask whoever runs that store")
    }
    guard entries.count <= limits.count else {
        throw ArtifactError(.limit, "the listing of \(repository.named(folder)) has more than \(limits.count) entries")
    }
    var seen = Set<RelativePath>()
    for entry in entries {
        guard entry.path != folder else { throw refused("names the folder itself") }
        guard entry.path.parent == folder else { throw refused("names '\(entry.path)', which lies elsewhere") }
        guard seen.insert(entry.path).inserted else { throw refused("names '\(entry.path)' twice") }
        guard entry.size ?? 0 >= 0 else { throw refused("gives '\(entry.path)' a negative size") }
    }
    return entries
}

/// Copies a local file or folder into any repository.
struct TreeUpload<Repository: ArtifactRepository>: Sendable {
    let repository: Repository
    let transfer: Transfer

    func run(_ local: FilePath, to path: RelativePath) async throws {
        // The operator's own path: a link to the folder or file is followed, links inside are not.
        guard let status = try await onBlockingThread({ fileStatus(local) }) else {
            throw ArtifactError(.notFound, "there is no file or folder '\(local)' to upload")
        }
        switch status.kind {
        case .directory:
            let folder = try await onBlockingThread { try Directory(opening: local) }
            try await uploadFolder(folder, to: path)
        case .file:
            guard !path.isRoot else {
                throw ArtifactError(
                    .wrongKind, "the file '\(local)' cannot be the root of '\(repository.location)'",
                    remedy: "name it inside the root")
            }
            let descriptor = try await onBlockingThread {
                try FileDescriptor.open(local, .readOnly, options: [.closeOnExec, .nonBlocking])
            }
            try await upload(LocalFile(descriptor, size: status.size, shown: local.string), to: path)
        case .link, .other:
            throw ArtifactError(.wrongKind, "'\(local)' is neither a file nor a folder")
        }
    }

    private func uploadFolder(_ folder: Directory, to path: RelativePath) async throws {
        var pending = [(source: RelativePath.root, depth: 0)]
        try await withThrowingTaskGroup(of: Void.self) { group in
            var running = 0
            while let next = pending.popLast() {
                guard next.depth < transfer.limits.depth else {
                    throw ArtifactError(
                        .limit, "'\(folder.path)/\(next.source)' lies more than \(transfer.limits.depth) folders deep")
                }
                for entry in try await onBlockingThread({ try folder.list(next.source) }) {
                    try transfer.meter.addEntry()
                    let source = try next.source.appending(entry.name)
                    switch entry.status.kind {
                    case .directory: pending.append((source, next.depth + 1))
                    case .file:
                        if running >= transfer.parallelism {
                            try await group.next()
                            running -= 1
                        }
                        group.addTask {
                            try await upload(LocalFile.open(source, in: folder), to: path.appending(source))
                        }
                        running += 1
                    case .link, .other:
                        throw ArtifactError(
                            .wrongKind, "'\(folder.path)/\(source)' is neither a file nor a folder; it is not uploaded",
                            remedy: "replace a link by what it points to, or upload the rest without it")
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private func upload(_ file: LocalFile, to path: RelativePath) async throws {
        guard file.size <= transfer.limits.fileSize else {
            throw ArtifactError(.limit, "'\(file.shown)' is larger than the limit of \(transfer.limits.fileSize) bytes")
        }
        if let whole = repository as? any WholeFileTransfer {
            try await whole.store(file, as: path, transfer)
        } else {
            try await transfer.retries.run { _ in
                try await repository.write(path, file.stream(0..<file.size), length: file.size)
            }
            try transfer.meter.add(bytes: Int(file.size))
        }
        transfer.meter.finishFile()
    }
}
