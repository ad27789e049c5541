import CGit2
import GitMessages
import Glibc
import Synchronization

/// The policy of the one conversation a worker holds; the library's constructor of connections has no other way to learn it.
let connectionPolicy = Mutex<ConnectionPolicy?>(nil)
/// Why a connection was refused, to be told instead of the library's words.
let connectionRefusal = Mutex<GitFailure?>(nil)

/// Makes the library open its plain connections through us (those below TLS too).
///
/// Not for ssh, where the library reaches into its own socket.
func registerSocketStream() throws(GitError) {
    var registration = unsafe git_stream_registration(version: GIT_STREAM_VERSION, init: openStream, wrap: nil)
    try check(unsafe git_stream_register(GIT_STREAM_STANDARD, &registration))
}

private func openStream(
    _ result: UnsafeMutablePointer<UnsafeMutablePointer<git_stream>?>?, _ host: UnsafePointer<CChar>?,
    _ port: UnsafePointer<CChar>?
) -> Int32 {
    guard let result = unsafe result, let host = unsafe host, let port = unsafe port else { return -1 }
    let hostName = unsafe String(cString: host)
    let portName = unsafe String(cString: port)
    if let refusal = connectionPolicy.withLock({ $0?.objection(toHost: hostName, port: portName) }) {
        connectionRefusal.withLock { $0 = refusal }
        _ = unsafe git_error_set_str(Int32(bitPattern: GIT_ERROR_NET.rawValue), refusal.message)
        return -1
    }
    // Owned by the library, which calls `free` exactly once.
    let stream = UnsafeMutablePointer<swiftflow_stream>.allocate(capacity: 1)
    var parent = git_stream()
    parent.version = GIT_STREAM_VERSION
    unsafe parent.connect = { stream in unsafe connectStream(stream) }
    unsafe parent.read = { stream, buffer, count in
        unsafe recv(descriptor(of: stream), buffer, count, 0)
    }
    unsafe parent.write = { stream, data, count, _ in
        unsafe send(descriptor(of: stream), data, count, Int32(MSG_NOSIGNAL))
    }
    unsafe parent.close = { stream in unsafe closeStream(stream) }
    unsafe parent.free = { stream in unsafe freeStream(stream) }
    unsafe stream.initialize(
        to: swiftflow_stream(parent: parent, host: strdup(host), port: strdup(port), descriptor: -1))
    unsafe result.pointee = UnsafeMutableRawPointer(stream).assumingMemoryBound(to: git_stream.self)
    return 0
}

/// The library only ever passes back what `openStream` gave it.
private func ours(_ stream: UnsafeMutablePointer<git_stream>?) -> UnsafeMutablePointer<swiftflow_stream>? {
    unsafe stream.map { unsafe UnsafeMutableRawPointer($0).assumingMemoryBound(to: swiftflow_stream.self) }
}

private func descriptor(of stream: UnsafeMutablePointer<git_stream>?) -> Int32 {
    unsafe ours(stream)?.pointee.descriptor ?? -1
}

private func connectStream(_ stream: UnsafeMutablePointer<git_stream>?) -> Int32 {
    guard let stream = unsafe ours(stream) else { return -1 }
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var addresses: UnsafeMutablePointer<addrinfo>?
    let host = unsafe String(cString: stream.pointee.host)
    let result = unsafe getaddrinfo(stream.pointee.host, stream.pointee.port, &hints, &addresses)
    guard result == 0 else {
        unsafe fail("cannot find the address of '\(host)': \(String(cString: gai_strerror(result)))")
        return -1
    }
    defer { unsafe freeaddrinfo(addresses) }
    var reason: Int32 = 0
    var next = unsafe addresses
    while let address = unsafe next?.pointee {
        let kind = unsafe address.ai_socktype | Int32(SOCK_CLOEXEC.rawValue)
        let socket = unsafe socket(address.ai_family, kind, address.ai_protocol)
        if socket >= 0 {
            if unsafe connect(socket, address.ai_addr, address.ai_addrlen) == 0 {
                unsafe stream.pointee.descriptor = socket
                return 0
            }
            reason = errno
            close(socket)
        }
        unsafe next = address.ai_next
    }
    let port = unsafe String(cString: stream.pointee.port)
    unsafe fail("cannot connect to '\(host):\(port)': \(String(cString: strerror(reason)).lowercased())")
    return -1
}

private func fail(_ message: String) {
    connectionRefusal.withLock { $0 = GitFailure(.network, message, remedy: "check the URL and the network") }
    _ = unsafe git_error_set_str(Int32(bitPattern: GIT_ERROR_NET.rawValue), message)
}

private func closeStream(_ stream: UnsafeMutablePointer<git_stream>?) -> Int32 {
    guard let stream = unsafe ours(stream), unsafe stream.pointee.descriptor >= 0 else { return 0 }
    let result = unsafe close(stream.pointee.descriptor)
    unsafe stream.pointee.descriptor = -1
    return result
}

private func freeStream(_ stream: UnsafeMutablePointer<git_stream>?) {
    guard let own = unsafe ours(stream) else { return }
    _ = unsafe closeStream(stream)
    unsafe free(own.pointee.host)
    unsafe free(own.pointee.port)
    unsafe own.deallocate()
}
