import Hummingbird
import JSON
import Tracking

/// What runs consumed and produced: datasets and logged models.
struct InputRoutes: RouteProvider {
    /// More experiments are not asked about at once.
    private static let datasetExperimentLimit = 20

    let store: any TrackingStore

    var routes: [Route] {
        Route.call(.post, "mlflow/runs/log-inputs", handler: logInputs)
            + Route.call(.post, "mlflow/runs/outputs", handler: logOutputs)
            + [Route(.post, "/ajax-api/2.0/mlflow/experiments/search-datasets", handler: searchDatasets)]
    }

    @Sendable private func logInputs(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let runID = try message.runID()
        let datasets = try message.messages("datasets").map { input in
            guard let dataset = try input.message("dataset") else { throw input.missing("dataset") }
            return DatasetInput(
                Dataset(
                    name: try dataset.requiredString("name"), digest: try dataset.requiredString("digest"),
                    sourceType: try dataset.requiredString("source_type"),
                    source: try dataset.requiredString("source"), schema: try dataset.string("schema"),
                    profile: try dataset.string("profile")),
                tags: try input.tags())
        }
        let models = try message.messages("models").map {
            LoggedModelInput(modelID: try $0.requiredString("model_id"))
        }
        try await store.logInputs(RunInputs(datasets: datasets, models: models), runID: runID)
        return .empty
    }

    @Sendable private func logOutputs(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let runID = try message.runID()
        guard try message.has("models") else { throw message.missing("models") }
        let models = try message.messages("models").map {
            LoggedModelOutput(modelID: try $0.requiredString("model_id"), step: try $0.integer("step") ?? 0)
        }
        try await store.logOutputs(models, runID: runID)
        return .empty
    }

    @Sendable private func searchDatasets(_ request: APIRequest) async throws -> Response {
        let ids = try await request.message().strings("experiment_ids")
        guard !ids.isEmpty else {
            throw APIError.invalidParameter("SearchDatasets request must specify at least one experiment_id.")
        }
        guard ids.count <= Self.datasetExperimentLimit else {
            throw APIError.invalidParameter(
                "SearchDatasets request cannot specify more than \(Self.datasetExperimentLimit) experiment_ids. "
                    + "Received \(ids.count) experiment_ids.")
        }
        for id in ids { _ = try Validation.experimentID(id) }
        let summaries = try await store.datasets(experimentIDs: ids)
        return .json {
            $0.field("dataset_summaries", summaries) { writer, summary in
                writer.object {
                    $0.field("experiment_id", summary.experimentID)
                    $0.field("name", summary.name)
                    $0.field("digest", summary.digest)
                    $0.field("context", summary.context)
                }
            }
        }
    }
}
