import Hummingbird
import JSON
import Tracking

/// Versions of registered models.
struct ModelVersionRoutes: RouteProvider {
    let store: any ModelRegistryStore
    let sourceRules: ModelSourceRules

    var routes: [Route] {
        Route.call(.post, "mlflow/model-versions/create", handler: create)
            + Route.call(.get, "mlflow/model-versions/get", handler: get)
            + Route.call(.get, "mlflow/model-versions/get-download-uri", handler: downloadURI)
            + Route.call(.patch, "mlflow/model-versions/update", handler: update)
            + Route.call(.post, "mlflow/model-versions/transition-stage", handler: transition)
            + Route.call(.delete, "mlflow/model-versions/delete", handler: delete)
            + Route.call(.get, "mlflow/model-versions/search", handler: search)
            + Route.call(.post, "mlflow/model-versions/set-tag", handler: setTag)
            + Route.call(.delete, "mlflow/model-versions/delete-tag", handler: deleteTag)
    }

    private func answer(_ version: ModelVersion) -> Response {
        .json {
            $0.name("model_version")
            $0.modelVersion(version)
        }
    }

    @Sendable private func create(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let creation = ModelVersionCreation(
            name: try message.modelName(), source: try message.requiredString("source"),
            runID: try message.string("run_id"), runLink: try message.string("run_link"),
            description: try message.string("description"), tags: try message.tags(),
            modelID: try message.nonEmptyString("model_id"))
        var checked = try await sourceRules.checked(creation)
        // To MLflow an absent text is an empty one, which it stores.
        checked.runID = checked.runID ?? ""
        checked.runLink = checked.runLink ?? ""
        checked.description = checked.description ?? ""
        return answer(try await store.createModelVersion(checked))
    }

    @Sendable private func get(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        return answer(
            try await store.modelVersion(
                named: try message.modelName(), version: try message.modelVersionNumber()))
    }

    @Sendable private func downloadURI(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let uri = try await store.downloadURI(
            ofModel: try message.modelName(), version: try message.modelVersionNumber())
        return .json { $0.field("artifact_uri", uri) }
    }

    @Sendable private func update(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        return answer(
            try await store.updateModelVersion(
                named: try message.modelName(), version: try message.modelVersionNumber(),
                description: try message.string("description")))
    }

    @Sendable private func transition(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        return answer(
            try await store.transitionModelVersion(
                named: try message.modelName(), version: try message.modelVersionNumber(),
                to: try message.requiredString("stage"),
                archiveExisting: try message.bool("archive_existing_versions") ?? false))
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        try await store.deleteModelVersion(
            named: try message.modelName(), version: try message.modelVersionNumber())
        return .empty
    }

    @Sendable private func search(_ request: APIRequest) async throws -> Response {
        let search = try await request.message().registrySearch(
            default: Limits.modelVersionsPerPage, limit: Limits.modelVersionsPerPage)
        let page = try await store.searchModelVersions(search)
        return .json {
            $0.field("model_versions", page.elements) { $0.modelVersion($1) }
            $0.field("next_page_token", page.nextPageToken)
        }
    }

    @Sendable private func setTag(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let tag = Tag(try message.requiredString("key"), try message.string("value") ?? "")
        try await store.setModelVersionTag(
            tag, modelName: try message.modelName(), version: try message.modelVersionNumber())
        return .empty
    }

    @Sendable private func deleteTag(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        try await store.deleteModelVersionTag(
            try message.requiredString("key"), modelName: try message.modelName(),
            version: try message.modelVersionNumber())
        return .empty
    }
}
