package import Tracking

/// Reading the histories of metrics.
extension RemoteStore {
    package func metricPoints(_ query: MetricHistoryQuery) async throws -> Page<MetricPoint> {
        try Validation.runID(query.runID)
        if let maxResults = query.maxResults {
            try Validation.maxResults(maxResults, limit: Int(Int32.max) - 1)
            return try await historyPage(query, maxResults: maxResults, token: query.pageToken)
        }
        // Asked for all: in pages, so that no answer is too long.
        var all: [MetricPoint] = []
        var token = query.pageToken
        repeat {
            let page = try await historyPage(query, maxResults: Limits.metricHistoryResults, token: token)
            all += page.elements
            token = page.nextPageToken
        } while token != nil
        return Page(all)
    }

    private func historyPage(
        _ query: MetricHistoryQuery, maxResults: Int, token: String?
    ) async throws -> Page<MetricPoint> {
        try await server.answer(
            .get(
                "metrics/get-history",
                fields: [
                    ("run_id", query.runID), ("metric_key", query.key), ("max_results", String(maxResults)),
                    ("page_token", token),
                ])
        ).page("metrics") { message throws(TrackingError) in MetricPoint(try message.metric()) }
    }

    package func metricSeries(runIDs: [String], key: String, maxResults: Int) async throws -> [MetricSeries] {
        for id in runIDs { try Validation.runID(id, path: "run_ids") }
        var points: [Metric] = []
        for part in Set(runIDs).sorted().parts(of: Limits.metricHistoryRuns) where points.count < maxResults {
            let limit = min(maxResults - points.count, Limits.metricHistoryResults)
            let call = APICall.get(
                "metrics/get-history-bulk",
                fields: part.map { ("run_id", $0) } + [("metric_key", key), ("max_results", String(limit))]
            ).underWebPrefix()
            points += try await server.answer(call).list("metrics") { message throws(TrackingError) in
                try message.metric()
            }
        }
        return points.byRun
    }

    package func sampledMetricSeries(_ query: MetricIntervalQuery) async throws -> [MetricSeries] {
        for id in query.runIDs { try Validation.runID(id, path: "run_ids") }
        let limit = min(max(1, query.maxResults), Limits.metricIntervalResults)
        var points: [Metric] = []
        for part in query.runIDs.parts(of: Limits.metricHistoryRuns) {
            points += try await server.answer(
                .get(
                    "metrics/get-history-bulk-interval",
                    fields: part.map { ("run_ids", $0) } + [
                        ("metric_key", query.key), ("start_step", query.steps.map { String($0.lowerBound) }),
                        ("end_step", query.steps.map { String($0.upperBound) }), ("max_results", String(limit)),
                    ])
            ).list("metrics") { message throws(TrackingError) in try message.metric() }
        }
        return points.byRun
    }
}

extension [Metric] {
    /// Metrics that lie together by their run, as series.
    fileprivate var byRun: [MetricSeries] {
        var all: [MetricSeries] = []
        for metric in self {
            let runID = metric.runID ?? ""
            if all.last?.runID != runID { all.append(MetricSeries(runID: runID, points: [])) }
            all[all.count - 1].points.append(MetricPoint(metric))
        }
        return all
    }
}
