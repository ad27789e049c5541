import Hummingbird
import JSON
import Tracking

/// Registered models with their tags and aliases.
struct RegisteredModelRoutes: RouteProvider {
    private static let standardPage = 100

    let store: any ModelRegistryStore

    var routes: [Route] {
        Route.call(.post, "mlflow/registered-models/create", handler: create)
            + Route.call(.get, "mlflow/registered-models/get", handler: get)
            + Route.call(.post, "mlflow/registered-models/rename", handler: rename)
            + Route.call(.patch, "mlflow/registered-models/update", handler: update)
            + Route.call(.delete, "mlflow/registered-models/delete", handler: delete)
            + Route.call(.get, "mlflow/registered-models/search", handler: search)
            + Route.call(.get, "mlflow/registered-models/get-latest-versions", handler: latestVersions)
            + Route.call(.post, "mlflow/registered-models/get-latest-versions", handler: latestVersions)
            + Route.call(.post, "mlflow/registered-models/set-tag", handler: setTag)
            + Route.call(.delete, "mlflow/registered-models/delete-tag", handler: deleteTag)
            + Route.call(.post, "mlflow/registered-models/alias", handler: setAlias)
            + Route.call(.delete, "mlflow/registered-models/alias", handler: deleteAlias)
            + Route.call(.get, "mlflow/registered-models/alias", handler: versionByAlias)
    }

    private func answer(_ model: RegisteredModel) -> Response {
        .json {
            $0.name("registered_model")
            $0.registeredModel(model)
        }
    }

    @Sendable private func create(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        return answer(
            try await store.createRegisteredModel(
                name: try message.modelName(), description: try message.string("description"),
                tags: try message.tags()))
    }

    @Sendable private func get(_ request: APIRequest) async throws -> Response {
        answer(try await store.registeredModel(named: try await request.message().modelName()))
    }

    @Sendable private func rename(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        return answer(
            try await store.renameRegisteredModel(
                named: try message.modelName(), to: try message.modelName("new_name")))
    }

    @Sendable private func update(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        return answer(
            try await store.updateRegisteredModel(
                named: try message.modelName(), description: try message.string("description")))
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> Response {
        try await store.deleteRegisteredModel(named: try await request.message().modelName())
        return .empty
    }

    @Sendable private func search(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let page = try await store.searchRegisteredModels(
            try message.registrySearch(default: Self.standardPage, limit: Limits.registeredModelsPerPage))
        return .json {
            $0.field("registered_models", page.elements) { $0.registeredModel($1) }
            $0.field("next_page_token", page.nextPageToken)
        }
    }

    @Sendable private func latestVersions(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let versions = try await store.latestVersions(
            ofModel: try message.modelName(), stages: try message.strings("stages"))
        return .json { $0.field("model_versions", versions) { $0.modelVersion($1) } }
    }

    @Sendable private func setTag(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let tag = Tag(try message.requiredString("key"), try message.string("value") ?? "")
        try await store.setRegisteredModelTag(tag, modelName: try message.modelName())
        return .empty
    }

    @Sendable private func deleteTag(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        try await store.deleteRegisteredModelTag(
            try message.requiredString("key"), modelName: try message.modelName())
        return .empty
    }

    @Sendable private func setAlias(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let alias = try message.requiredString("alias")
        try Validation.alias(alias)
        try await store.setAlias(
            alias, version: try message.modelVersionNumber(), modelName: try message.modelName())
        return .empty
    }

    @Sendable private func deleteAlias(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        try await store.deleteAlias(try message.requiredString("alias"), modelName: try message.modelName())
        return .empty
    }

    @Sendable private func versionByAlias(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        let version = try await store.modelVersion(
            alias: try message.requiredString("alias"), modelName: try message.modelName())
        return .json {
            $0.name("model_version")
            $0.modelVersion(version)
        }
    }
}
