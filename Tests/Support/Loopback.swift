import Glibc
import Synchronization
package import SystemPackage

/// A port nobody listens on just now.
///
/// It lies below those the system hands out by itself, and is never told twice, so that nobody else takes it while the program it is meant
/// for still loads.
package func freePort() throws -> Int {
    for _ in 0..<100 {
        let port = Int.random(in: 12_000..<32_000)
        guard toldPorts.withLock({ $0.insert(port).inserted }) else { continue }
        guard let listener = try? LoopbackListener(port: port) else { continue }
        listener.close()
        return port
    }
    throw FixtureFailure("no port is free")
}

private let toldPorts = Mutex<Set<Int>>([])

/// Whether somebody listens on a port of 127.0.0.1.
package func canConnect(port: Int) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    defer { close(descriptor) }
    return unsafe withLoopbackAddress(port: port) { address, length in unsafe connect(descriptor, address, length) }
        == 0
}

/// Whether somebody listens at a socket in the file system.
package func canConnect(to path: FilePath) -> Bool {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    defer { close(descriptor) }
    return unsafe withLocalAddress(path) { address, length in unsafe connect(descriptor, address, length) } == 0
}

package func isRoot() -> Bool { geteuid() == 0 }

/// The login name of the user who runs the tests.
package func currentUser() -> String {
    guard let entry = unsafe getpwuid(geteuid()) else { return "nobody" }
    return unsafe String(cString: entry.pointee.pw_name)
}

/// A listening socket on 127.0.0.1.
package final class LoopbackListener: Sendable {
    package let descriptor: Int32
    package let port: Int

    /// - Parameter port: 0 for any.
    package init(port wanted: Int = 0) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let descriptor = descriptor
        let bound = unsafe withLoopbackAddress(port: wanted) { address, length in
            unsafe bind(descriptor, address, length)
        }
        guard bound == 0, listen(descriptor, 64) == 0 else {
            Glibc.close(descriptor)
            throw FixtureFailure("cannot listen on loopback")
        }
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // The structure is large enough for the address of a socket of this family.
        _ = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &length)
            }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    package func close() { Glibc.close(descriptor) }
}

private func withLoopbackAddress(port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    // The structure lives for the call and is the one its family field announces.
    return unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
}

private func withLocalAddress(_ path: FilePath, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let text = Array(path.string.utf8)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { buffer in
        unsafe buffer.copyBytes(from: text.prefix(buffer.count - 1))
    }
    return unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
}

/// A server that does to each connection what a closure says; for behaviour no real server shows.
///
/// Not a stand-in for an engine: it plays the hostile ones.
package final class RawServer: Sendable {
    /// 0 for a socket in the file system.
    package let port: Int
    private let listener: OpenSocket
    private let connections = Mutex<[OpenSocket]>([])

    /// - Parameter serve: runs on a thread of its own for each connection; returning closes it.
    package convenience init(_ serve: @escaping @Sendable (RawConnection) -> Void) throws {
        let listener = try LoopbackListener()
        self.init(OpenSocket(listener.descriptor), port: listener.port, serve)
    }

    /// - Parameter path: of a socket that is made; it has at most 107 bytes.
    package convenience init(at path: FilePath, _ serve: @escaping @Sendable (RawConnection) -> Void) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let bound = unsafe withLocalAddress(path) { address, length in unsafe bind(descriptor, address, length) }
        guard bound == 0, listen(descriptor, 64) == 0 else {
            close(descriptor)
            throw FixtureFailure("cannot listen at '\(path)'")
        }
        self.init(OpenSocket(descriptor), port: 0, serve)
    }

    private init(_ listener: OpenSocket, port: Int, _ serve: @escaping @Sendable (RawConnection) -> Void) {
        self.listener = listener
        self.port = port
        Thread.detach { [weak self] in
            while true {
                let descriptor = accept(listener.descriptor, nil, nil)
                guard descriptor >= 0 else { return }
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
                let socket = OpenSocket(descriptor)
                guard let self else { return }
                self.connections.withLock { $0.append(socket) }
                Thread.detach {
                    serve(RawConnection(socket: socket))
                    socket.hangUp()
                }
            }
        }
    }

    /// Ends all connections; the threads that serve them end with their next call.
    package func stop() {
        listener.hangUp()
        for connection in connections.withLock({ $0 }) { connection.hangUp() }
    }

    deinit { stop() }
}

/// A socket that stays open until the last thread that uses it has let go of it: a number that is closed too early is soon another test's.
private final class OpenSocket: Sendable {
    let descriptor: Int32

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Wakes whoever waits for it.
    func hangUp() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    deinit { close(descriptor) }
}

package struct RawConnection: Sendable {
    fileprivate let socket: OpenSocket

    /// False when the other side is gone.
    @discardableResult
    package func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.send(socket.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// What has come; empty when the other side is gone.
    package func receive() -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(socket.descriptor, $0.baseAddress, $0.count, 0) }
        return Array(buffer.prefix(max(0, count)))
    }

    /// The head of an HTTP request.
    package func receiveRequest() -> String {
        var text = ""
        while !text.contains("\r\n\r\n") {
            let bytes = receive()
            if bytes.isEmpty { break }
            text += String(decoding: bytes, as: UTF8.self)
        }
        return text
    }

    /// Lets time pass on the server's side; the waiting is the behaviour under test.
    package func pause(milliseconds: UInt32) { usleep(milliseconds * 1000) }
}

/// Plain threads for blocking servers.
private enum Thread {
    static func detach(_ body: @escaping @Sendable () -> Void) {
        final class Box: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        let box = unsafe Unmanaged.passRetained(Box(body)).toOpaque()
        let result = unsafe pthread_create(
            &thread, nil,
            { box in
                if let box = unsafe box { unsafe Unmanaged<Box>.fromOpaque(box).takeRetainedValue().body() }
                return nil
            }, box)
        precondition(result == 0, "no thread for a test server")
        pthread_detach(thread)
    }
}

/// Text that a process prints, collected as it comes.
package final class CollectedLines: Sendable {
    private let bytes = Mutex<[UInt8]>([])

    package init() {}

    package func append(_ span: RawSpan) {
        let copy = unsafe span.withUnsafeBytes { unsafe Array($0) }
        bytes.withLock { if $0.count < 1 << 20 { $0 += copy } }
    }

    package var text: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }
}
