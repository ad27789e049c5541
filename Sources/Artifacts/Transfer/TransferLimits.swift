import Synchronization

/// How much may be transferred at once.
///
/// What comes from outside has a limit, always.
package struct TransferLimits: Sendable, Hashable {
    /// Bytes of one file.
    package var fileSize: Int64 = 256 << 30
    /// Bytes of everything together.
    package var totalSize: Int64 = 512 << 30
    /// Files and folders.
    package var count = 200_000
    /// Folders within folders.
    package var depth = 64
    /// Bytes that must stay free on the disk.
    package var reservedSpace: Int64 = 128 << 20
    /// Fewer bytes than this in `slowestInterval` count as a stall.
    package var slowestBytes = 1_024
    package var slowestInterval: Duration = .seconds(30)

    package init() {}

    package static let standard = TransferLimits()
}

/// What has been transferred so far.
package struct TransferProgress: Sendable, Hashable {
    package var bytes: Int64 = 0
    package var files = 0
}

/// One transfer, whole or of many files: its limits, its retries, and who wants to know how far it is.
package struct Transfer: Sendable {
    package var limits: TransferLimits
    package var retries: RetryPolicy
    /// How many files or parts at once.
    package var parallelism: Int
    let meter: TransferMeter

    package init(
        limits: TransferLimits = .standard, retries: RetryPolicy = .standard, parallelism: Int = 8,
        onProgress: (@Sendable (TransferProgress) -> Void)? = nil
    ) {
        self.limits = limits
        self.retries = retries
        self.parallelism = max(1, parallelism)
        meter = TransferMeter(limits: limits, onProgress: onProgress)
    }
}

/// Counts what a transfer moves and stops it at its limits.
final class TransferMeter: Sendable {
    private let limits: TransferLimits
    private let onProgress: (@Sendable (TransferProgress) -> Void)?
    private let moved = Mutex((progress: TransferProgress(), entries: 0))

    init(limits: TransferLimits, onProgress: (@Sendable (TransferProgress) -> Void)?) {
        self.limits = limits
        self.onProgress = onProgress
    }

    var progress: TransferProgress { moved.withLock { $0.progress } }

    func add(bytes: Int) throws(ArtifactError) {
        let progress = moved.withLock { moved in
            moved.progress.bytes += Int64(bytes)
            return moved.progress
        }
        onProgress?(progress)
        guard progress.bytes <= limits.totalSize else {
            throw ArtifactError(.limit, "the transfer is larger than \(limits.totalSize) bytes")
        }
    }

    /// Takes back what a failed attempt had counted.
    func takeBack(bytes: Int64) {
        moved.withLock { $0.progress.bytes -= bytes }
    }

    /// A file or folder was met.
    func addEntry() throws(ArtifactError) {
        let count = moved.withLock { moved in
            moved.entries += 1
            return moved.entries
        }
        guard count <= limits.count else {
            throw ArtifactError(.limit, "the transfer has more than \(limits.count) files and folders")
        }
    }

    func finishFile() {
        let progress = moved.withLock { moved in
            moved.progress.files += 1
            return moved.progress
        }
        onProgress?(progress)
    }
}
