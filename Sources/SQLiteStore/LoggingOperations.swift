package import Tracking

/// What runs log: metrics, parameters, tags, one by one or in batches.
extension SQLiteStore {
    package func logMetric(_ metric: Metric, runID: String) async throws {
        try Validation.runID(runID)
        try Validation.metric(metric)
        try await write { connection in
            try connection.checkRunIsActive(runID)
            try connection.insertMetrics([metric], runID: runID)
        }
    }

    package func logParam(_ param: Param, runID: String) async throws {
        try Validation.runID(runID)
        let param = try Validation.param(param, longValues: options.longValues)
        try await write { connection in
            try connection.checkRunIsActive(runID)
            try connection.insertParam(param, runID: runID)
        }
    }

    package func setTag(_ tag: Tag, runID: String) async throws {
        try Validation.runID(runID)
        let tag = try Validation.runTag(tag, longValues: options.longValues)
        try await write { connection in
            try connection.checkRunIsActive(runID)
            try connection.setTag(tag, runID: runID)
        }
    }

    package func deleteTag(_ key: String, runID: String) async throws {
        try Validation.runID(runID)
        try await write { connection in
            try connection.checkRunIsActive(runID)
            try connection.run("DELETE FROM tags WHERE key = ? AND run_uuid = ?", .text(key), .text(runID))
            guard connection.changedRows > 0 else {
                throw TrackingError.doesNotExist("No tag with name: \(key) in run with id \(runID)")
            }
        }
    }

    package func logBatch(_ batch: LogBatch) async throws {
        let batch = try Validation.batch(batch, longValues: options.longValues)
        try await write { connection in
            try connection.checkRunIsActive(batch.runID)
            for param in batch.params { try connection.insertParam(param, runID: batch.runID) }
            try connection.insertMetrics(batch.metrics, runID: batch.runID)
            for tag in batch.tags { try connection.setTag(tag, runID: batch.runID) }
        }
    }
}

extension Connection {
    /// Adds points to the history, each once, and makes the last of each key the latest if it is later than that.
    func insertMetrics(_ metrics: [Metric], runID: String) throws {
        let points = metrics.map(StoredPoint.init)
        try write(
            points, runID: runID,
            by: """
                INSERT INTO metrics (run_uuid, key, value, timestamp, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT DO NOTHING
                """)
        try write(
            latest(of: points), runID: runID,
            by: """
                INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT (key, run_uuid) DO UPDATE SET
                    value = excluded.value, timestamp = excluded.timestamp, step = excluded.step,
                    is_nan = excluded.is_nan
                    WHERE (excluded.step, excluded.timestamp, excluded.value)
                        > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)
                """)
        for metric in metrics {
            guard let modelID = metric.modelID, !modelID.isEmpty else { continue }
            try insertModelMetric(metric, value: StoredPoint(metric).value, modelID: modelID, runID: runID)
        }
    }

    /// Runs a statement whose parameters are the columns of a point, the run first, once for each point.
    private func write(_ points: [StoredPoint], runID: String, by sql: String) throws(SQLiteFailure) {
        var boundKey: String?
        try run(sql, forEach: points) { point, statement throws(SQLiteFailure) in
            if boundKey == nil { try statement.bind(runID, at: 1) }
            // Byte by byte: Swift's `==` takes two spellings of an accented letter for the same.
            if boundKey.map({ $0.utf8.elementsEqual(point.key.utf8) }) != true {
                try statement.bind(point.key, at: 2)
                boundKey = point.key
            }
            try statement.bind(point.value, at: 3)
            try statement.bind(point.timestamp, at: 4)
            try statement.bind(point.step, at: 5)
            try statement.bind(point.isNaN ? 1 as Int64 : 0, at: 6)
        }
    }

    /// The latest point of each key; equal ones: the first.
    private func latest(of points: [StoredPoint]) -> [StoredPoint] {
        guard points.count > 1 else { return points }
        var latest: [StoredKey: StoredPoint] = [:]
        for point in points {
            let key = StoredKey(text: point.key)
            if let known = latest[key], !known.isEarlier(than: point) { continue }
            latest[key] = point
        }
        return Array(latest.values)
    }

    private func insertModelMetric(_ metric: Metric, value: Double, modelID: String, runID: String) throws {
        guard try exists("SELECT 1 FROM logged_models WHERE model_id = ?", .text(modelID)) else {
            throw TrackingError.noLoggedModel(id: modelID)
        }
        try run(
            """
            INSERT INTO logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, metric_value,
                experiment_id, run_id, dataset_uuid, dataset_name, dataset_digest)
            SELECT ?1, ?2, ?3, ?4, ?5, r.experiment_id, ?6,
                (SELECT d.dataset_uuid FROM datasets d
                 WHERE d.experiment_id = r.experiment_id AND d.name = ?7 AND d.digest = ?8), ?7, ?8
            FROM runs r WHERE r.run_uuid = ?6
            ON CONFLICT DO NOTHING
            """, .text(modelID), .text(metric.key), .integer(metric.timestamp), .integer(metric.step), .real(value),
            .text(runID), SQLiteValue(metric.datasetName), SQLiteValue(metric.datasetDigest))
    }

    /// Writes a parameter; the same value again is fine, another one is not.
    func insertParam(_ param: Param, runID: String) throws {
        try run(
            "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", .text(param.key),
            .text(param.value), .text(runID))
        guard changedRows == 0 else { return }
        let old = try first("SELECT value FROM params WHERE key = ? AND run_uuid = ?", .text(param.key), .text(runID)) {
            $0.text(0)
        }
        // Byte by byte: Swift's `==` takes two spellings of an accented letter for the same.
        guard let old, !old.utf8.elementsEqual(param.value.utf8) else { return }
        throw TrackingError.paramChanged(key: param.key, old: old, new: param.value, runID: runID)
    }

    /// Sets a tag; the one with the run's name renames the run.
    func setTag(_ tag: Tag, runID: String) throws {
        try upsertTag(tag, runID: runID)
        if tag.key == WellKnownTag.runName {
            try run("UPDATE runs SET name = ? WHERE run_uuid = ?", .text(tag.value), .text(runID))
        }
    }

    func upsertTag(_ tag: Tag, runID: String) throws(SQLiteFailure) {
        try run(
            """
            INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)
            ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value
            """, .text(tag.key), .text(tag.value), .text(runID))
    }
}

/// A key as the database tells keys apart: by its bytes, not as Swift's `==` does.
struct StoredKey: Hashable {
    let text: String

    static func == (left: StoredKey, right: StoredKey) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    func hash(into hasher: inout Hasher) {
        // Equal bytes make equal strings, so their hashes are equal too.
        hasher.combine(text)
    }
}

/// A metric as the tables hold it: NaN is a flag beside the value zero, infinities are the largest finite numbers.
private struct StoredPoint {
    var key: String
    var value: Double
    var timestamp: Int64
    var step: Int64
    var isNaN: Bool

    init(_ metric: Metric) {
        let largest = Double.greatestFiniteMagnitude
        key = metric.key
        isNaN = metric.value.isNaN
        value = isNaN ? 0 : min(max(metric.value, -largest), largest)
        timestamp = metric.timestamp
        step = metric.step
    }

    func isEarlier(than other: StoredPoint) -> Bool {
        (step, timestamp, value) < (other.step, other.timestamp, other.value)
    }
}
