import Hummingbird
import Tracking

/// What runs log: metrics, parameters and tags, one by one and in batches.
struct LoggingRoutes: RouteProvider {
    let store: any TrackingStore

    var routes: [Route] {
        Route.call(.post, "mlflow/runs/log-metric", handler: logMetric)
            + Route.call(.post, "mlflow/runs/log-parameter", handler: logParameter)
            + Route.call(.post, "mlflow/runs/set-tag", handler: setTag)
            + Route.call(.post, "mlflow/runs/delete-tag", handler: deleteTag)
            + Route.call(.post, "mlflow/runs/log-batch", handler: logBatch)
    }

    @Sendable private func logMetric(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        try await store.logMetric(try message.metric(), runID: try message.runID())
        return .empty
    }

    @Sendable private func logParameter(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let runID = try message.runID()
        let param = Param(try message.requiredString("key"), try message.string("value") ?? "")
        try await store.logParam(param, runID: runID)
        return .empty
    }

    @Sendable private func setTag(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let runID = try message.runID()
        let tag = Tag(try message.requiredString("key"), try message.string("value") ?? "")
        try await store.setTag(tag, runID: runID)
        return .empty
    }

    @Sendable private func deleteTag(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let runID = try message.runID()
        try await store.deleteTag(try message.requiredString("key"), runID: runID)
        return .empty
    }

    @Sendable private func logBatch(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        try await store.logBatch(
            LogBatch(
                runID: try message.runID(), metrics: try message.messages("metrics").map { try $0.metric() },
                params: try message.params(), tags: try message.tags()))
        return .empty
    }
}
