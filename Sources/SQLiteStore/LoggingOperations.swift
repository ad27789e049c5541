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
            try connection.setTags([tag], runID: runID)
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
            try connection.setTags(batch.tags, runID: batch.runID)
        }
    }
}

extension Connection {
    /// Adds points to the history, each once, and makes the last of each key the latest if it is later than that.
    func insertMetrics(_ metrics: [Metric], runID: String) throws {
        var latest: [StoredPoint] = []
        for points in StoredPoint.byKey(metrics) {
            try insert(points, runID: runID)
            // Of equal points the first.
            if var last = points.first {
                for point in points where last.isEarlier(than: point) { last = point }
                latest.append(last)
            }
        }
        try run(
            """
            INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (key, run_uuid) DO UPDATE SET
                value = excluded.value, timestamp = excluded.timestamp, step = excluded.step,
                is_nan = excluded.is_nan
                WHERE (excluded.step, excluded.timestamp, excluded.value)
                    > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)
            """, forEach: latest
        ) { point, statement throws(SQLiteFailure) in
            try statement.bind(runID, at: 1)
            try statement.bind(point.key, at: 2)
            try statement.bind(point, at: 3)
        }
        for metric in metrics {
            guard let modelID = metric.modelID, !modelID.isEmpty else { continue }
            try insertModelMetric(metric, value: StoredPoint(metric).value, modelID: modelID, runID: runID)
        }
    }

    /// Adds points of one key to the history, many of them by one statement: each statement opens four B-trees anew.
    private func insert(_ points: [StoredPoint], runID: String) throws(SQLiteFailure) {
        guard let key = points.first?.key else { return }
        var rest = points[...]
        for size in [64, 8, 1] where rest.count >= size {
            let whole = rest.prefix(rest.count / size * size)
            var chunks: [ArraySlice<StoredPoint>] = []
            for start in stride(from: whole.startIndex, to: whole.endIndex, by: size) {
                chunks.append(whole[start..<start + size])
            }
            try run(Self.insertion(of: size), forEach: chunks) { chunk, statement throws(SQLiteFailure) in
                // A value stays bound until it is replaced.
                if chunk.startIndex == whole.startIndex {
                    try statement.bind(runID, at: 1)
                    try statement.bind(key, at: 2)
                }
                var index: Int32 = 3
                for point in chunk {
                    try statement.bind(point, at: index)
                    index += 4
                }
            }
            rest = rest.dropFirst(whole.count)
        }
    }

    private static func insertion(of count: Int) -> String {
        switch count {
        case 64: insertion64
        case 8: insertion8
        default: insertion1
        }
    }

    private static let insertion1 = makeInsertion(of: 1)
    private static let insertion8 = makeInsertion(of: 8)
    private static let insertion64 = makeInsertion(of: 64)

    private static func makeInsertion(of count: Int) -> String {
        "INSERT INTO metrics (run_uuid, key, value, timestamp, step, is_nan) VALUES "
            + Array(repeating: "(?1, ?2, ?, ?, ?, ?)", count: count).joined(separator: ", ")
            + " ON CONFLICT DO NOTHING"
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

    /// Sets tags; the one with the run's name renames the run.
    func setTags(_ tags: [Tag], runID: String) throws {
        try upsertTags(tags, runID: runID)
        for tag in tags where tag.key == WellKnownTag.runName {
            try run("UPDATE runs SET name = ? WHERE run_uuid = ?", .text(tag.value), .text(runID))
        }
    }

    /// Writes tags, the last of each key; many by one statement, since each statement opens three B-trees anew.
    func upsertTags(_ tags: [Tag], runID: String) throws(SQLiteFailure) {
        let whole = tags.count / 8 * 8
        let chunks = stride(from: 0, to: whole, by: 8).map { tags[$0..<$0 + 8] }
        try upsert(chunks, by: Self.upsertion8, runID: runID)
        try upsert(tags[whole...].map { [$0] }, by: Self.upsertion1, runID: runID)
    }

    private func upsert(_ chunks: [ArraySlice<Tag>], by sql: String, runID: String) throws(SQLiteFailure) {
        guard !chunks.isEmpty else { return }
        try run(sql, forEach: chunks) { chunk, statement throws(SQLiteFailure) in
            try statement.bind(runID, at: 1)
            var index: Int32 = 2
            for tag in chunk {
                try statement.bind(tag.key, at: index)
                try statement.bind(tag.value, at: index + 1)
                index += 2
            }
        }
    }

    private static let upsertion1 = makeUpsertion(of: 1)
    private static let upsertion8 = makeUpsertion(of: 8)

    private static func makeUpsertion(of count: Int) -> String {
        "INSERT INTO tags (run_uuid, key, value) VALUES "
            + Array(repeating: "(?1, ?, ?)", count: count).joined(separator: ", ")
            + " ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value"
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

    /// The points of each key together, since the tables' indexes have them together, in the order in which they were given.
    static func byKey(_ metrics: [Metric]) -> [[StoredPoint]] {
        guard metrics.count > 1 else { return metrics.map { [StoredPoint($0)] } }
        var groups: [[StoredPoint]] = []
        var places: [StoredKey: Int] = [:]
        for metric in metrics {
            let place = places[StoredKey(text: metric.key), default: groups.count]
            if place == groups.count {
                places[StoredKey(text: metric.key)] = place
                groups.append([])
            }
            groups[place].append(StoredPoint(metric))
        }
        return groups
    }
}

extension Statement {
    /// Gives four parameters the value, the timestamp, the step and the flag for NaN.
    fileprivate func bind(_ point: StoredPoint, at index: Int32) throws(SQLiteFailure) {
        try bind(point.value, at: index)
        try bind(point.timestamp, at: index + 1)
        try bind(point.step, at: index + 2)
        try bind(point.isNaN ? 1 as Int64 : 0, at: index + 3)
    }
}
