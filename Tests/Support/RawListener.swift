import NIOCore
import NIOPosix

/// A listener on 127.0.0.1 whose connections a test serves byte by byte.
package struct RawListener: Sendable {
    private let channel: NIOAsyncChannel<AcceptedConnection, Never>

    package var port: Int { channel.channel.localAddress?.port ?? 0 }

    package static func open() async throws -> RawListener {
        RawListener(
            channel: try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: "127.0.0.1", port: 0) { channel in
                    channel.eventLoop.makeCompletedFuture { try AcceptedConnection(channel) }
                })
    }

    /// Hands every connection to `serve` while `body` runs.
    package func serving<Result: Sendable>(
        _ serve: @escaping @Sendable (AcceptedConnection.Connection) async throws -> Void,
        _ body: @Sendable () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await withThrowingDiscardingTaskGroup { connections in
                    try await channel.executeThenClose { inbound in
                        for try await connection in inbound {
                            // A test that breaks off makes writes fail here; that is what it wanted.
                            connections.addTask { try? await serve(connection.take()) }
                        }
                    }
                }
            }
            defer { group.cancelAll() }
            return try await body()
        }
    }
}
