import JSON
package import Tracking

/// Versions of registered models.
extension RemoteStore {
    package func createModelVersion(_ creation: ModelVersionCreation) async throws -> ModelVersion {
        try Validation.modelName(creation.name)
        for tag in creation.tags { try Validation.registryTag(tag) }
        return try await version(
            .post("model-versions/create", effect: .once) {
                $0.field("name", creation.name)
                $0.field("source", creation.source)
                $0.field("run_id", creation.runID)
                $0.field("run_link", creation.runLink)
                $0.field("description", creation.description)
                $0.field("model_id", creation.modelID)
                $0.tags(creation.tags)
            })
    }

    private func version(_ call: APICall) async throws -> ModelVersion {
        try await server.answer(call).requiredMessage("model_version").modelVersion()
    }

    package func modelVersion(named name: String, version: String) async throws -> ModelVersion {
        try check(name, version)
        return try await self.version(
            .get("model-versions/get", fields: [("name", name), ("version", version)]))
    }

    private func check(_ name: String, _ version: String) throws {
        try Validation.modelName(name)
        _ = try Validation.modelVersion(version)
    }

    package func updateModelVersion(
        named name: String, version: String, description: String?
    ) async throws -> ModelVersion {
        try check(name, version)
        return try await self.version(
            .patch("model-versions/update", effect: .repeatable) {
                $0.field("name", name)
                $0.field("version", version)
                $0.field("description", description)
            })
    }

    package func transitionModelVersion(
        named name: String, version: String, to stage: String, archiveExisting: Bool
    ) async throws -> ModelVersion {
        try check(name, version)
        let stage = try ModelStage(stage)
        // The reference answers this as a fault of its own.
        guard !archiveExisting || stage == .staging || stage == .production else {
            throw TrackingError.invalidParameter(
                "Model version transition cannot archive existing model versions because '\(stage.rawValue)' is not an "
                    + "Active stage. Valid stages are ['Staging', 'Production']")
        }
        return try await self.version(
            .post("model-versions/transition-stage", effect: .repeatable) {
                $0.field("name", name)
                $0.field("version", version)
                $0.field("stage", stage.rawValue)
                $0.field("archive_existing_versions", archiveExisting)
            })
    }

    package func deleteModelVersion(named name: String, version: String) async throws {
        try check(name, version)
        try await server.perform(
            .delete("model-versions/delete", effect: .removal) {
                $0.field("name", name)
                $0.field("version", version)
            })
    }

    package func downloadURI(ofModel name: String, version: String) async throws -> String {
        try check(name, version)
        return try await server.answer(
            .get("model-versions/get-download-uri", fields: [("name", name), ("version", version)])
        ).requiredString("artifact_uri")
    }

    package func searchModelVersions(_ search: RegistrySearch) async throws -> Page<ModelVersion> {
        try Validation.maxResults(search.maxResults, limit: Limits.modelVersionsPerPage)
        return try await server.answer(.get("model-versions/search", fields: search.fields))
            .page("model_versions") { message throws(TrackingError) in try message.modelVersion() }
    }

    package func setModelVersionTag(_ tag: Tag, modelName: String, version: String) async throws {
        try check(modelName, version)
        try Validation.registryTag(tag)
        try await server.perform(
            .post("model-versions/set-tag", effect: .repeatable) {
                $0.field("name", modelName)
                $0.field("version", version)
                $0.members(of: tag)
            })
    }

    package func deleteModelVersionTag(_ key: String, modelName: String, version: String) async throws {
        try check(modelName, version)
        try await server.perform(
            .delete("model-versions/delete-tag", effect: .repeatable) {
                $0.field("name", modelName)
                $0.field("version", version)
                $0.field("key", key)
            })
    }
}
