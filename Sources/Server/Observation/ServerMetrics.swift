import Synchronization

/// The figures of a server since its start, kept in memory.
///
/// Their number is bounded by the table of routes: no part of a key comes from a client.
final class ServerMetrics: Sendable {
    /// Upper ends of the histogram's buckets, in seconds.
    static let bucketLimits = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    struct RouteKey: Hashable, Sendable {
        var method: String
        var route: String
    }

    struct RouteFigures: Sendable {
        var countByStatus: [Int: Int] = [:]
        /// Not cumulative; the last one is for what took longer than all limits.
        var buckets = [Int](repeating: 0, count: bucketLimits.count + 1)
        var seconds = 0.0

        var count: Int { buckets.reduce(0, +) }
    }

    struct Figures: Sendable {
        var routes: [RouteKey: RouteFigures] = [:]
        var requestsInFlight = 0
        var receivedBytes: Int64 = 0
        var sentBytes: Int64 = 0
    }

    let connections = OpenConnections()
    private let figures = Mutex(Figures())

    var current: Figures { figures.withLock { $0 } }

    func begin() {
        figures.withLock { $0.requestsInFlight += 1 }
    }

    func end(_ request: FinishedRequest) {
        let bucket = Self.bucketLimits.firstIndex { request.seconds <= $0 } ?? Self.bucketLimits.count
        let key = RouteKey(method: request.method, route: request.route)
        figures.withLock { figures in
            figures.requestsInFlight -= 1
            figures.receivedBytes &+= max(0, request.receivedBytes)
            figures.sentBytes &+= max(0, request.sentBytes)
            figures.routes[key, default: RouteFigures()].countByStatus[request.status, default: 0] += 1
            figures.routes[key]?.buckets[bucket] += 1
            figures.routes[key]?.seconds += request.seconds
        }
    }
}
