import Synchronization
import Tracking

/// The figures of a server since its start, kept in memory.
///
/// Their number is bounded by the table of routes: no part of a key comes from a client.
final class ServerMetrics: Sendable {
    struct RouteKey: Hashable, Sendable {
        var method: String
        var route: String
    }

    struct RouteFigures: Sendable {
        var countByStatus: [Int: Int] = [:]
        var seconds = Histogram(
            limits: [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])
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
        let key = RouteKey(method: request.method, route: request.route)
        figures.withLock { figures in
            figures.requestsInFlight -= 1
            figures.receivedBytes &+= max(0, request.receivedBytes)
            figures.sentBytes &+= max(0, request.sentBytes)
            figures.routes[key, default: RouteFigures()].countByStatus[request.status, default: 0] += 1
            figures.routes[key]?.seconds.add(request.seconds)
        }
    }
}
