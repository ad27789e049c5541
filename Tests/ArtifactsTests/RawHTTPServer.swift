import NIOCore
import Synchronization
import TestSupport

/// A server that sends exactly the bytes a test says, however wrong they are as HTTP.
final class RawHTTPServer: Sendable {
    struct Request: Sendable {
        /// The request line and the header lines.
        var lines: [String]

        var target: String { lines.first?.split(separator: " ").dropFirst().first.map(String.init) ?? "" }
        var method: String { lines.first?.split(separator: " ").first.map(String.init) ?? "" }

        func header(_ name: String) -> String? {
            lines.dropFirst().first { $0.lowercased().hasPrefix("\(name.lowercased()):") }
                .map { String($0.drop { $0 != ":" }.dropFirst().drop { $0 == " " }) }
        }
    }

    /// The connection a request came over.
    struct Connection: Sendable {
        fileprivate let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
        fileprivate let close: @Sendable () async throws -> Void

        func send(_ text: String) async throws { try await outbound.write(ByteBuffer(string: text)) }
        func send(_ bytes: [UInt8]) async throws { try await outbound.write(ByteBuffer(bytes: bytes)) }
        /// Breaks the connection off.
        func breakOff() async throws { try await close() }

        /// A complete, correct answer.
        func answer(_ status: String = "200 OK", _ headers: [String] = [], body: String = "") async throws {
            let head = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + headers
            try await send(head.joined(separator: "\r\n") + "\r\n\r\n" + body)
        }
    }

    typealias Answer = @Sendable (Request, Connection) async throws -> Void

    let port: Int
    private let seen = Mutex<[Request]>([])

    /// What was asked for, in order.
    var requests: [Request] { seen.withLock { $0 } }

    func url(_ path: String) -> String { "http://127.0.0.1:\(port)\(path)" }

    private init(port: Int) {
        self.port = port
    }

    /// Serves while `body` runs.
    static func serving<Result: Sendable>(
        _ answer: @escaping Answer, _ body: @Sendable (RawHTTPServer) async throws -> Result
    ) async throws -> Result {
        let listener = try await RawListener.open()
        let server = RawHTTPServer(port: listener.port)
        return try await listener.serving { connection in
            try await server.serve(connection, answer)
        } _: {
            try await body(server)
        }
    }

    private func serve(_ channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>, _ answer: Answer) async throws {
        try await channel.executeThenClose { inbound, outbound in
            let connection = Connection(outbound: outbound) { try await channel.channel.close() }
            var pending: [UInt8] = []
            for try await buffer in inbound {
                pending.append(contentsOf: buffer.readableBytesView)
                while let end = pending.firstRange(of: Array("\r\n\r\n".utf8)) {
                    let head = String(decoding: pending[..<end.lowerBound], as: UTF8.self)
                    pending.removeFirst(end.upperBound)
                    let request = Request(lines: head.components(separatedBy: "\r\n"))
                    seen.withLock { $0.append(request) }
                    try await answer(request, connection)
                }
            }
        }
    }
}

extension String {
    fileprivate func components(separatedBy separator: String) -> [String] {
        split(separator: separator, omittingEmptySubsequences: false).map(String.init)
    }
}

extension Collection where Element: Equatable {
    fileprivate func firstRange(of other: [Element]) -> Range<Int>? {
        let all = Array(self)
        guard all.count >= other.count else { return nil }
        return (0...(all.count - other.count)).first { Array(all[$0..<($0 + other.count)]) == other }
            .map { $0..<($0 + other.count) }
    }
}
