import JSON
package import Tracking

/// Registered models with their tags and aliases.
extension RemoteStore {
    package func createRegisteredModel(
        name: String, description: String?, tags: [Tag]
    ) async throws -> RegisteredModel {
        try Validation.modelName(name)
        for tag in tags { try Validation.registryTag(tag) }
        return try await model(
            .post("registered-models/create", effect: .once) {
                $0.field("name", name)
                $0.field("description", description)
                $0.tags(tags)
            })
    }

    private func model(_ call: APICall) async throws -> RegisteredModel {
        try await server.answer(call).requiredMessage("registered_model").registeredModel()
    }

    package func registeredModel(named name: String) async throws -> RegisteredModel {
        try Validation.modelName(name)
        return try await model(.get("registered-models/get", fields: [("name", name)]))
    }

    package func renameRegisteredModel(named name: String, to newName: String) async throws -> RegisteredModel {
        try Validation.modelName(name)
        try Validation.modelName(newName, path: "new_name")
        return try await model(
            .post("registered-models/rename", effect: .once) {
                $0.field("name", name)
                $0.field("new_name", newName)
            })
    }

    package func updateRegisteredModel(named name: String, description: String?) async throws -> RegisteredModel {
        try Validation.modelName(name)
        return try await model(
            .patch("registered-models/update", effect: .repeatable) {
                $0.field("name", name)
                $0.field("description", description)
            })
    }

    package func deleteRegisteredModel(named name: String) async throws {
        try Validation.modelName(name)
        try await server.perform(
            .delete("registered-models/delete", effect: .removal) { $0.field("name", name) })
    }

    package func searchRegisteredModels(_ search: RegistrySearch) async throws -> Page<RegisteredModel> {
        try Validation.maxResults(search.maxResults, limit: Limits.registeredModelsPerPage)
        return try await server.answer(.get("registered-models/search", fields: search.fields))
            .page("registered_models") { message throws(TrackingError) in try message.registeredModel() }
    }

    package func latestVersions(ofModel name: String, stages: [String]) async throws -> [ModelVersion] {
        try Validation.modelName(name)
        let answer = try await server.answer(
            .post("registered-models/get-latest-versions", effect: .none) {
                $0.field("name", name)
                $0.field("stages", stages) { $0.string($1) }
            })
        return try answer.list("model_versions") { message throws(TrackingError) in try message.modelVersion() }
    }

    package func setRegisteredModelTag(_ tag: Tag, modelName: String) async throws {
        try Validation.modelName(modelName)
        try Validation.registryTag(tag)
        try await server.perform(
            .post("registered-models/set-tag", effect: .repeatable) {
                $0.field("name", modelName)
                $0.members(of: tag)
            })
    }

    package func deleteRegisteredModelTag(_ key: String, modelName: String) async throws {
        try Validation.modelName(modelName)
        try await server.perform(
            .delete("registered-models/delete-tag", effect: .repeatable) {
                $0.field("name", modelName)
                $0.field("key", key)
            })
    }

    // MARK: Aliases

    package func setAlias(_ alias: String, version: String, modelName: String) async throws {
        try Validation.modelName(modelName)
        try Validation.alias(alias)
        _ = try Validation.modelVersion(version)
        try await server.perform(
            .post("registered-models/alias", effect: .repeatable) {
                $0.field("name", modelName)
                $0.field("alias", alias)
                $0.field("version", version)
            })
    }

    package func deleteAlias(_ alias: String, modelName: String) async throws {
        try Validation.modelName(modelName)
        try await server.perform(
            .delete("registered-models/alias", effect: .repeatable) {
                $0.field("name", modelName)
                $0.field("alias", alias)
            })
    }

    package func modelVersion(alias: String, modelName: String) async throws -> ModelVersion {
        try Validation.modelName(modelName)
        return try await server.answer(
            .get("registered-models/alias", fields: [("name", modelName), ("alias", alias)])
        ).requiredMessage("model_version").modelVersion()
    }
}

extension RegistrySearch {
    /// As fields of a query.
    var fields: [(String, String?)] {
        [("filter", filter.isEmpty ? nil : filter), ("max_results", String(maxResults))]
            + orderBy.map { ("order_by", $0) } + [("page_token", pageToken)]
    }
}
