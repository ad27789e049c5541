import NIOCore

/// Brings one body into a file, going on where it broke off when the other side can.
struct ResumableTransfer: Sendable {
    /// An answer that delivers the bytes from `offset` on.
    struct Source: Sendable {
        var body: ByteStream
        /// Where in the file the first byte belongs: what was asked for, or 0 if the other side starts over.
        var offset: Int64
        /// Bytes of the whole file, if they were declared.
        var totalSize: Int64?
        /// Proves that a later part belongs to the same content; without it a transfer starts over.
        var version: String?
    }

    var transfer: Transfer
    /// For messages.
    var name: String
    /// Asks for the bytes from an offset on; `version` is set when the offset is not the first one.
    var open: @Sendable (_ offset: Int64, _ version: String?) async throws -> Source

    /// Writes the bytes to their place in `target`; `range` limits the transfer to a part of the file.
    func run(to target: PartialFile, range: Range<Int64>? = nil) async throws {
        let start = range?.lowerBound ?? 0
        var written: Int64 = 0
        var version: String?
        try await transfer.retries.run { _ in
            if version == nil { try await startOver(&written, range: range, target) }
            let source = try await open(start + written, version)
            if source.offset != start + written {
                guard source.offset == start else {
                    throw ArtifactError(
                        .untrustedAnswer, "\(name): the other side sent another part than it was asked for")
                }
                try await startOver(&written, range: range, target)
            }
            version = source.version
            if let total = source.totalSize, range == nil { try await target.expect(size: total) }
            try await copy(source, to: target, start: start, end: range?.upperBound ?? source.totalSize, &written)
        }
    }

    private func startOver(_ written: inout Int64, range: Range<Int64>?, _ target: PartialFile) async throws {
        guard written > 0 else { return }
        transfer.meter.takeBack(bytes: written)
        written = 0
        if range == nil { try await target.truncate() }
    }

    private func copy(
        _ source: Source, to target: PartialFile, start: Int64, end: Int64?, _ written: inout Int64
    ) async throws {
        var pending = ByteBuffer()
        var pace = Pace(transfer.limits)
        func flush() async throws {
            guard pending.readableBytes > 0 else { return }
            try await target.write(pending, at: start + written)
            written += Int64(pending.readableBytes)
            pending.clear()
        }
        do {
            for try await buffer in source.body {
                let count = buffer.readableBytes
                if let end, start + written + Int64(pending.readableBytes + count) > end {
                    throw ArtifactError(.untrustedAnswer, "\(name): more bytes arrived than were declared")
                }
                try transfer.meter.add(bytes: count)
                try pace.note(count, name)
                if pending.readableBytes == 0 { pending = buffer } else { pending.writeImmutableBuffer(buffer) }
                if pending.readableBytes >= 1 << 20 { try await flush() }
            }
        } catch {
            // What arrived before the break is kept for the next attempt.
            let arrived = written + Int64(pending.readableBytes)
            do { try await flush() } catch {
                transfer.meter.takeBack(bytes: arrived - written)
                throw error
            }
            throw error
        }
        try await flush()
        if let end, start + written < end {
            throw ArtifactError(
                .unreachable, "\(name): \(end - start - written) of the declared bytes are missing", isTransient: true)
        }
    }
}

/// Notices a sender that is alive but sends next to nothing.
struct Pace {
    private let limits: TransferLimits
    private var since = ContinuousClock.now
    private var bytes = 0

    init(_ limits: TransferLimits) {
        self.limits = limits
    }

    mutating func note(_ count: Int, _ name: String) throws(ArtifactError) {
        bytes += count
        let elapsed = since.duration(to: .now)
        guard elapsed >= limits.slowestInterval else { return }
        guard bytes >= limits.slowestBytes else {
            throw ArtifactError(.stalled, "\(name): only \(bytes) bytes arrived in \(elapsed.components.seconds) s")
        }
        since = .now
        bytes = 0
    }
}
