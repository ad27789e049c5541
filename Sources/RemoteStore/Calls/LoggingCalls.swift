import JSON
package import Tracking

/// What runs log: metrics, parameters and tags, one by one or in batches.
extension RemoteStore {
    package func logMetric(_ metric: Metric, runID: String) async throws {
        try Validation.runID(runID)
        try Validation.metric(metric)
        // Stores keep a point once, so that it may arrive twice.
        try await server.perform(
            .post("runs/log-metric", effect: .repeatable) {
                $0.field("run_id", runID)
                $0.members(of: metric)
            })
    }

    package func logParam(_ param: Param, runID: String) async throws {
        try Validation.runID(runID)
        let param = try Validation.param(param, longValues: longValues)
        try await server.perform(
            .post("runs/log-parameter", effect: .repeatable) {
                $0.field("run_id", runID)
                $0.field("key", param.key)
                $0.field("value", param.value)
            })
    }

    package func setTag(_ tag: Tag, runID: String) async throws {
        try Validation.runID(runID)
        let tag = try Validation.runTag(tag, longValues: longValues)
        try await server.perform(
            .post("runs/set-tag", effect: .repeatable) {
                $0.field("run_id", runID)
                $0.members(of: tag)
            })
    }

    package func deleteTag(_ key: String, runID: String) async throws {
        try Validation.runID(runID)
        try await server.perform(
            .post("runs/delete-tag", effect: .removal) {
                $0.field("run_id", runID)
                $0.field("key", key)
            })
    }

    package func logBatch(_ batch: LogBatch) async throws {
        try await send(try Validation.batch(batch, longValues: longValues))
    }

    /// Sends a batch that has been checked.
    func send(_ batch: LogBatch) async throws {
        try await server.perform(
            .post("runs/log-batch", effect: .repeatable) {
                $0.field("run_id", batch.runID)
                $0.field("metrics", batch.metrics) { writer, metric in writer.object { $0.members(of: metric) } }
                $0.params(batch.params)
                $0.tags(batch.tags)
            })
    }
}
