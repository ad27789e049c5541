import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import Synchronization

/// Hummingbird's HTTP/1 channel with our limits around it.
struct GuardedChannel<Base: ServerChildChannel>: ServerChildChannel {
    typealias Value = Base.Value

    let base: Base
    let limits: ConnectionLimits
    let tls: TLSContext?
    let connections: OpenConnections

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let isAdmitted = connections.open(channel, limit: limits.connections)
        let connections = connections
        channel.closeFuture.whenComplete { _ in connections.close(channel, wasAdmitted: isAdmitted) }
        let clock = NIOLoopBound(
            ConnectionClock(limits: limits, isRefused: !isAdmitted), eventLoop: channel.eventLoop)
        return channel.eventLoop.makeCompletedFuture {
            if let tls { try channel.pipeline.syncOperations.addHandler(tls.makeHandler()) }
            try channel.pipeline.syncOperations.addHandler(ConnectionByteWatch(clock: clock.value))
        }.flatMap {
            base.setup(channel: channel, logger: logger)
        }.map { value in
            let pipeline = channel.pipeline.syncOperations
            do {
                let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
                try pipeline.addHandler(ConnectionMessageWatch(clock: clock.value), position: .after(decoder))
            } catch {
                // The client has hung up already, and the pipeline is gone. The value must still be handled, which ends it: one that
                // is dropped traps.
                channel.close(promise: nil)
            }
            return value
        }
    }

    func handle(value: Value, logger: Logger) async {
        await base.handle(value: value, logger: logger)
    }
}

/// The connections that are open now.
final class OpenConnections: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var admitted = 0
    }

    private let state = Mutex(State())

    var count: Int { state.withLock { $0.channels.count } }

    /// Whether there is room for it.
    func open(_ channel: any Channel, limit: Int) -> Bool {
        state.withLock { state in
            state.channels[ObjectIdentifier(channel)] = channel
            guard state.admitted < limit else { return false }
            state.admitted += 1
            return true
        }
    }

    func close(_ channel: any Channel, wasAdmitted: Bool) {
        state.withLock { state in
            state.channels[ObjectIdentifier(channel)] = nil
            if wasAdmitted { state.admitted -= 1 }
        }
    }

    /// Asks every connection to close after the request it is at.
    func quiesce() {
        for channel in state.withLock({ Array($0.channels.values) }) {
            channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        }
    }

    func closeAll() {
        for channel in state.withLock({ Array($0.channels.values) }) { channel.close(promise: nil) }
    }
}
