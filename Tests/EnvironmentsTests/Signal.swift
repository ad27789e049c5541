import Glibc
import Synchronization

/// Something that happens once and can be waited for.
final class Signal: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    func fire() { continuation.finish() }

    func wait() async { for await _ in stream {} }
}

var ownProcessID: Int32 { getpid() }
