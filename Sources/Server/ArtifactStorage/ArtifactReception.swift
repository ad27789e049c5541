import Artifacts
import HTTPTypes
import Hummingbird
import NIOCore
import Tracking

/// Takes the body of a request into a storage, piece by piece.
struct ArtifactReception {
    /// Pieces of the network are gathered to this size before they are handed on.
    private static let pieceSize = 256 << 10

    let request: Request
    /// At most so many bytes; nil: as many as the storage holds.
    let limit: Int64?

    /// The file is in place, complete and durable, when this returns; else nothing has changed.
    func receive(into place: ArtifactPlace) async throws {
        let announced = request.headers[.contentLength].flatMap { Int64($0) }
        if let limit, let announced, announced > limit { throw Self.tooLarge(limit) }
        try await place.storage.write(place.path, body(announced: announced), length: announced)
    }

    /// The body in larger pieces; it ends with an error when it is cut off, for that must not look like a shorter file.
    private func body(announced: Int64?) -> ByteStream {
        let (body, limit) = (ByteStream(request.body), limit)
        return ByteStream {
            var parts = body.makeAsyncIterator()
            var received: Int64 = 0
            return {
                // Room for the last part as well, so that a piece does not move while it grows.
                let expected = min(announced.map { $0 - received } ?? .max, Int64(Self.pieceSize * 3 / 2))
                var gathered = ByteBufferAllocator().buffer(capacity: Int(max(0, expected)))
                while gathered.readableBytes < Self.pieceSize {
                    guard var part = try await parts.next() else {
                        try Task.checkCancellation()
                        guard announced == nil || announced == received else {
                            throw APIError.invalidParameter("The body ended before all of it had arrived.")
                        }
                        return gathered.readableBytes > 0 ? gathered : nil
                    }
                    received += Int64(part.readableBytes)
                    if let limit, received > limit { throw Self.tooLarge(limit) }
                    gathered.writeBuffer(&part)
                }
                return gathered
            }
        }
    }

    private static func tooLarge(_ limit: Int64) -> APIError {
        APIError(
            .invalidParameterValue, "The artifact is larger than \(limit >> 20) MB.", status: .contentTooLarge)
    }
}
