package import Files
import NIOCore
import NIOHTTP1

/// Artifacts in an S3 bucket, or anything that speaks S3.
package struct S3ArtifactRepository: WholeFileTransfer {
    let address: S3Address
    let bucket: S3Bucket
    /// Larger files go in parts, several at once.
    var partThreshold: Int64 = 64 << 20
    var downloadPartSize: Int64 = 32 << 20
    /// No part of an upload but the last is smaller.
    var smallestPart: Int64 = 16 << 20

    package var location: String { "s3://\(address.bucket)\(address.prefix.isEmpty ? "" : "/\(address.prefix)")" }

    /// - Parameter uri: `s3://bucket/prefix`
    package init(_ uri: String, settings: S3Settings) throws {
        self.init(try S3Address(uri), settings: settings)
    }

    init(_ address: S3Address, settings: S3Settings) {
        self.address = address
        bucket = S3Bucket(address, settings)
    }

    package func list(_ folder: RelativePath) async throws -> [ArtifactEntry] {
        var entries: [ArtifactEntry] = []
        for try await page in try pages(below: prefix(of: folder), delimiter: "/") {
            for object in page.objects {
                // Consoles mark an empty folder by an object of the folder's own name.
                guard !object.name.isEmpty else { continue }
                entries.append(
                    ArtifactEntry(path: try child(object.name, of: folder), isDirectory: false, size: object.size))
            }
            for name in page.folders {
                entries.append(ArtifactEntry(path: try child(name, of: folder), isDirectory: true))
            }
            guard entries.count <= TransferLimits.standard.count else {
                throw ArtifactError(
                    .limit, "the listing of \(named(folder)) has more than \(TransferLimits.standard.count) entries")
            }
        }
        return entries.sorted { $0.path.string < $1.path.string }
    }

    package func entry(_ path: RelativePath) async throws -> ArtifactEntry? {
        if path.isRoot { return ArtifactEntry(path: path, isDirectory: true) }
        let response = try await bucket.send(.init(method: .HEAD, key: key(of: path)), accepting: [404])
        if response.status == .ok {
            // AHC takes the body of a HEAD for empty, whatever its declared length.
            return ArtifactEntry(path: path, isDirectory: false, size: response.contentLength)
        }
        for try await page in try pages(below: prefix(of: path), delimiter: "/", pageSize: 1) {
            return page.objects.isEmpty && page.folders.isEmpty ? nil : ArtifactEntry(path: path, isDirectory: true)
        }
        return nil
    }

    package func read(_ file: RelativePath, range: Range<Int64>?) async throws -> ArtifactContent {
        guard !file.isRoot else { throw ArtifactError(.wrongKind, "'\(location)' is a folder") }
        if let range, range.isEmpty { return .empty }
        let key = try key(of: file)
        let headers = range.map { [(name: "Range", value: "bytes=\($0.lowerBound)-\($0.upperBound - 1)")] } ?? []
        let response = try await bucket.send(.init(method: .GET, key: key, headers: headers))
        return try await content(of: response, try bucket.url(of: key, region: "region"), range: range)
    }

    package func delete(_ path: RelativePath) async throws {
        guard !path.isRoot else {
            throw ArtifactError(.invalidAddress, "the root '\(location)' itself is not deleted")
        }
        var names = [try key(of: path)]
        let below = try prefix(of: path)
        for try await page in pages(below: below, delimiter: nil) { names += page.objects.map { below + $0.name } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, key) in names.enumerated() {
                if index >= 16 { try await group.next() }
                group.addTask {
                    try await RetryPolicy.standard.run { _ in
                        _ = try await bucket.send(.init(method: .DELETE, key: key), accepting: [404])
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    func fetch(_ file: ArtifactEntry, to target: PartialFile, _ transfer: Transfer) async throws {
        let key = try key(of: file.path)
        guard let size = file.size, size > partThreshold else {
            try await resumable(key, file.path, transfer, version: nil).run(to: target)
            return
        }
        try await target.expect(size: size)
        // All parts must be of one content: the tag of the first answer is demanded of the others.
        let head = try await bucket.send(.init(method: .HEAD, key: key))
        let version = head.headers.first(name: "ETag")
        try await withThrowingTaskGroup(of: Void.self) { group in
            var running = 0
            let parallelism = min(4, transfer.parallelism)
            for start in stride(from: 0, to: size, by: Int64.Stride(downloadPartSize)) {
                if running >= parallelism {
                    try await group.next()
                    running -= 1
                }
                let range = start..<min(start + downloadPartSize, size)
                group.addTask {
                    try await resumable(key, file.path, transfer, version: version, range: range)
                        .run(to: target, range: range)
                }
                running += 1
            }
            try await group.waitForAll()
        }
    }

    private func resumable(
        _ key: String, _ path: RelativePath, _ transfer: Transfer, version: String?, range: Range<Int64>? = nil
    ) -> ResumableTransfer {
        ResumableTransfer(transfer: transfer, name: named(path)) { [bucket] offset, known in
            var headers: [(name: String, value: String)] = []
            if offset > 0 || range != nil {
                headers.append(("Range", "bytes=\(offset)-\(range.map { String($0.upperBound - 1) } ?? "")"))
            }
            if let version = version ?? known { headers.append(("If-Match", version)) }
            let response = try await bucket.send(.init(method: .GET, key: key, headers: headers))
            return try await HTTPDownload.source(
                of: response, from: try bucket.url(of: key, region: "region"), offset: offset)
        }
    }

    // MARK: Keys

    func key(of path: RelativePath) throws(ArtifactError) -> String {
        let key = [address.prefix, path.isRoot ? "" : path.string].filter { !$0.isEmpty }.joined(separator: "/")
        guard key.utf8.count <= 1_024 else {
            throw ArtifactError(.invalidAddress, "\(named(path)) is longer than the 1024 bytes of an S3 key")
        }
        return key
    }

    /// What the keys of a folder's content begin with.
    private func prefix(of folder: RelativePath) throws(ArtifactError) -> String {
        let key = try key(of: folder)
        return key.isEmpty ? "" : "\(key)/"
    }

    private func child(_ name: String, of folder: RelativePath) throws(ArtifactError) -> RelativePath {
        try listedPath(
            name, in: folder, of: named(folder), remedy: "rename that object, or read the others by their own paths")
    }

    // MARK: Listing

    private struct Page: Sendable {
        /// Names without the common prefix.
        var objects: [(name: String, size: Int64?)] = []
        var folders: [String] = []
        var next: String?
    }

    private func pages(
        below prefix: String, delimiter: String?, pageSize: Int = 1_000
    ) -> AsyncThrowingStream<Page, any Error> {
        let cursor = PageCursor()
        return AsyncThrowingStream {
            guard let token = await cursor.take() else { return nil }
            let page = try await page(below: prefix, delimiter: delimiter, size: pageSize, token: token)
            try await cursor.advance(to: page.next)
            return page
        }
    }

    private func page(below prefix: String, delimiter: String?, size: Int, token: String) async throws -> Page {
        var query = [
            (name: "list-type", value: "2"), (name: "prefix", value: prefix), (name: "encoding-type", value: "url"),
            (name: "max-keys", value: String(size)),
        ]
        if let delimiter { query.append(("delimiter", delimiter)) }
        if !token.isEmpty { query.append(("continuation-token", token)) }
        let request = S3Bucket.Request(method: .GET, query: query)
        let (response, bytes) = try await RetryPolicy.standard.run { _ in
            let response = try await bucket.send(request)
            return (
                response,
                try await response.collectedBody(limit: 16 << 20, from: try bucket.url(of: "", region: "region"))
            )
        }
        let document = try XMLElement(parsing: bytes)
        guard document.name == "ListBucketResult" else {
            throw ArtifactError(
                .untrustedAnswer,
                "'\(location)' answered a listing with '\(document.name)' (status \(response.status.code))")
        }
        let isEncoded = document.text(of: "EncodingType") == "url"
        func name(_ element: XMLElement, _ field: String) throws -> String {
            let text = element.text(of: field) ?? ""
            guard let key = isEncoded ? percentDecoded(text, plusIsSpace: true) : text, key.hasPrefix(prefix) else {
                throw ArtifactError(
                    .untrustedAnswer,
                    "the listing of '\(location)' has a key outside of what was asked for: '\(text.prefix(200))'")
            }
            return String(key.dropFirst(prefix.count))
        }
        var page = Page()
        page.objects = try document.all("Contents").map {
            (try name($0, "Key"), $0.text(of: "Size").flatMap { Int64($0) })
        }
        page.folders = try document.all("CommonPrefixes").map { element in
            let name = try name(element, "Prefix")
            return name.hasSuffix("/") ? String(name.dropLast()) : name
        }
        if document.text(of: "IsTruncated") == "true" {
            guard let next = document.text(of: "NextContinuationToken"), !next.isEmpty else {
                throw ArtifactError(
                    .untrustedAnswer, "the listing of '\(location)' is cut off and does not say how it goes on")
            }
            page.next = next
        }
        return page
    }
}

/// Where a listing of several pages goes on; a store that sends us in circles is found out.
private actor PageCursor {
    private var token: String? = ""
    private var pages = 0

    func take() -> String? { token }

    func advance(to next: String?) throws {
        pages += 1
        guard next == nil || (next != token && pages < 10_000) else {
            throw ArtifactError(.untrustedAnswer, "a listing repeats itself or has no end")
        }
        token = next
    }
}
