package import Files
import NIOHTTP1
package import SystemPackage

/// A plain web address as a repository of exactly one file, its root.
package struct HTTPFileSource: WholeFileTransfer {
    private let url: HTTPURL
    private let credentials: HTTPCredentials
    private let client: HTTPDownload

    package var location: String { url.description }

    package init(_ url: HTTPURL, http: OutgoingHTTP, credentials: HTTPCredentials = .none, tls: TLSOptions = .standard)
    {
        self.url = url
        self.credentials = credentials
        client = HTTPDownload(http: http, tls: tls)
    }

    /// The name a downloaded copy gets: the last segment of the address as it was typed, never what a server proposes.
    ///
    /// - Throws: when that is no name for a file (`..`, an encoded slash, NUL, over 255 bytes).
    package static func fileName(of url: HTTPURL) throws(ArtifactError) -> String {
        let segment = url.path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        guard !segment.isEmpty else { return "download" }
        let remedy = "download it yourself and give the local path"
        do {
            let path = try RelativePath(percentEncoded: String(segment))
            guard path.components.count == 1, let name = path.lastComponent,
                !name.hasPrefix(AtomicFile.temporaryPrefix)
            else {
                throw ArtifactError(
                    .invalidAddress, "the last part of '\(url)' is not a name for a file", remedy: remedy)
            }
            return name
        } catch let error as PathRefusal {
            throw ArtifactError(
                .invalidAddress, "the last part of '\(url)' is not a name for a file: it \(error.reason)",
                remedy: remedy)
        } catch let error as ArtifactError {
            throw error
        } catch {
            throw ArtifactError(.invalidAddress, "'\(url)': \(error)")
        }
    }

    package func list(_ folder: RelativePath) async throws -> [ArtifactEntry] { [] }

    package func entry(_ path: RelativePath) async throws -> ArtifactEntry? {
        path.isRoot ? ArtifactEntry(path: path, isDirectory: false) : nil
    }

    package func read(_ file: RelativePath, range: Range<Int64>?) async throws -> ArtifactContent {
        guard file.isRoot else { throw notFound(file) }
        if let range, range.isEmpty { return .empty }
        let answer = try await client.answer(
            url, headers: range.map { ["Range": "bytes=\($0.lowerBound)-\($0.upperBound - 1)"] } ?? [:],
            credentials: credentials)
        return try await content(of: answer.response, url, range: range)
    }

    package func write(_ file: RelativePath, _ content: ByteStream, length: Int64?) async throws { throw readOnly() }

    package func delete(_ path: RelativePath) async throws { throw readOnly() }

    func fetch(_ file: ArtifactEntry, to target: PartialFile, _ transfer: Transfer) async throws {
        try await client.fetch(url, credentials: credentials, to: target, transfer)
    }

    func store(_ file: LocalFile, as path: RelativePath, _ transfer: Transfer) async throws { throw readOnly() }

    package func download(_ path: RelativePath, into folder: Directory, _ transfer: Transfer) async throws -> FilePath {
        guard path.isRoot else { throw notFound(path) }
        let name = try Self.fileName(of: url)
        let target = try await PartialFile(at: RelativePath(name), in: folder, limits: transfer.limits)
        try await fetch(ArtifactEntry(path: path, isDirectory: false), to: target, transfer)
        try await target.commit()
        transfer.meter.finishFile()
        return folder.path.appending(name)
    }

    private func readOnly() -> ArtifactError {
        ArtifactError(.denied, "'\(location)' is a web address; nothing can be written or deleted there")
    }
}

/// An answer to a GET, with or without a range, as content.
func content(of response: IncomingResponse, _ url: HTTPURL, range: Range<Int64>?) async throws -> ArtifactContent {
    let source = try await HTTPDownload.source(of: response, from: url, offset: range?.lowerBound ?? 0)
    guard let range else {
        return ArtifactContent(
            body: source.body, length: source.totalSize, totalSize: source.totalSize, version: source.version)
    }
    // A server that ignores ranges sends the whole; we cut it here.
    let isWhole = response.status.code != 206
    guard isWhole || source.offset == range.lowerBound else {
        throw ArtifactError(.untrustedAnswer, "'\(url)' sent another part of the file than it was asked for")
    }
    let end = Swift.min(range.upperBound, source.totalSize ?? range.upperBound)
    let length = source.totalSize == nil ? nil : max(0, end - range.lowerBound)
    return ArtifactContent(
        body: isWhole ? source.body.part(range) : source.body, length: length, totalSize: source.totalSize,
        version: source.version)
}
