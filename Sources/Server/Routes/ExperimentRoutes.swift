import Hummingbird
import JSON
import Tracking

/// Experiments: create, look up, search, change, delete and restore.
struct ExperimentRoutes: RouteProvider {
    let store: any TrackingStore

    var routes: [Route] {
        Route.call(.post, "mlflow/experiments/create", handler: create)
            + Route.call(.get, "mlflow/experiments/get", handler: get)
            + Route.call(.get, "mlflow/experiments/get-by-name", handler: getByName)
            + Route.call(.post, "mlflow/experiments/update", handler: update)
            + Route.call(.post, "mlflow/experiments/delete", handler: delete)
            + Route.call(.post, "mlflow/experiments/restore", handler: restore)
            + Route.call(.post, "mlflow/experiments/set-experiment-tag", handler: setTag)
            + Route.call(.post, "mlflow/experiments/delete-experiment-tag", handler: deleteTag)
            + Route.call(.get, "mlflow/experiments/search", handler: search)
            + Route.call(.post, "mlflow/experiments/search", handler: search)
    }

    @Sendable private func create(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let id = try await store.createExperiment(
            ExperimentCreation(
                name: try message.requiredString("name"),
                artifactLocation: try message.nonEmptyString("artifact_location"), tags: try message.tags()))
        return .json { $0.field("experiment_id", id) }
    }

    @Sendable private func get(_ request: APIRequest) async throws -> Response {
        let experiment = try await store.experiment(id: try await request.message().experimentID())
        return answer(experiment)
    }

    @Sendable private func getByName(_ request: APIRequest) async throws -> Response {
        let name = try await request.message().requiredString("experiment_name")
        return answer(try await store.experiment(named: name))
    }

    private func answer(_ experiment: Experiment) -> Response {
        .json {
            $0.name("experiment")
            $0.experiment(experiment)
        }
    }

    @Sendable private func update(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        try await store.renameExperiment(
            id: try message.experimentID(), to: try message.requiredString("new_name"))
        return .empty
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> Response {
        try await store.deleteExperiment(id: try await request.message().experimentID())
        return .empty
    }

    @Sendable private func restore(_ request: APIRequest) async throws -> Response {
        try await store.restoreExperiment(id: try await request.message().experimentID())
        return .empty
    }

    @Sendable private func setTag(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let tag = Tag(try message.requiredString("key"), try message.string("value") ?? "")
        try await store.setExperimentTag(tag, experimentID: try message.experimentID())
        return .empty
    }

    @Sendable private func deleteTag(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        try await store.deleteExperimentTag(
            try message.requiredString("key"), experimentID: try message.experimentID())
        return .empty
    }

    @Sendable private func search(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let page = try await store.searchExperiments(
            ExperimentSearch(
                filter: try message.string("filter") ?? "", orderBy: try message.strings("order_by"),
                viewType: try message.viewType("view_type"),
                maxResults: try message.maxResults(default: nil, limit: Limits.experimentsPerPage),
                pageToken: try message.nonEmptyString("page_token")))
        return .json {
            $0.field("experiments", page.elements) { $0.experiment($1) }
            $0.field("next_page_token", page.nextPageToken)
        }
    }
}
