package import Diagnostics
import Glibc
import NIOCore
package import SystemPackage

/// Why no socket could be opened for listening.
package struct ListenError: ExplainedError {
    package let address: String
    package let port: Int
    package let errno: Errno?

    package var diagnostics: [Diagnostic] {
        let place = "\(address):\(port)"
        switch errno {
        case nil:
            return [
                Diagnostic(
                    .error, "'\(address)' is no address of this machine", remedy: "give an address such as 127.0.0.1")
            ]
        case .addressInUse:
            return [
                Diagnostic(
                    .error, "cannot listen on '\(place)': the port is in use",
                    remedy: "stop the program that uses it, or choose another port")
            ]
        case let errno?:
            return [Diagnostic(.error, "cannot listen on '\(place)': \(errno.description.lowercased())")]
        }
    }
}

/// A port that is ours already, so that one in use is known before a store is opened or created for it.
package struct ReservedPort: Sendable {
    let socket: ListeningSocket

    /// - Parameter port: 0 for any free one.
    package init(address: String, port: Int) throws(ListenError) {
        socket = try ListeningSocket.open(address: address, port: port)
    }
}

/// A TCP socket that already accepts connections into the kernel's queue, though nobody serves them yet.
///
/// Opening one takes microseconds and starts no thread. Whoever takes the descriptor closes it.
struct ListeningSocket: Sendable {
    let descriptor: Int32
    let address: String
    let port: Int

    private static let backlog: Int32 = 4096

    /// - Parameter port: 0 for any free one.
    static func open(address: String, port: Int) throws(ListenError) -> ListeningSocket {
        // An address in numbers needs no resolver, which would have to be loaded first.
        let numeric = try? SocketAddress(ipAddress: address, port: port)
        guard let wanted = numeric ?? (try? SocketAddress.makeAddressResolvingHost(address, port: port)) else {
            throw ListenError(address: address, port: port, errno: nil)
        }
        let family = wanted.protocol == .inet6 ? AF_INET6 : AF_INET
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw ListenError(address: address, port: port, errno: Errno(rawValue: errno)) }
        var yes: Int32 = 1
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        let bound = unsafe wanted.withSockAddr { unsafe bind(descriptor, $0, socklen_t($1)) }
        guard bound == 0, listen(descriptor, backlog) == 0 else {
            let error = Errno(rawValue: errno)
            close(descriptor)
            throw ListenError(address: address, port: port, errno: error)
        }
        return ListeningSocket(
            descriptor: descriptor, address: address, port: port == 0 ? boundPort(descriptor) : port)
    }

    /// An event loop that adopts the socket shortens the kernel's queue; this makes it long again.
    func restoreBacklog() {
        _ = listen(descriptor, Self.backlog)
    }

    /// Whether a client waits to be accepted.
    var hasPendingConnection: Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&request, 1, 0) > 0
    }

    private static func boundPort(_ descriptor: Int32) -> Int {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &size)
            }
        }
        guard result == 0 else { return 0 }
        // The port is at the same place in the addresses of both families.
        let port = unsafe withUnsafeBytes(of: &storage) { unsafe $0.load(fromByteOffset: 2, as: UInt16.self) }
        return Int(UInt16(bigEndian: port))
    }
}
