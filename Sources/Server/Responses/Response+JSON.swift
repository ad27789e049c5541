import HTTPTypes
import Hummingbird
import JSON
import NIOCore

extension Response {
    /// A JSON answer.
    init(status: HTTPResponse.Status = .ok, json writer: JSONWriter) {
        self.init(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: writer.bytes)))
    }

    /// A JSON object whose members `members` writes.
    static func json(reservingCapacity capacity: Int = 256, _ members: (inout JSONWriter) -> Void) -> Response {
        var writer = JSONWriter(reservingCapacity: capacity)
        writer.object(members)
        return Response(json: writer)
    }

    /// `{}`: the answer of an operation without a result.
    static var empty: Response { json { _ in } }

    /// A line of text.
    static func text(_ text: String) -> Response {
        Response(
            status: .ok, headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
