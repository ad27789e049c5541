package import Files
import NIOHTTP1

/// Lets others read and write single files of a repository by themselves, with addresses that carry the permission and expire.
///
/// A server that keeps artifacts for its clients so spares itself their bytes.
package protocol DirectAccess: ArtifactRepository {
    /// Begins an upload in so many parts; the file appears when it is completed.
    func createUpload(_ file: RelativePath, parts: Int) async throws -> DirectUpload

    func completeUpload(_ upload: String, of file: RelativePath, parts: [DirectUpload.SentPart]) async throws

    /// Deletes the parts of an upload; one that is unknown, or over, is no error.
    func abortUpload(_ upload: String, of file: RelativePath) async throws

    /// - Throws: `ArtifactError` with `notFound` when there is no such file.
    func downloadAddress(of file: RelativePath, seconds: Int, disposition: String) async throws -> DirectDownload
}

/// An upload that somebody else carries out.
package struct DirectUpload: Sendable {
    package var id: String
    /// Where to PUT each part, in the order of their numbers from 1.
    package var parts: [Address]

    package struct Address: Sendable {
        package var url: String
        /// To be sent with the request as they are.
        package var headers: [(name: String, value: String)]
    }

    package struct SentPart: Sendable {
        package var number: Int
        package var tag: String

        package init(number: Int, tag: String) {
            self.number = number
            self.tag = tag
        }
    }
}

/// Where somebody else finds a file for a while.
package struct DirectDownload: Sendable {
    package var address: DirectUpload.Address
    package var size: Int64?
}

extension S3ArtifactRepository: DirectAccess {
    /// How long the parts of an upload may be sent.
    private static let uploadSeconds = 3_600

    package func createUpload(_ file: RelativePath, parts: Int) async throws -> DirectUpload {
        let key = try keyForWriting(file)
        guard (1...Self.mostParts).contains(parts) else {
            throw ArtifactError(
                .limit, "an upload in \(parts) parts is not possible", remedy: "use 1 to \(Self.mostParts) parts")
        }
        let upload = try await createUpload(key)
        var addresses: [DirectUpload.Address] = []
        for number in 1...parts {
            let (url, headers) = try await bucket.presigned(
                .init(method: .PUT, key: key, query: [("partNumber", String(number)), ("uploadId", upload)]),
                seconds: Self.uploadSeconds)
            addresses.append(DirectUpload.Address(url: url, headers: headers))
        }
        return DirectUpload(id: upload, parts: addresses)
    }

    package func completeUpload(
        _ upload: String, of file: RelativePath, parts: [DirectUpload.SentPart]
    ) async throws {
        let ordered = parts.sorted { $0.number < $1.number }.map { Part(number: $0.number, tag: $0.tag) }
        try await completeUpload(upload, of: try keyForWriting(file), parts: ordered)
    }

    package func abortUpload(_ upload: String, of file: RelativePath) async throws {
        try await deleteUpload(upload, of: try keyForWriting(file))
    }

    package func downloadAddress(
        of file: RelativePath, seconds: Int, disposition: String
    ) async throws -> DirectDownload {
        guard let entry = try await entry(file) else { throw notFound(file) }
        guard !entry.isDirectory else { throw ArtifactError(.wrongKind, "\(named(file)) is a folder") }
        let (url, headers) = try await bucket.presigned(
            .init(
                method: .GET, key: try key(of: file), query: [("response-content-disposition", disposition)]),
            seconds: seconds)
        return DirectDownload(address: DirectUpload.Address(url: url, headers: headers), size: entry.size)
    }
}
