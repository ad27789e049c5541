import Crypto
package import Files
import NIOCore
import NIOHTTP1

// Writing to S3: one request for what is small, parts for what is not. An object appears when it is complete, never before.

extension S3ArtifactRepository {
    func store(_ file: LocalFile, as path: RelativePath, _ transfer: Transfer) async throws {
        let key = try keyForWriting(path)
        guard file.size > partThreshold else {
            let digest = try await file.digest(0..<file.size)
            try await transfer.retries.run { _ in
                _ = try await bucket.send(
                    .init(
                        method: .PUT, key: key, headers: bucket.settings.uploadHeaders,
                        body: .stream(digest: digest, length: file.size) { file.stream(0..<file.size) }))
            }
            try transfer.meter.add(bytes: Int(file.size))
            return
        }
        try await withParts(key) { upload in
            let size = partSize(for: file.size)
            let starts = Array(stride(from: 0, to: file.size, by: Int64.Stride(size)))
            return try await withThrowingTaskGroup(of: Part.self) { group in
                var parts: [Part] = []
                let parallelism = min(4, transfer.parallelism)
                for (index, start) in starts.enumerated() {
                    if index >= parallelism, let part = try await group.next() { parts.append(part) }
                    group.addTask {
                        let range = start..<min(start + size, file.size)
                        let part = try await send(file, range, number: index + 1, of: upload, key, transfer.retries)
                        try transfer.meter.add(bytes: range.count)
                        return part
                    }
                }
                for try await part in group { parts.append(part) }
                return parts
            }
        }
    }

    /// A stream can be read once, but a part of it must be hashed before it is sent, and sent again after a failure: so each part
    /// waits on the disk, and is sent while the next one arrives.
    ///
    /// Memory stays small however many write at once, and the disk holds no more than three parts of each.
    package func write(_ file: RelativePath, _ content: ByteStream, length: Int64?) async throws {
        let key = try keyForWriting(file)
        var source = StreamParts(content)
        let first = try await source.next(size: streamPartSize(1, length))
        if source.isAtEnd {
            try checkLength(source.received, length, file)
            try await RetryPolicy.standard.run { _ in
                _ = try await bucket.send(
                    .init(
                        method: .PUT, key: key, headers: bucket.settings.uploadHeaders, body: first.body))
            }
            return
        }
        try await withParts(key) { upload in
            try await withThrowingTaskGroup(of: Part.self) { group in
                var parts: [Part] = []
                var content = first
                var number = 1
                while true {
                    group.addTask { [content, number] in
                        try await send(content.body, number: number, of: upload, key, .standard)
                    }
                    if source.isAtEnd { break }
                    if number > 1, let part = try await group.next() { parts.append(part) }
                    number += 1
                    guard number <= Self.mostParts, source.received <= TransferLimits.standard.fileSize else {
                        throw ArtifactError(
                            .limit, "\(named(file)) is larger than \(TransferLimits.standard.fileSize) bytes")
                    }
                    content = try await source.next(size: streamPartSize(number, length))
                }
                try checkLength(source.received, length, file)
                for try await part in group { parts.append(part) }
                return parts
            }
        }
    }

    private func checkLength(_ arrived: Int64, _ declared: Int64?, _ file: RelativePath) throws(ArtifactError) {
        guard arrived == declared ?? arrived else {
            throw ArtifactError(
                .untrustedAnswer, "\(named(file)) was to have \(declared ?? 0) bytes, but \(arrived) arrived")
        }
    }

    func keyForWriting(_ path: RelativePath) throws(ArtifactError) -> String {
        guard !path.isRoot else {
            throw ArtifactError(.wrongKind, "the root '\(location)' is a folder and cannot be written as a file")
        }
        return try key(of: path)
    }

    /// S3 takes at most 10,000 parts of at least 5 MiB.
    static let mostParts = 10_000

    private func partSize(for size: Int64) -> Int64 { max(smallestPart, size / 9_000 + 1) }

    /// Where nobody knows how long a stream will be, its parts grow as it does.
    private func streamPartSize(_ number: Int, _ length: Int64?) -> Int64 {
        if let length { return partSize(for: length) }
        return smallestPart * (number <= 500 ? 1 : number <= 2_000 ? 4 : 16)
    }

    /// Creates a multipart upload, lets `body` send its parts, and completes it; on any failure the parts are deleted.
    private func withParts(_ key: String, _ body: (String) async throws -> [Part]) async throws {
        let upload = try await createUpload(key)
        do {
            try await completeUpload(upload, of: key, parts: try await body(upload).sorted { $0.number < $1.number })
        } catch {
            let failure = error
            // Also when this task was cancelled: parts that stay behind cost money. Owned by nobody, bounded by time-outs.
            await Task { [self] in try? await deleteUpload(upload, of: key) }.value
            throw failure
        }
    }

    private func send(
        _ file: LocalFile, _ range: Range<Int64>, number: Int, of upload: String, _ key: String, _ retries: RetryPolicy
    ) async throws -> Part {
        let digest = try await file.digest(range)
        let body = S3Bucket.Body.stream(digest: digest, length: Int64(range.count)) { file.stream(range) }
        return try await send(body, number: number, of: upload, key, retries)
    }

    private func send(
        _ body: S3Bucket.Body, number: Int, of upload: String, _ key: String, _ retries: RetryPolicy
    ) async throws -> Part {
        try await retries.run { _ in
            let response = try await bucket.send(
                .init(
                    method: .PUT, key: key, query: [("partNumber", String(number)), ("uploadId", upload)], body: body))
            guard let tag = response.headers.first(name: "ETag") else {
                throw ArtifactError(.untrustedAnswer, "'\(location)' took part \(number) without a tag for it")
            }
            return Part(number: number, tag: tag)
        }
    }
}

extension LocalFile {
    /// SHA-256 of a part of the file, lower-case hexadecimal.
    func digest(_ range: Range<Int64>) async throws -> String {
        var hash = SHA256()
        for try await buffer in stream(range) { buffer.add(to: &hash) }
        return hexadecimal(hash.finalize())
    }
}

extension ByteBuffer {
    /// SHA-256 of the readable bytes, lower-case hexadecimal.
    func digest() -> String {
        var hash = SHA256()
        add(to: &hash)
        return hexadecimal(hash.finalize())
    }

    func add(to hash: inout SHA256) {
        // The memory is read during the call only.
        unsafe withUnsafeReadableBytes { unsafe hash.update(bufferPointer: $0) }
    }
}
