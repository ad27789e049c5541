import HummingbirdCore
import NIOCore

/// A connection between the moment it is accepted and the moment somebody serves it.
///
/// While the service stops, connections that were just being accepted are dropped with nobody to serve them. A dropped NIO channel traps;
/// this one is closed instead.
final class AcceptedConnection: Sendable {
    private let value: HTTP1Channel.Value
    private let isServed = Flag()

    init(_ value: HTTP1Channel.Value) {
        self.value = value
    }

    var eventLoop: any EventLoop { value.channel.eventLoop }

    /// The connection, for the one who serves it.
    func take() -> HTTP1Channel.Value {
        isServed.set()
        return value
    }

    deinit {
        guard !isServed.isSet else { return }
        // Nobody is left to own the task; it ends with the connection, which is closed at once.
        Task { [value] in try? await value.executeThenClose { _, _ in } }
    }
}
