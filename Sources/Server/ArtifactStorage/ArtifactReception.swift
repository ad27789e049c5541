import HTTPTypes
import Hummingbird
import NIOCore
import Tracking

/// Takes the body of a request into a file, piece by piece.
struct ArtifactReception {
    /// Pieces of the network are gathered to this size before they are written.
    private static let pieceSize = 256 << 10

    let request: Request
    /// At most so many bytes; nil: as many as the disk holds.
    let limit: Int64?

    /// The file is in place, complete and durable, when this returns; else nothing has changed.
    func receive(into place: ArtifactPlace) async throws {
        let announced = request.headers[.contentLength].flatMap { Int64($0) }
        if let limit, let announced, announced > limit { throw Self.tooLarge(limit) }
        let upload = try await place.folder.beginUpload(place.path)
        var received: Int64 = 0
        var gathered = ByteBuffer()
        for try await var part in request.body {
            received += Int64(part.readableBytes)
            if let limit, received > limit { throw Self.tooLarge(limit) }
            gathered.writeBuffer(&part)
            if gathered.readableBytes >= Self.pieceSize {
                try await upload.write(gathered)
                gathered = ByteBuffer()
            }
        }
        // A body that was cut off must not look like a shorter file.
        try Task.checkCancellation()
        guard announced == nil || announced == received else {
            throw APIError.invalidParameter("The body ended before all of it had arrived.")
        }
        if gathered.readableBytes > 0 { try await upload.write(gathered) }
        try await upload.commit()
    }

    private static func tooLarge(_ limit: Int64) -> APIError {
        APIError(
            .invalidParameterValue, "The artifact is larger than \(limit >> 20) MB.", status: .contentTooLarge)
    }
}
