import Tracking

/// Figures in the text form that Prometheus reads (version 0.0.4).
struct PrometheusText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var text = ""

    enum Kind: String {
        case counter, gauge, histogram
    }

    /// Begins a family of samples; each is begun once, before its samples.
    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    mutating func sample(
        _ name: String, _ labels: [(String, String)], _ value: some Numeric & CustomStringConvertible
    ) {
        text += name
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",") + "}"
        }
        text += " \(value)\n"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}

extension PrometheusText {
    /// All figures of a server.
    ///
    /// Requests have the names that MLflow's exporter gives them, with the route as one more label, so that its dashboards go on to
    /// work.
    ///
    /// - Parameter writes: nil where the store does not tell.
    init(
        _ figures: ServerMetrics.Figures, connections: Int, process: ProcessFigures, writes: WriteFigures? = nil
    ) {
        let routes = figures.routes.sorted { ($0.key.route, $0.key.method) < ($1.key.route, $1.key.method) }
        family("mlflow_http_request_total", .counter, "Requests that have been answered.")
        for (key, route) in routes {
            for (status, count) in route.countByStatus.sorted(by: { $0.key < $1.key }) {
                sample("mlflow_http_request_total", Self.labels(key) + [("status", String(status))], count)
            }
        }
        family(
            "mlflow_http_request_duration_seconds", .histogram,
            "From the end of a request's headers to the end of its answer.")
        for (key, route) in routes {
            histogram("mlflow_http_request_duration_seconds", Self.labels(key), route.seconds)
        }
        family("swiftflow_http_requests_in_flight", .gauge, "Requests that are being answered.")
        sample("swiftflow_http_requests_in_flight", [], figures.requestsInFlight)
        family("swiftflow_http_connections", .gauge, "Connections that are open.")
        sample("swiftflow_http_connections", [], connections)
        family("swiftflow_http_received_bytes_total", .counter, "Bodies of requests, where their length was announced.")
        sample("swiftflow_http_received_bytes_total", [], figures.receivedBytes)
        family("swiftflow_http_sent_bytes_total", .counter, "Bodies of answers.")
        sample("swiftflow_http_sent_bytes_total", [], figures.sentBytes)
        if let writes {
            family("swiftflow_store_commit_writes", .histogram, "How many writes shared one commit.")
            histogram("swiftflow_store_commit_writes", [], writes.commitSizes)
            family("swiftflow_store_write_seconds", .histogram, "From the moment a write is asked for to its commit.")
            histogram("swiftflow_store_write_seconds", [], writes.waits)
            family("swiftflow_store_writes_waiting", .gauge, "Writes that are not committed yet.")
            sample("swiftflow_store_writes_waiting", [], writes.waiting)
        }
        family("swiftflow_info", .gauge, "The API that is served.")
        sample("swiftflow_info", [("mlflow_version", MLflowAPI.version)], 1)
        family("process_resident_memory_bytes", .gauge, "Memory in use.")
        sample("process_resident_memory_bytes", [], process.residentBytes)
        family("process_cpu_seconds_total", .counter, "Time spent computing.")
        sample("process_cpu_seconds_total", [], process.cpuSeconds)
    }

    private static func labels(_ key: ServerMetrics.RouteKey) -> [(String, String)] {
        [("method", key.method), ("route", key.route)]
    }

    private mutating func histogram(_ name: String, _ labels: [(String, String)], _ figures: Histogram) {
        var count = 0
        for (limit, inBucket) in zip(figures.limits, figures.buckets) {
            count += inBucket
            sample("\(name)_bucket", labels + [("le", "\(limit)")], count)
        }
        sample("\(name)_bucket", labels + [("le", "+Inf")], figures.count)
        sample("\(name)_sum", labels, figures.sum)
        sample("\(name)_count", labels, figures.count)
    }
}
