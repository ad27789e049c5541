import JSON
package import Tracking

/// Experiments.
extension RemoteStore {
    package func createExperiment(_ creation: ExperimentCreation) async throws -> String {
        try Validation.experimentName(creation.name)
        if let location = creation.artifactLocation { try Validation.artifactLocation(location) }
        for tag in creation.tags { try Validation.experimentTag(tag) }
        return try await server.answer(
            .post("experiments/create", effect: .once) {
                $0.field("name", creation.name)
                $0.field("artifact_location", creation.artifactLocation)
                $0.tags(creation.tags)
            }
        ).requiredString("experiment_id")
    }

    package func experiment(id: String) async throws -> Experiment {
        _ = try Validation.experimentID(id)
        return try await server.answer(.get("experiments/get", fields: [("experiment_id", id)]))
            .requiredMessage("experiment").experiment()
    }

    package func experiment(named name: String) async throws -> Experiment {
        try await server.answer(.get("experiments/get-by-name", fields: [("experiment_name", name)]))
            .requiredMessage("experiment").experiment()
    }

    package func renameExperiment(id: String, to newName: String) async throws {
        _ = try Validation.experimentID(id)
        try Validation.experimentName(newName)
        try await server.perform(
            .post("experiments/update", effect: .repeatable) {
                $0.field("experiment_id", id)
                $0.field("new_name", newName)
            })
    }

    package func deleteExperiment(id: String) async throws {
        _ = try Validation.experimentID(id)
        try await server.perform(
            .post("experiments/delete", effect: .removal) { $0.field("experiment_id", id) })
    }

    package func restoreExperiment(id: String) async throws {
        _ = try Validation.experimentID(id)
        try await server.perform(
            .post("experiments/restore", effect: .removal) { $0.field("experiment_id", id) })
    }

    package func setExperimentTag(_ tag: Tag, experimentID: String) async throws {
        _ = try Validation.experimentID(experimentID)
        try Validation.experimentTag(tag)
        try await server.perform(
            .post("experiments/set-experiment-tag", effect: .repeatable) {
                $0.field("experiment_id", experimentID)
                $0.members(of: tag)
            })
    }

    package func deleteExperimentTag(_ key: String, experimentID: String) async throws {
        _ = try Validation.experimentID(experimentID)
        try await server.perform(
            .post("experiments/delete-experiment-tag", effect: .removal) {
                $0.field("experiment_id", experimentID)
                $0.field("key", key)
            })
    }

    package func searchExperiments(_ search: ExperimentSearch) async throws -> Page<Experiment> {
        try Validation.maxResults(search.maxResults, limit: Limits.experimentsPerPage)
        return try await server.answer(
            .post("experiments/search", effect: .none) {
                $0.field("filter", search.filter.isEmpty ? nil : search.filter)
                $0.field("order_by", search.orderBy) { $0.string($1) }
                $0.field("view_type", search.viewType.wireName)
                $0.field("max_results", Int64(search.maxResults))
                $0.field("page_token", search.pageToken)
            }
        ).page("experiments") { message throws(TrackingError) in try message.experiment() }
    }
}
