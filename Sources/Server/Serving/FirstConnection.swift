import Dispatch
import Glibc

/// Waits in the process's event queue for the first client of a listening socket; costs no thread of its own.
///
/// Unchecked: a dispatch source is a thread-safe object (its interface in Swift only does not say so), and the reference never changes.
final class FirstConnection: @unchecked Sendable {
    private let source: any DispatchSourceRead
    private let socket: ListeningSocket

    /// - Parameter onConnection: called, perhaps more than once, when a client has connected.
    init(on socket: ListeningSocket, onConnection: @escaping @Sendable () -> Void) {
        self.socket = socket
        source = DispatchSource.makeReadSource(
            fileDescriptor: socket.descriptor, queue: .global(qos: .userInitiated))
        source.setEventHandler(handler: onConnection)
        source.activate()
    }

    /// Stops waiting; the socket stays open and goes to whoever serves it.
    func stop() {
        source.cancel()
    }

    /// Stops waiting and closes the socket as soon as the event queue has let go of it.
    func stopAndClose() {
        let descriptor = socket.descriptor
        source.setCancelHandler { close(descriptor) }
        source.cancel()
    }
}
