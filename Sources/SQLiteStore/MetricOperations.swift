package import Tracking

/// Reading the histories of metrics.
extension SQLiteStore {
    package func metricHistory(_ query: MetricHistoryQuery) async throws -> Page<Metric> {
        try Validation.runID(query.runID)
        let offset = try PageToken(query.pageToken).offset
        if let maxResults = query.maxResults { try Validation.maxResults(maxResults, limit: Int(Int32.max) - 1) }
        return try await read { connection in
            guard let maxResults = query.maxResults else {
                let points = try connection.points(runID: query.runID, key: query.key)
                return Page(Array(points.dropFirst(offset)))
            }
            let found = try connection.all(
                """
                SELECT value, timestamp, step, is_nan FROM metrics WHERE run_uuid = ? AND key = ?
                ORDER BY timestamp, step, value LIMIT ? OFFSET ?
                """, .text(query.runID), .text(query.key), SQLiteValue(maxResults + 1), SQLiteValue(offset)
            ) { Metric(row: $0, key: query.key) }
            return page(found, of: maxResults, offset: offset) { $0 }
        }
    }

    package func metricHistories(runIDs: [String], key: String, maxResults: Int) async throws -> [Metric] {
        for id in runIDs { try Validation.runID(id, path: "run_ids") }
        return try await read { connection in
            var points: [Metric] = []
            for id in Set(runIDs).sorted() where points.count < maxResults {
                points += try connection.points(runID: id, key: key).prefix(maxResults - points.count).map {
                    var point = $0
                    point.runID = id
                    return point
                }
            }
            return points
        }
    }

    package func sampledMetricHistories(_ query: MetricIntervalQuery) async throws -> [Metric] {
        for id in query.runIDs { try Validation.runID(id, path: "run_ids") }
        let limit = max(1, query.maxResults)
        let steps = query.steps ?? Int64.min...Int64.max
        return try await read { connection in
            try query.runIDs.flatMap { try connection.sample(runID: $0, key: query.key, steps: steps, limit: limit) }
        }
    }
}

extension Metric {
    /// From a row of value, timestamp, step and the flag for NaN.
    init(row: Row, key: String, runID: String? = nil) {
        self.init(
            key, row.integer(3) == 0 ? row.real(0) : .nan, timestamp: row.integer(1), step: row.integer(2),
            runID: runID)
    }

    /// The order of a history, NaN counting as the zero it is stored as.
    fileprivate static func precedes(_ left: Metric, _ right: Metric) -> Bool {
        let values = (left.value.isNaN ? 0 : left.value, right.value.isNaN ? 0 : right.value)
        return (left.timestamp, left.step, values.0) < (right.timestamp, right.step, values.1)
    }
}

extension Connection {
    /// The whole history of one metric, in order.
    func points(runID: String, key: String) throws -> [Metric] {
        // The index delivers the points by step, which is nearly always the order of time as well; then the check
        // below is all the sorting there is to do.
        var isSorted = true
        var last = (timestamp: Int64.min, step: Int64.min, value: -Double.infinity)
        var points: [Metric] = []
        try forEach(
            """
            SELECT value, timestamp, step, is_nan FROM metrics INDEXED BY index_metrics_run_uuid_key_step
            WHERE run_uuid = ? AND key = ? ORDER BY step
            """, [.text(runID), .text(key)]
        ) { row in
            // NaN is stored as zero, and ordered as such.
            let place = (timestamp: row.integer(1), step: row.integer(2), value: row.real(0))
            if place < last { isSorted = false }
            last = place
            points.append(
                Metric(
                    key, row.integer(3) == 0 ? place.value : .nan, timestamp: place.timestamp, step: place.step))
        }
        return isSorted ? points : points.sorted(by: Metric.precedes)
    }

    /// At most `limit` points of a history by step: the first of each of as many equal parts, and the very last.
    fileprivate func sample(runID: String, key: String, steps: ClosedRange<Int64>, limit: Int) throws -> [Metric] {
        let range: [SQLiteValue] = [.text(runID), .text(key), .integer(steps.lowerBound), .integer(steps.upperBound)]
        let count = try first(
            "SELECT count(*) FROM metrics WHERE run_uuid = ?1 AND key = ?2 AND step BETWEEN ?3 AND ?4", range[0],
            range[1], range[2], range[3]
        ) { Int($0.integer(0)) }
        guard let count, count > 0 else { return [] }
        let parts = min(limit, count)
        var sample: [Metric] = []
        var last: Metric?
        var index = 0
        try forEach(
            """
            SELECT value, timestamp, step, is_nan FROM metrics
            WHERE run_uuid = ?1 AND key = ?2 AND step BETWEEN ?3 AND ?4 ORDER BY step, timestamp, value, is_nan
            """, range
        ) { row in
            let isFirstOfPart = sample.count < parts && index == start(ofPart: sample.count, of: parts, in: count)
            if isFirstOfPart || index == count - 1 {
                let point = Metric(row: row, key: key, runID: runID)
                if isFirstOfPart { sample.append(point) }
                last = point
            }
            index += 1
        }
        if let last, sample.last != last {
            if sample.count == limit { sample.removeLast() }
            sample.append(last)
        }
        return sample
    }
}

/// Where a part begins when `count` things are dealt into parts as equal as possible, the larger ones first.
private func start(ofPart part: Int, of parts: Int, in count: Int) -> Int {
    part * (count / parts) + min(part, count % parts)
}
