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

    /// A stream can be read once, but must be hashed before it is sent and sent again after a failure: what is more
    /// than a little is first put on the disk.
    ///
    /// So nothing reaches S3 before it is complete, and memory stays small however many write at once.
    package func write(_ file: RelativePath, _ content: ByteStream, length: Int64?) async throws {
        let key = try keyForWriting(file)
        var iterator = content.makeAsyncIterator()
        var beginning = ByteBuffer()
        while beginning.readableBytes <= 1 << 20 {
            if var buffer = try await iterator.next() {
                beginning.writeBuffer(&buffer)
                continue
            }
            try checkLength(Int64(beginning.readableBytes), length, file)
            let body = beginning
            try await RetryPolicy.standard.run { _ in
                _ = try await bucket.send(
                    .init(method: .PUT, key: key, headers: bucket.settings.uploadHeaders, body: .bytes(body)))
            }
            return
        }
        let folder = try TemporaryDirectory()
        let name = try RelativePath("upload")
        let spool = try await PartialFile(at: name, in: folder.directory, limits: .standard)
        var written: Int64 = 0
        var next: ByteBuffer? = beginning
        while let buffer = next {
            try await spool.write(buffer, at: written)
            written += Int64(buffer.readableBytes)
            next = try await iterator.next()
        }
        try checkLength(written, length, file)
        try await spool.commit()
        try await store(LocalFile.open(name, in: folder.directory), as: file, Transfer())
    }

    private func checkLength(_ arrived: Int64, _ declared: Int64?, _ file: RelativePath) throws(ArtifactError) {
        guard arrived == declared ?? arrived else {
            throw ArtifactError(
                .untrustedAnswer, "\(named(file)) was to have \(declared ?? 0) bytes, but \(arrived) arrived")
        }
    }

    private struct Part: Sendable {
        var number: Int
        var tag: String
    }

    private func keyForWriting(_ path: RelativePath) throws(ArtifactError) -> String {
        guard !path.isRoot else {
            throw ArtifactError(.wrongKind, "the root '\(location)' is a folder and cannot be written as a file")
        }
        return try key(of: path)
    }

    /// S3 takes at most 10,000 parts of at least 5 MiB.
    private func partSize(for size: Int64) -> Int64 { max(16 << 20, size / 9_000 + 1) }

    /// Creates a multipart upload, lets `body` send its parts, and completes it; on any failure the parts are deleted.
    private func withParts(_ key: String, _ body: (String) async throws -> [Part]) async throws {
        let url = try bucket.url(of: key, region: "region")
        let created = try await RetryPolicy.standard.run { _ in
            try await bucket.send(
                .init(method: .POST, key: key, query: [("uploads", "")], headers: bucket.settings.uploadHeaders)
            ).collectedBody(limit: 1 << 20, from: url)
        }
        guard let upload = try XMLElement(parsing: created).text(of: "UploadId"), !upload.isEmpty else {
            throw ArtifactError(.untrustedAnswer, "'\(location)' gave no number for an upload in parts")
        }
        do {
            let parts = try await body(upload).sorted { $0.number < $1.number }
            let list = parts.map {
                "<Part><PartNumber>\($0.number)</PartNumber><ETag>\(xmlEscaped($0.tag))</ETag></Part>"
            }
            let document = "<CompleteMultipartUpload>\(list.joined())</CompleteMultipartUpload>"
            try await RetryPolicy.standard.run { _ in
                let answer = try await bucket.send(
                    .init(
                        method: .POST, key: key, query: [("uploadId", upload)],
                        body: .bytes(ByteBuffer(string: document)))
                ).collectedBody(limit: 1 << 20, from: url)
                // The status is sent before the work is done; a failure comes in the body.
                if let error = try? XMLElement(parsing: answer), error.name == "Error" {
                    let code = error.text(of: "Code") ?? "unknown"
                    throw ArtifactError(
                        .status(500), "'s3://\(address.bucket)/\(key)' could not be put together: \(code)",
                        isTransient: ["InternalError", "SlowDown"].contains(code))
                }
            }
        } catch {
            let failure = error
            // Also when this task was cancelled: parts that stay behind cost money. Owned by nobody, bounded by time-outs.
            let bucket = bucket
            await Task {
                _ = try? await bucket.send(.init(method: .DELETE, key: key, query: [("uploadId", upload)]))
            }.value
            throw failure
        }
    }

    private func send(
        _ file: LocalFile, _ range: Range<Int64>, number: Int, of upload: String, _ key: String, _ retries: RetryPolicy
    ) async throws -> Part {
        let digest = try await file.digest(range)
        return try await retries.run { _ in
            let response = try await bucket.send(
                .init(
                    method: .PUT, key: key, query: [("partNumber", String(number)), ("uploadId", upload)],
                    body: .stream(digest: digest, length: Int64(range.count)) { file.stream(range) }))
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

    fileprivate func add(to hash: inout SHA256) {
        // The memory is read during the call only.
        unsafe withUnsafeReadableBytes { unsafe hash.update(bufferPointer: $0) }
    }
}

private func xmlEscaped(_ text: String) -> String {
    text.reduce(into: "") { escaped, character in
        switch character {
        case "&": escaped += "&amp;"
        case "<": escaped += "&lt;"
        case ">": escaped += "&gt;"
        case "\"": escaped += "&quot;"
        default: escaped.append(character)
        }
    }
}
