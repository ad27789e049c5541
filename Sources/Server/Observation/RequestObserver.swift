import HTTPTypes
import Hummingbird
import Logging
import NIOCore

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
            sentBytes: isComplete ? Int64(response?.body.contentLength ?? 0) : 0)
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

    /// The answer has been written.
    func end(route: String?, response: Response) {
        observer.end(self, route: route, response: response, isComplete: true)
    }

    /// The connection ended before the answer did, or the request could not be read.
    func cutOff(route: String?, response: Response?) {
        observer.end(self, route: route, response: response, isComplete: false)
    }
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
