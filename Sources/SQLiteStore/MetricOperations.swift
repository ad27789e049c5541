package import Tracking

/// Reading the histories of metrics.
extension SQLiteStore {
    package func metricPoints(_ query: MetricHistoryQuery) async throws -> Page<MetricPoint> {
        try Validation.runID(query.runID)
        let offset = try PageToken(query.pageToken).offset
        if let maxResults = query.maxResults { try Validation.maxResults(maxResults, limit: Int(Int32.max) - 1) }
        return try await read { connection in
            let points = try connection.points(runID: query.runID, key: query.key)
            guard let maxResults = query.maxResults else {
                return Page(offset == 0 ? points : Array(points.dropFirst(offset)))
            }
            return page(Array(points.dropFirst(offset).prefix(maxResults + 1)), of: maxResults, offset: offset) { $0 }
        }
    }

    package func metricSeries(runIDs: [String], key: String, maxResults: Int) async throws -> [MetricSeries] {
        for id in runIDs { try Validation.runID(id, path: "run_ids") }
        return try await read { connection in
            var series: [MetricSeries] = []
            var missing = maxResults
            for id in Set(runIDs).sorted() where missing > 0 {
                let points = try connection.points(runID: id, key: key)
                series.append(MetricSeries(runID: id, points: Array(points.prefix(missing))))
                missing -= min(points.count, missing)
            }
            return series
        }
    }

    package func sampledMetricSeries(_ query: MetricIntervalQuery) async throws -> [MetricSeries] {
        for id in query.runIDs { try Validation.runID(id, path: "run_ids") }
        let limit = max(1, query.maxResults)
        let steps = query.steps ?? Int64.min...Int64.max
        return try await read { connection in
            try query.runIDs.map {
                MetricSeries(
                    runID: $0, points: try connection.sample(runID: $0, key: query.key, steps: steps, limit: limit))
            }
        }
    }
}

extension MetricPoint {
    /// From a row of value, timestamp, step and the flag for NaN.
    fileprivate init(row: Row) {
        self.init(row.integer(3) == 0 ? row.real(0) : .nan, timestamp: row.integer(1), step: row.integer(2))
    }
}

extension Connection {
    /// The whole history of one metric, in order.
    func points(runID: String, key: String) throws -> [MetricPoint] {
        // The index delivers the points by step, which is nearly always the order of time as well; then the check
        // below is all the sorting there is to do.
        var isSorted = true
        var points: [MetricPoint] = []
        try forEach(
            """
            SELECT value, timestamp, step, is_nan FROM metrics INDEXED BY index_metrics_run_uuid_key_step
            WHERE run_uuid = ? AND key = ? ORDER BY step
            """, [.text(runID), .text(key)]
        ) { row in
            let point = MetricPoint(row: row)
            if let last = points.last, MetricPoint.precedes(point, last) { isSorted = false }
            points.append(point)
        }
        return isSorted ? points : points.sorted(by: MetricPoint.precedes)
    }

    /// At most `limit` points of a history by step: the first of each of as many equal parts, and the very last.
    fileprivate func sample(
        runID: String, key: String, steps: ClosedRange<Int64>, limit: Int
    ) throws -> [MetricPoint] {
        // The index alone tells the steps; only the points that are chosen are fetched.
        var candidates: [(step: Int64, rowID: Int64)] = []
        try forEach(
            """
            SELECT step, rowid FROM metrics INDEXED BY index_metrics_run_uuid_key_step
            WHERE run_uuid = ?1 AND key = ?2 AND step BETWEEN ?3 AND ?4 ORDER BY step
            """, [.text(runID), .text(key), .integer(steps.lowerBound), .integer(steps.upperBound)]
        ) { candidates.append(($0.integer(0), $0.integer(1))) }
        let count = candidates.count
        guard count > 0 else { return [] }
        let parts = min(limit, count)
        var places = (0..<parts).map { start(ofPart: $0, of: parts, in: count) }
        if places.last != count - 1 {
            if places.count == limit { places.removeLast() }
            places.append(count - 1)
        }
        // Points of one step are ordered among themselves by time and value, which the index does not know.
        var sameStep = 0..<0
        var sorted: [MetricPoint] = []
        return try places.map { place in
            if !sameStep.contains(place) {
                let step = candidates[place].step
                let start = candidates[..<place].lastIndex { $0.step != step }.map { $0 + 1 } ?? 0
                let end = candidates[place...].firstIndex { $0.step != step } ?? count
                sameStep = start..<end
                sorted = try candidates[sameStep].map { try point(rowID: $0.rowID) }.sorted(by: MetricPoint.precedes)
            }
            return sorted[place - sameStep.lowerBound]
        }
    }

    private func point(rowID: Int64) throws -> MetricPoint {
        let point = try first(
            "SELECT value, timestamp, step, is_nan FROM metrics WHERE rowid = ?", .integer(rowID),
            transform: MetricPoint.init(row:))
        guard let point else { throw TrackingError(.internalError, "a point of a metric vanished while it was read") }
        return point
    }
}

/// Where a part begins when `count` things are dealt into parts as equal as possible, the larger ones first.
private func start(ofPart part: Int, of parts: Int, in count: Int) -> Int {
    part * (count / parts) + min(part, count % parts)
}
