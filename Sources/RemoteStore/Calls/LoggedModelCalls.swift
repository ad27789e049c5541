import JSON
package import Tracking

/// Models as runs log them.
extension RemoteStore {
    /// Creates the model with its tags and first parameters; more of them than fit into one call follow in further ones.
    package func createLoggedModel(_ creation: LoggedModelCreation) async throws -> LoggedModel {
        _ = try Validation.experimentID(creation.experimentID)
        if let name = creation.name { try Validation.loggedModelName(name) }
        let parts = creation.params.parts(of: Limits.paramsPerBatch)
        var model = try await model(
            .post("logged-models", effect: .once) {
                $0.field("experiment_id", creation.experimentID)
                $0.field("name", creation.name)
                $0.field("model_type", creation.modelType)
                $0.field("source_run_id", creation.sourceRunID)
                $0.params(parts.first ?? [])
                $0.tags(creation.tags)
            })
        for part in parts.dropFirst() { try await send(Array(part), modelID: model.modelID) }
        if parts.count > 1 { model = try await loggedModel(id: model.modelID, includingDeleted: false) }
        return model
    }

    private func model(_ call: APICall) async throws -> LoggedModel {
        try await server.answer(call).requiredMessage("model").loggedModel()
    }

    /// The API does not say whether a model is deleted; it is when asking for those that are not does not find it.
    package func loggedModel(id: String, includingDeleted: Bool) async throws -> LoggedModel {
        try check(id)
        do {
            return try await model(.get("logged-models", id))
        } catch let error as TrackingError where error.code == .resourceDoesNotExist && includingDeleted {
            var deleted = try await model(.get("logged-models", id, fields: [("allow_deleted", "true")]))
            deleted.lifecycleStage = .deleted
            return deleted
        }
    }

    /// An id becomes a part of the address: what has not the form of one is not sent.
    private func check(_ modelID: String) throws(TrackingError) {
        let hasForm =
            (1...256).contains(modelID.utf8.count)
            && modelID.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
            }
        guard hasForm else { throw .noLoggedModel(id: String(modelID.prefix(100))) }
    }

    package func finalizeLoggedModel(id: String, status: LoggedModelStatus) async throws -> LoggedModel {
        try check(id)
        return try await model(
            .patch("logged-models", id, effect: .repeatable) {
                $0.field("model_id", id)
                $0.field("status", status.name)
            })
    }

    package func deleteLoggedModel(id: String) async throws {
        try check(id)
        try await server.perform(.delete("logged-models", id, effect: .removal) { $0.field("model_id", id) })
    }

    package func setLoggedModelTags(_ tags: [Tag], modelID: String) async throws {
        try check(modelID)
        try await server.perform(
            .patch("logged-models", modelID, "tags", effect: .repeatable) {
                $0.field("model_id", modelID)
                $0.tags(tags)
            })
    }

    package func deleteLoggedModelTag(_ key: String, modelID: String) async throws {
        try check(modelID)
        try await server.perform(
            .delete("logged-models", modelID, "tags", key, effect: .removal) {
                $0.field("model_id", modelID)
                $0.field("tag_key", key)
            })
    }

    package func logLoggedModelParams(_ params: [Param], modelID: String) async throws {
        try check(modelID)
        for part in params.parts(of: Limits.paramsPerBatch) { try await send(Array(part), modelID: modelID) }
    }

    private func send(_ params: [Param], modelID: String) async throws {
        try await server.perform(
            .post("logged-models", modelID, "params", effect: .once) {
                $0.field("model_id", modelID)
                $0.params(params)
            })
    }

    package func searchLoggedModels(_ search: LoggedModelSearch) async throws -> Page<LoggedModel> {
        try Validation.maxResults(search.maxResults, limit: Limits.loggedModelsPerPage)
        return try await server.answer(
            .post("logged-models/search", effect: .none) {
                // Written even when it is empty: the field must be there.
                $0.name("experiment_ids")
                $0.array(search.experimentIDs) { $0.string($1) }
                $0.field("filter", search.filter.isEmpty ? nil : search.filter)
                $0.field("datasets", search.datasets) { writer, dataset in
                    writer.object {
                        $0.field("dataset_name", dataset.name)
                        $0.field("dataset_digest", dataset.digest)
                    }
                }
                $0.field("order_by", search.orderBy) { writer, order in
                    writer.object {
                        $0.field("field_name", order.fieldName)
                        $0.field("ascending", order.ascending)
                        $0.field("dataset_name", order.datasetName)
                        $0.field("dataset_digest", order.datasetDigest)
                    }
                }
                $0.field("max_results", Int64(search.maxResults))
                $0.field("page_token", search.pageToken)
            }
        ).page("models") { message throws(TrackingError) in try message.loggedModel() }
    }
}
