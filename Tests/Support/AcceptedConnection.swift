package import NIOCore
import Synchronization

/// A raw connection between being accepted and being served; one that nobody serves any more is closed instead of trapping.
package final class AcceptedConnection: Sendable {
    package typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    private let connection: Connection
    private let isServed = Atomic(false)

    /// To be made on the channel's event loop.
    package init(_ channel: any Channel) throws {
        connection = try Connection(wrappingChannelSynchronously: channel)
    }

    package func take() -> Connection {
        isServed.store(true, ordering: .releasing)
        return connection
    }

    deinit {
        guard !isServed.load(ordering: .acquiring) else { return }
        Task { [connection] in try? await connection.executeThenClose { _, _ in } }
    }
}
