import Hummingbird
import JSON
import Tracking

/// Models as runs log them: what MLflow 3's `log_model` calls.
struct LoggedModelRoutes: RouteProvider {
    private static let standardPage = 50

    let store: any LoggedModelStore

    var routes: [Route] {
        Route.call(.post, "mlflow/logged-models", handler: create)
            + Route.call(.post, "mlflow/logged-models/search", handler: search)
            + Route.call(.get, "mlflow/logged-models/{model_id}", handler: get)
            + Route.call(.patch, "mlflow/logged-models/{model_id}", handler: finalize)
            + Route.call(.delete, "mlflow/logged-models/{model_id}", handler: delete)
            + Route.call(.patch, "mlflow/logged-models/{model_id}/tags", handler: setTags)
            + Route.call(.delete, "mlflow/logged-models/{model_id}/tags/{tag_key}", handler: deleteTag)
            + Route.call(.post, "mlflow/logged-models/{model_id}/params", handler: logParams)
    }

    private func answer(_ model: LoggedModel) -> Response {
        .json {
            $0.name("model")
            $0.loggedModel(model)
        }
    }

    @Sendable private func create(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        return answer(
            try await store.createLoggedModel(
                LoggedModelCreation(
                    experimentID: try message.experimentID(), name: try message.nonEmptyString("name"),
                    modelType: try message.nonEmptyString("model_type"),
                    sourceRunID: try message.nonEmptyString("source_run_id"), params: try message.params(),
                    tags: try message.tags())))
    }

    @Sendable private func get(_ request: APIRequest) async throws -> Response {
        // `allow_deleted` is no field of the message, hence only ever a query.
        let allowsDeleted = try await request.message().bool("allow_deleted") ?? false
        return answer(try await store.loggedModel(id: try request.loggedModelID(), includingDeleted: allowsDeleted))
    }

    @Sendable private func finalize(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        _ = try message.requiredString("model_id")
        let status = try message.enumeration(
            "status", LoggedModelStatus.allCases.map { ($0.name, $0.rawValue, $0) })
        guard let status else { throw message.missing("status") }
        return answer(try await store.finalizeLoggedModel(id: try request.loggedModelID(), status: status))
    }

    @Sendable private func delete(_ request: APIRequest) async throws -> Response {
        try await store.deleteLoggedModel(id: try request.loggedModelID())
        return .empty
    }

    @Sendable private func setTags(_ request: APIRequest) async throws -> Response {
        let tags = try await request.message().tags()
        try await store.setLoggedModelTags(tags, modelID: try request.loggedModelID())
        return .empty
    }

    @Sendable private func deleteTag(_ request: APIRequest) async throws -> Response {
        try await store.deleteLoggedModelTag(
            try request.pathParameter("tag_key"), modelID: try request.loggedModelID())
        return .empty
    }

    @Sendable private func logParams(_ request: APIRequest) async throws -> Response {
        let params = try await request.message().params()
        try await store.logLoggedModelParams(params, modelID: try request.loggedModelID())
        return .empty
    }

    @Sendable private func search(_ request: APIRequest) async throws -> Response {
        let message = try await request.message()
        guard try message.has("experiment_ids") else { throw message.missing("experiment_ids") }
        let page = try await store.searchLoggedModels(
            LoggedModelSearch(
                experimentIDs: try message.strings("experiment_ids"), filter: try message.string("filter") ?? "",
                datasets: try message.messages("datasets").map {
                    LoggedModelSearch.DatasetFilter(
                        name: try $0.string("dataset_name") ?? "", digest: try $0.nonEmptyString("dataset_digest"))
                },
                orderBy: try message.messages("order_by").map {
                    LoggedModelSearch.Order(
                        fieldName: try $0.requiredString("field_name"), ascending: try $0.bool("ascending") ?? true,
                        datasetName: try $0.nonEmptyString("dataset_name"),
                        datasetDigest: try $0.nonEmptyString("dataset_digest"))
                },
                maxResults: try message.integer("max_results") == 0
                    ? Self.standardPage
                    : try message.maxResults(default: Self.standardPage, limit: Limits.loggedModelsPerPage),
                pageToken: try message.nonEmptyString("page_token")))
        return .json {
            $0.field("models", page.elements) { $0.loggedModel($1) }
            $0.field("next_page_token", page.nextPageToken)
        }
    }
}

extension APIRequest {
    /// The id in the path, its form checked before any look-up (rule R18).
    func loggedModelID() throws -> String {
        let id = try pathParameter("model_id")
        guard isLoggedModelID(id) else { throw TrackingError.noLoggedModel(id: String(id.prefix(100))) }
        return id
    }
}

/// Whether text has the form of a logged model's id: letters, digits, `_` and `-`.
func isLoggedModelID(_ text: String) -> Bool {
    (1...256).contains(text.utf8.count)
        && text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
        }
}
