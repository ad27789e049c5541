import NIOCore
import NIOHTTP1

/// How long a client may take, and how much it may send before it has said what it wants (rule R17).
struct ConnectionLimits: Sendable {
    /// A connection without a request is closed after this.
    var idle: TimeAmount = .seconds(60)
    /// From the first byte of a request to the end of its headers.
    var head: TimeAmount = .seconds(10)
    /// In every such stretch a body must bring `bodyProgress` bytes, and a client must take something of its answer.
    var stall: TimeAmount = .seconds(20)
    var bodyProgress = 1024
    /// Request line and headers together; the decoder has a finer limit for the headers.
    var headBytes = 48 << 10
    var headerBlock = 32 << 10
    var headerCount = 256
    /// More connections than this are answered 503.
    var connections = 4096
    /// How often the times are looked at.
    var tick: TimeAmount = .seconds(4)
}

/// What one connection is doing, and since when; used on its event loop only.
final class ConnectionClock {
    enum Phase {
        case idle
        case readingHead
        case readingBody
        case answering
    }

    let limits: ConnectionLimits
    /// Set for a connection over the limit: it is told so and closed.
    let isRefused: Bool
    private(set) var phase = Phase.idle
    private var since = NIODeadline.now()
    private var headBytes = 0
    private var bodyBytes = 0
    private(set) var unansweredRequests = 0
    private var hasAnswered = false
    /// Whether we have asked for more bytes; if not, a stall is ours and not the client's.
    var isReading = false
    var isWritable = true {
        didSet { unwritableSince = isWritable ? nil : unwritableSince ?? .now() }
    }
    private var unwritableSince: NIODeadline?

    init(limits: ConnectionLimits, isRefused: Bool) {
        self.limits = limits
        self.isRefused = isRefused
    }

    private func enter(_ phase: Phase) {
        self.phase = phase
        since = .now()
        bodyBytes = 0
    }

    /// Bytes came, and are about to be decoded.
    func received() {
        if phase == .idle { enter(.readingHead) }
    }

    /// So many bytes have been decoded; false when all that came so far is too much for a head without an end.
    func decoded(_ count: Int) -> Bool {
        guard phase == .readingHead else {
            headBytes = 0
            return true
        }
        headBytes += count
        return headBytes <= limits.headBytes
    }

    func receivedHead() {
        unansweredRequests += 1
        headBytes = 0
        enter(.readingBody)
    }

    func receivedBody(_ count: Int) {
        bodyBytes += count
    }

    func receivedEnd() {
        enter(.answering)
    }

    func answered() {
        unansweredRequests -= 1
        hasAnswered = true
        if unansweredRequests <= 0, phase == .answering { enter(.idle) }
    }

    /// Whether the client has used up its time.
    func isOverdue(at now: NIODeadline) -> Bool {
        if let unwritableSince, now - unwritableSince > limits.stall { return true }
        switch phase {
        // One that has not asked for anything yet may be no client at all.
        case .idle: return now - since > (hasAnswered ? limits.idle : min(limits.idle, limits.stall))
        case .readingHead: return now - since > limits.head
        case .answering: return false
        case .readingBody:
            guard now - since > limits.stall else { return false }
            if isReading, bodyBytes < limits.bodyProgress { return true }
            enter(.readingBody)
            return false
        }
    }
}

/// Stands next to the socket: sees the bytes before they are decoded, and keeps the time.
final class ConnectionByteWatch: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let clock: ConnectionClock
    private var ticker: RepeatedTask?
    private var isClosing = false

    init(clock: ConnectionClock) {
        self.clock = clock
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let tick = clock.limits.tick
        ticker = context.eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { _ in
            let (watch, context) = bound.value
            if watch.clock.isOverdue(at: .now()) { context.close(promise: nil) }
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        ticker?.cancel()
        ticker = nil
    }

    func read(context: ChannelHandlerContext) {
        clock.isReading = true
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing else { return }
        clock.isReading = false
        if clock.isRefused {
            refuse(context, "503 Service Unavailable\r\nretry-after: 1")
            return
        }
        let count = unwrapInboundIn(data).readableBytes
        clock.received()
        context.fireChannelRead(data)
        if !clock.decoded(count) { refuse(context, "431 Request Header Fields Too Large") }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        clock.isWritable = context.channel.isWritable
        context.fireChannelWritabilityChanged()
    }

    /// Answers without the decoder, unless an earlier answer is still on its way, and closes.
    private func refuse(_ context: ChannelHandlerContext, _ status: String) {
        isClosing = true
        guard clock.unansweredRequests == 0 else {
            context.close(promise: nil)
            return
        }
        let answer = ByteBuffer(string: "HTTP/1.1 \(status)\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(answer)).whenComplete { _ in bound.value.close(promise: nil) }
    }
}

/// Stands behind the decoder: tells the clock where requests and answers begin and end.
final class ConnectionMessageWatch: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let clock: ConnectionClock
    private var isClosing = false

    init(clock: ConnectionClock) {
        self.clock = clock
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            clock.receivedHead()
            // What comes after the decoder no longer knows these two from better requests.
            guard head.uri.hasPrefix("/"), head.headers["host"].count == 1 else {
                refuse(context, head)
                return
            }
        case .body(let bytes): clock.receivedBody(bytes.readableBytes)
        case .end: clock.receivedEnd()
        }
        context.fireChannelRead(data)
    }

    /// Answers 400 and closes, unless an earlier answer is still on its way.
    private func refuse(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
        isClosing = true
        guard clock.unansweredRequests == 1 else {
            context.close(promise: nil)
            return
        }
        let headers: HTTPHeaders = ["content-length": "0", "connection": "close"]
        let answer = HTTPResponseHead(version: head.version, status: .badRequest, headers: headers)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.write(wrapOutboundOut(.head(answer)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in bound.value.close(promise: nil) }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { clock.answered() }
        context.write(data, promise: promise)
    }
}
