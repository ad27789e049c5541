import Artifacts
import Files
import Hummingbird
import JSON
import Tracking

/// Large files past the server: clients send parts to the storage, and fetch files there, with addresses that we sign.
struct DirectAccessRoutes: RouteProvider {
    /// How long a signed address for a download is good, as MLflow has it.
    private static let downloadSeconds = 300

    let roots: ArtifactRoots
    /// With a limit no uploads go past the server: nobody else would count their bytes.
    let uploadLimit: Int64?

    var routes: [Route] {
        Route.call(.post, "mlflow-artifacts/mpu/create/**", handler: create)
            + Route.call(.post, "mlflow-artifacts/mpu/complete/**", handler: complete)
            + Route.call(.post, "mlflow-artifacts/mpu/abort/**", handler: abort)
            + Route.call(.get, "mlflow-artifacts/presigned/**", handler: download)
    }

    private func access(_ what: String, isUpload: Bool = false) throws(APIError) -> any DirectAccess {
        guard let access = try roots.requireServed().directAccess, !isUpload || uploadLimit == nil else {
            throw APIError(.notImplemented, "\(what) is not supported for the current artifact repository")
        }
        return access
    }

    @Sendable private func create(_ request: APIRequest) async throws -> Response {
        let folder = try request.artifactPath(after: "/mpu/create/")
        let message = try await request.message()
        let file = try Self.file(message, in: folder)
        let parts = try message.integer("num_parts") ?? 1
        let access = try access("Multipart upload", isUpload: true)
        guard (1...10_000).contains(parts) else {
            throw APIError.invalidParameter("Invalid value \(parts) for parameter 'num_parts': it must be 1 to 10000.")
        }
        let upload = try await access.createUpload(file, parts: Int(parts))
        return .json(reservingCapacity: 600 * upload.parts.count) {
            $0.field("upload_id", upload.id)
            $0.field("credentials", Array(upload.parts.enumerated())) { writer, part in
                writer.object {
                    $0.field("url", part.element.url)
                    $0.field("part_number", Int64(part.offset + 1))
                    $0.headers(part.element)
                }
            }
        }
    }

    @Sendable private func complete(_ request: APIRequest) async throws -> Response {
        let folder = try request.artifactPath(after: "/mpu/complete/")
        let message = try await request.message()
        let file = try Self.file(message, in: folder)
        let parts = try message.messages("parts").map { part throws(APIError) in
            DirectUpload.SentPart(
                number: Int(clamping: try part.requiredInteger("part_number")), tag: try part.requiredString("etag"))
        }
        let access = try access("Multipart upload")
        guard (1...10_000).contains(parts.count), Set(parts.map(\.number)).count == parts.count,
            parts.allSatisfy({ (1...10_000).contains($0.number) && $0.tag.utf8.count <= 1024 })
        else { throw APIError.invalidParameter("Invalid value for parameter 'parts'.") }
        try await access.completeUpload(try Self.uploadID(message), of: file, parts: parts)
        return .empty
    }

    @Sendable private func abort(_ request: APIRequest) async throws -> Response {
        let folder = try request.artifactPath(after: "/mpu/abort/")
        let message = try await request.message()
        let file = try Self.file(message, in: folder)
        try await access("Multipart upload").abortUpload(try Self.uploadID(message), of: file)
        return .empty
    }

    @Sendable private func download(_ request: APIRequest) async throws -> Response {
        let path = try request.artifactPath(after: "/presigned/")
        let download = try await access("Presigned download").downloadAddress(
            of: path, seconds: Self.downloadSeconds,
            disposition: ArtifactAnswer.disposition(of: path.lastComponent ?? "artifact"))
        return .json {
            $0.field("url", download.address.url)
            $0.headers(download.address)
            $0.field("file_size", download.size)
        }
    }

    /// The file of an upload: its folder stands in the address, its name is the last one of the path on the client's machine.
    private static func file(_ message: RequestMessage, in folder: RelativePath) throws(APIError) -> RelativePath {
        let text = try message.requiredString("path")
        guard let name = text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "/" || $0 == "\\" }).last
        else { throw .invalidPath }
        return folder.appending(try RelativePath.artifact(String(name)))
    }

    private static func uploadID(_ message: RequestMessage) throws(APIError) -> String {
        let id = try message.requiredString("upload_id")
        guard !id.isEmpty, id.utf8.count <= 1024, id.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .invalidParameter("Invalid value for parameter 'upload_id'.")
        }
        return id
    }
}

extension JSONWriter {
    /// What must be sent along with a signed request.
    fileprivate mutating func headers(_ address: DirectUpload.Address) {
        field("headers") { writer in
            for header in address.headers {
                writer.name(dynamic: header.name)
                writer.string(header.value)
            }
        }
    }
}
