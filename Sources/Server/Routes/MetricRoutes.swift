import Hummingbird
import JSON
import Tracking

/// Reading metrics: whole histories, several runs at once, and thinned-out ones for charts.
struct MetricRoutes: RouteProvider {
    let store: any TrackingStore

    var routes: [Route] {
        Route.call(.get, "mlflow/metrics/get-history", handler: history)
            + [
                Route(.get, "/ajax-api/2.0/mlflow/metrics/get-history-bulk", handler: bulkHistory)
            ]
            + Route.call(.get, "mlflow/metrics/get-history-bulk-interval", handler: sampledHistories)
    }

    @Sendable private func history(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let limit = try message.integer("max_results")
        if let limit, limit <= 0 { try Validation.maxResults(0, limit: Limits.metricHistoryResults) }
        let query = MetricHistoryQuery(
            runID: try message.runID(), key: try message.requiredString("metric_key"),
            maxResults: limit.map { Int(clamping: $0) }, pageToken: try message.nonEmptyString("page_token"))
        let page = try await store.metricPoints(query)
        return MetricList(
            key: query.key, series: [MetricSeries(runID: query.runID, points: page.elements)],
            nextPageToken: page.nextPageToken
        ).response
    }

    @Sendable private func bulkHistory(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let runIDs = try runIDs(
            message, "run_id", call: "GetMetricHistoryBulk", bound: "cannot specify more than")
        guard let key = try message.string("metric_key") else {
            throw APIError.invalidParameter("GetMetricHistoryBulk request must specify a metric_key.")
        }
        let limit = try message.integer("max_results").map { Int(clamping: $0) } ?? Limits.metricHistoryResults
        guard limit > 0 else {
            try Validation.maxResults(limit, limit: Limits.metricHistoryResults)
            return .empty
        }
        let series = try await store.metricSeries(
            runIDs: runIDs, key: key, maxResults: min(limit, Limits.metricHistoryResults))
        // The web pages read the list even when it is empty.
        return MetricList(key: key, series: series, namesRuns: true, writesEmptyList: true).response
    }

    @Sendable private func sampledHistories(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        guard try !message.strings("run_ids").isEmpty else { throw message.missing("run_ids") }
        let runIDs = try runIDs(
            message, "run_ids", call: "GetMetricHistoryBulkInterval", bound: "must specify at most")
        let steps: ClosedRange<Int64>?
        switch (try message.integer("start_step"), try message.integer("end_step")) {
        case (nil, nil): steps = nil
        case (let start?, let end?):
            guard start <= end else {
                throw APIError.invalidParameter(
                    "end_step must be greater than start_step. Found start_step=\(start) and end_step=\(end).")
            }
            steps = start...end
        default:
            throw APIError.invalidParameter(
                "If either start step or end step are specified, both must be specified.")
        }
        let limit = try message.integer("max_results").map { Int(clamping: $0) } ?? Limits.metricIntervalResults
        guard (1...Limits.metricIntervalResults).contains(limit) else {
            throw APIError.invalidParameter("max_results must be between 1 and \(Limits.metricIntervalResults).")
        }
        let query = MetricIntervalQuery(
            runIDs: runIDs, key: try message.requiredString("metric_key"), steps: steps, maxResults: limit)
        let series = try await store.sampledMetricSeries(query)
        return MetricList(key: query.key, series: series, namesRuns: true).response
    }

    /// The runs that a call names; `bound` is how MLflow words the limit of that call.
    private func runIDs(_ message: RequestMessage, _ name: String, call: String, bound: String) throws -> [String] {
        let ids = try message.strings(name)
        guard !ids.isEmpty else {
            throw APIError.invalidParameter("\(call) request must specify at least one run_id.")
        }
        guard ids.count <= Limits.metricHistoryRuns else {
            throw APIError.invalidParameter(
                "\(call) request \(bound) \(Limits.metricHistoryRuns) run_ids. "
                    + "Received \(ids.count) run_ids.")
        }
        for id in ids { try Validation.runID(id, path: name) }
        return ids
    }
}
