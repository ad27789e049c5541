import Tracking

// Registered models, their versions and logged models, as MLflow's messages say them.
extension AnswerMessage {
    func registeredModel() throws(TrackingError) -> RegisteredModel {
        RegisteredModel(
            name: try requiredString("name"), creationTimestamp: try integer("creation_timestamp"),
            lastUpdatedTimestamp: try integer("last_updated_timestamp"),
            description: try nonEmptyString("description"),
            latestVersions: try list("latest_versions") { message throws(TrackingError) in
                try message.modelVersion()
            },
            tags: try tags(),
            aliases: try list("aliases") { message throws(TrackingError) in
                ModelAlias(alias: try message.requiredString("alias"), version: try message.requiredString("version"))
            })
    }

    func modelVersion() throws(TrackingError) -> ModelVersion {
        ModelVersion(
            name: try requiredString("name"), version: try requiredString("version"),
            creationTimestamp: try integer("creation_timestamp"),
            lastUpdatedTimestamp: try integer("last_updated_timestamp"), userID: try nonEmptyString("user_id"),
            currentStage: try enumeration("current_stage") { try? ModelStage($0) } ?? .none,
            description: try nonEmptyString("description"), source: try nonEmptyString("source"),
            runID: try nonEmptyString("run_id"), runLink: try nonEmptyString("run_link"),
            status: try enumeration("status", ModelVersionStatus.init(rawValue:)) ?? .ready,
            statusMessage: try nonEmptyString("status_message"), tags: try tags(), aliases: try strings("aliases"),
            modelID: try nonEmptyString("model_id"))
    }

    /// Whether the model is deleted is not in the message.
    func loggedModel() throws(TrackingError) -> LoggedModel {
        let info = try requiredMessage("info")
        let data = try message("data")
        return LoggedModel(
            modelID: try info.requiredString("model_id"), experimentID: try info.requiredString("experiment_id"),
            name: try info.string("name") ?? "", artifactURI: try info.string("artifact_uri") ?? "",
            creationTimestamp: try info.integer("creation_timestamp_ms") ?? 0,
            lastUpdatedTimestamp: try info.integer("last_updated_timestamp_ms") ?? 0,
            status: try info.enumeration("status") { name in LoggedModelStatus.allCases.first { $0.name == name } }
                ?? .unspecified,
            modelType: try info.nonEmptyString("model_type"), sourceRunID: try info.nonEmptyString("source_run_id"),
            statusMessage: try info.nonEmptyString("status_message"), params: try data?.params() ?? [],
            tags: try info.tags(), metrics: try data?.metrics() ?? [])
    }
}
