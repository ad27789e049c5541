import Dispatch
import Glibc

/// A TCP client that sends exactly the bytes it is given: what well-behaved client libraries cannot.
package final class RawClient: Sendable {
    private let descriptor: Int32

    package struct CannotConnect: Error {
        package let errno: Int32
    }

    package init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr = in_addr(s_addr: UInt32(0x7F00_0001).bigEndian)
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            let error = CannotConnect(errno: errno)
            close(descriptor)
            throw error
        }
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    /// From `http://127.0.0.1:PORT`.
    package convenience init(uri: String) throws {
        try self.init(port: Int(uri.split(separator: ":").last ?? "") ?? 0)
    }

    /// As many clients as there are requests, all connected before the first of them asks.
    ///
    /// On one thread from the first connection to the last request: were every one a task's turn, the last would on a busy machine ask so
    /// late that the server has given them up.
    package static func crowd(port: Int, asking requests: [String]) async throws -> [RawClient] {
        try await onOwnThread {
            let clients = try requests.map { _ in try RawClient(port: port) }
            for (client, request) in zip(clients, requests) { client.sendBlocking(Array(request.utf8)) }
            return clients
        }
    }

    deinit {
        close(descriptor)
    }

    /// False when the other side has hung up.
    @discardableResult
    package func send(_ text: String) async -> Bool {
        await send(Array(text.utf8))
    }

    /// Sends the same bytes several times over; false when the other side has hung up.
    @discardableResult
    package func send(_ bytes: [UInt8], times: Int = 1) async -> Bool {
        await onOwnThread { client in
            for _ in 0..<times {
                guard client.sendBlocking(bytes) else { return false }
            }
            return true
        }
    }

    @discardableResult
    private func sendBlocking(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Says that nothing more will come.
    package func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Everything until the other side closes, or until `isEnough`.
    package func receive(until isEnough: @escaping @Sendable (String) -> Bool = { _ in false }) async -> String {
        await onOwnThread { client in
            var received: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = unsafe buffer.withUnsafeMutableBytes {
                    unsafe recv(client.descriptor, $0.baseAddress, $0.count, 0)
                }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                received += buffer.prefix(count)
                if isEnough(String(decoding: received, as: UTF8.self)) { break }
            }
            return String(decoding: received, as: UTF8.self)
        }
    }

    /// Counts what comes until the other side closes, and keeps only its beginning.
    package func drain() async -> (beginning: String, count: Int64) {
        await onOwnThread { client in
            var beginning: [UInt8] = []
            var total: Int64 = 0
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            while true {
                let count = unsafe buffer.withUnsafeMutableBytes {
                    unsafe recv(client.descriptor, $0.baseAddress, $0.count, 0)
                }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                if beginning.count < 4096 { beginning += buffer.prefix(min(count, 4096)) }
                total += Int64(count)
            }
            return (String(decoding: beginning, as: UTF8.self), total)
        }
    }

    private func onOwnThread<Value: Sendable>(_ body: @escaping @Sendable (RawClient) -> Value) async -> Value {
        await Self.onOwnThread { body(self) }
    }

    /// Calls that block must not take a thread of the pool that the server under test needs.
    private static func onOwnThread<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Value, Failure>, Never>) in
            DispatchQueue(label: "raw client").async { continuation.resume(returning: Result(catching: body)) }
        }
        return try result.get()
    }
}

/// The status of the first answer in a text, or nil.
package func firstStatus(_ text: String) -> Int? {
    guard text.hasPrefix("HTTP/1.1 ") else { return nil }
    return Int(text.dropFirst("HTTP/1.1 ".count).prefix(3))
}
