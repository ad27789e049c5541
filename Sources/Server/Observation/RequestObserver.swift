import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization

/// Watches requests from the moment they are read to the end of their answer: counts them, and writes one line of log for each.
///
/// What it keeps of a request is its method, the pattern of its route, the status, sizes, times and the client's address; never a query, a
/// header or a body, so that no secret can get into a log.
struct RequestObserver: Sendable {
    let metrics: ServerMetrics
    let logger: Logger

    /// Asked so often by machines that nobody wants to read of it.
    private static let quietRoutes: Set<String> = ["/health", "/version", "/metrics"]

    func begin(_ request: Request, on channel: any Channel) -> Observation {
        metrics.begin()
        return Observation(
            observer: self, request: request, client: channel.remoteAddress?.ipAddress,
            start: ContinuousClock.now)
    }

    fileprivate func end(_ observation: Observation, route: String?, response: Response?, isComplete: Bool) {
        let duration = ContinuousClock.now - observation.start
        let pattern = route == nil || route == "NotFound" ? nil : route
        let request = FinishedRequest(
            method: Self.knownMethods.contains(observation.request.method)
                ? observation.request.method.rawValue : "other",
            route: pattern ?? "none", status: Int(response?.status.code ?? 400), seconds: duration / .seconds(1),
            receivedBytes: observation.request.headers[.contentLength].flatMap { Int64($0) } ?? 0,
            sentBytes: observation.sentBytes(of: response, isComplete: isComplete))
        metrics.end(request)
        let level: Logger.Level = Self.quietRoutes.contains(request.route) ? .debug : .info
        guard logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = [
            "method": "\(request.method)", "route": "\(request.route)",
            "status": .stringConvertible(request.status),
            "ms": .stringConvertible((request.seconds * 100_000).rounded() / 100),
            "in": .stringConvertible(request.receivedBytes), "out": .stringConvertible(request.sentBytes),
            "client": "\(observation.client ?? "unknown")",
        ]
        // What no route answers is not told by its pattern.
        if pattern == nil { metadata["path"] = "\(observation.request.uri.path.prefix(200))" }
        if !isComplete { metadata["cut"] = "true" }
        logger.log(level: level, "request", metadata: metadata)
    }

    /// Others are counted together, so that a client cannot make the figures grow.
    private static let knownMethods: Set<HTTPRequest.Method> = [.get, .head, .post, .put, .patch, .delete, .options]
}

/// One request under way; `end` or `cutOff` is called once.
struct Observation: Sendable {
    fileprivate let observer: RequestObserver
    fileprivate let request: Request
    fileprivate let client: String?
    fileprivate let start: ContinuousClock.Instant
    /// Of an answer whose length nobody knows beforehand.
    private let counted = ByteCount()

    fileprivate init(observer: RequestObserver, request: Request, client: String?, start: ContinuousClock.Instant) {
        self.observer = observer
        self.request = request
        self.client = client
        self.start = start
    }

    /// The same body; counts it while it is sent, if its length is not known.
    func counting(_ body: ResponseBody) -> ResponseBody {
        guard body.contentLength == nil else { return body }
        return body.map { [counted] piece in
            counted.add(piece.readableBytes)
            return piece
        }
    }

    fileprivate func sentBytes(of response: Response?, isComplete: Bool) -> Int64 {
        guard let length = response?.body.contentLength else { return counted.value }
        return isComplete ? Int64(length) : 0
    }

    /// The answer has been written.
    func end(route: String?, response: Response) {
        observer.end(self, route: route, response: response, isComplete: true)
    }

    /// The connection ended before the answer did, or the request could not be read.
    func cutOff(route: String?, response: Response?) {
        observer.end(self, route: route, response: response, isComplete: false)
    }
}

private final class ByteCount: Sendable {
    private let count = Atomic<Int64>(0)

    var value: Int64 { count.load(ordering: .relaxed) }

    func add(_ more: Int) { count.add(Int64(more), ordering: .relaxed) }
}

/// What is known of a request that has been answered.
struct FinishedRequest: Sendable {
    var method: String
    /// The pattern of its route, or `none`.
    var route: String
    var status: Int
    var seconds: Double
    var receivedBytes: Int64
    var sentBytes: Int64
}
