import NIOCore
import RemoteStore
import Synchronization
import TestSupport

/// A tracking server that sends exactly the bytes a test says, however wrong they are.
final class ScriptedServer: Sendable {
    struct Request: Sendable {
        /// Method and target, as in `POST /api/2.0/mlflow/runs/create`.
        var line: String
        var headers: [String]
        var body: String

        /// The last parts of the path, without the query: `runs/create`.
        var call: String {
            let path = line.split(separator: " ").last?.prefix { $0 != "?" } ?? ""
            return path.split(separator: "/").drop { $0 != "mlflow" }.dropFirst().joined(separator: "/")
        }

        func header(_ name: String) -> String? {
            headers.first { $0.lowercased().hasPrefix("\(name.lowercased()):") }
                .map { String($0.drop { $0 != ":" }.dropFirst().drop { $0 == " " }) }
        }
    }

    /// The connection a request came over.
    struct Connection: Sendable {
        fileprivate let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
        fileprivate let close: @Sendable () async throws -> Void

        func send(_ text: String) async throws { try await outbound.write(ByteBuffer(string: text)) }
        func breakOff() async throws { try await close() }

        func answer(
            _ body: String = "{}", status: String = "200 OK", _ headers: [String] = [],
            type: String = "application/json"
        ) async throws {
            let head = ["HTTP/1.1 \(status)", "Content-Type: \(type)", "Content-Length: \(body.utf8.count)"] + headers
            try await send(head.joined(separator: "\r\n") + "\r\n\r\n" + body)
        }

        func refuse(_ status: String, code: String, message: String = "no", _ headers: [String] = []) async throws {
            try await answer(#"{"error_code":"\#(code)","message":"\#(message)"}"#, status: status, headers)
        }
    }

    /// Answers a request; is told the how manieth it is, from 0.
    typealias Script = @Sendable (Request, Int, Connection) async throws -> Void

    let port: Int
    private let seen = Mutex<[Request]>([])

    /// What was asked for, in order.
    var requests: [Request] { seen.withLock { $0 } }
    var calls: [String] { requests.map(\.call) }

    private init(port: Int) {
        self.port = port
    }

    /// Settings under which nothing waits longer than it must.
    static let quick = [
        "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0", "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "100",
    ]

    func store(_ environment: [String: String] = [:], userinfo: String = "") throws -> RemoteStore {
        try RemoteStore(
            "http://\(userinfo)127.0.0.1:\(port)", environment: Self.quick.merging(environment) { $1 })
    }

    /// Serves while `body` runs.
    static func serving<Result: Sendable>(
        _ script: @escaping Script, _ body: @Sendable (ScriptedServer) async throws -> Result
    ) async throws -> Result {
        let listener = try await RawListener.open()
        let server = ScriptedServer(port: listener.port)
        return try await listener.serving { connection in
            try await server.serve(connection, script)
        } _: {
            try await body(server)
        }
    }

    /// Serves a store made with those settings, and closes it.
    static func withStore<Result: Sendable>(
        _ environment: [String: String] = [:], script: @escaping Script,
        _ body: @Sendable (RemoteStore, ScriptedServer) async throws -> Result
    ) async throws -> Result {
        try await serving(script) { server in
            let store = try server.store(environment)
            do {
                let result = try await body(store, server)
                await store.close()
                return result
            } catch {
                await store.close()
                throw error
            }
        }
    }

    private func serve(_ channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>, _ script: Script) async throws {
        try await channel.executeThenClose { inbound, outbound in
            let connection = Connection(outbound: outbound) { try await channel.channel.close() }
            var pending: [UInt8] = []
            for try await buffer in inbound {
                pending.append(contentsOf: buffer.readableBytesView)
                while let request = Self.takeRequest(from: &pending) {
                    let index = seen.withLock { seen in
                        seen.append(request)
                        return seen.count - 1
                    }
                    try await script(request, index, connection)
                }
            }
        }
    }

    /// The first complete request of the bytes that have come.
    private static func takeRequest(from pending: inout [UInt8]) -> Request? {
        let text = String(decoding: pending, as: UTF8.self)
        guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let lines = text[..<end.lowerBound].split(separator: "\r\n").map(String.init)
        var request = Request(
            line: (lines.first ?? "").split(separator: " ").prefix(2).joined(separator: " "),
            headers: Array(lines.dropFirst()), body: "")
        let length = request.header("Content-Length").flatMap { Int($0) } ?? 0
        let headLength = text[..<end.upperBound].utf8.count
        guard pending.count >= headLength + length else { return nil }
        request.body = String(decoding: pending[headLength..<(headLength + length)], as: UTF8.self)
        pending.removeFirst(headLength + length)
        return request
    }
}

/// A run as servers answer it.
func runJSON(_ id: String = "r1", status: String = "RUNNING") -> String {
    #"{"run":{"info":{"run_id":"\#(id)","experiment_id":"0","status":"\#(status)","start_time":1},"data":{}}}"#
}
