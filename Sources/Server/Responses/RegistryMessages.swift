import JSON
import Tracking

// Registered models, their versions and logged models, as MLflow's messages write them.
extension JSONWriter {
    mutating func registeredModel(_ model: RegisteredModel) {
        object {
            $0.field("name", model.name)
            $0.field("creation_timestamp", model.creationTimestamp)
            $0.field("last_updated_timestamp", model.lastUpdatedTimestamp)
            $0.field("description", model.description?.isEmpty == true ? nil : model.description)
            $0.field("latest_versions", model.latestVersions) { $0.modelVersion($1) }
            $0.field("tags", model.tags) { $0.tag($1) }
            $0.field("aliases", model.aliases) { writer, alias in
                writer.object {
                    $0.field("alias", alias.alias)
                    $0.field("version", alias.version)
                }
            }
        }
    }

    mutating func modelVersion(_ version: ModelVersion) {
        object {
            $0.field("name", version.name)
            $0.field("version", version.version)
            $0.field("creation_timestamp", version.creationTimestamp)
            $0.field("last_updated_timestamp", version.lastUpdatedTimestamp)
            $0.field("user_id", version.userID)
            $0.field("current_stage", version.currentStage.rawValue)
            $0.field("description", version.description)
            $0.field("source", version.source)
            $0.field("run_id", version.runID)
            $0.field("status", version.status.rawValue)
            $0.field("status_message", version.statusMessage?.isEmpty == true ? nil : version.statusMessage)
            $0.field("tags", version.tags) { $0.tag($1) }
            $0.field("run_link", version.runLink)
            $0.field("aliases", version.aliases) { $0.string($1) }
            $0.field("model_id", version.modelID)
        }
    }

    mutating func loggedModel(_ model: LoggedModel) {
        object { writer in
            writer.field("info") {
                $0.field("model_id", model.modelID)
                $0.field("experiment_id", model.experimentID)
                $0.field("name", model.name)
                $0.field("creation_timestamp_ms", model.creationTimestamp)
                $0.field("last_updated_timestamp_ms", model.lastUpdatedTimestamp)
                $0.field("artifact_uri", model.artifactURI)
                $0.field("status", model.status.name)
                $0.field("model_type", model.modelType)
                $0.field("source_run_id", model.sourceRunID)
                $0.field("status_message", model.statusMessage)
                $0.field("tags", model.tags) { $0.tag($1) }
            }
            writer.field("data") {
                $0.field("params", model.params) { $0.pair($1.key, $1.value) }
                $0.field("metrics", model.metrics) { $0.metric($1) }
            }
        }
    }
}
