import JSON
import Tracking

// Runs and what belongs to them, as MLflow's messages write them.
extension JSONWriter {
    /// `withOutputs` is false in the answer to a creation, as in MLflow's.
    mutating func run(_ run: Run, withOutputs: Bool = true) {
        object { writer in
            writer.name("info")
            writer.runInfo(run.info)
            writer.field("data") { data in
                data.field("metrics", run.data.metrics) { $0.metric($1) }
                data.field("params", run.data.params) { $0.pair($1.key, $1.value) }
                data.field("tags", run.data.tags) { $0.tag($1) }
            }
            writer.field("inputs") { inputs in
                inputs.field("dataset_inputs", run.inputs.datasets) { $0.datasetInput($1) }
                inputs.field("model_inputs", run.inputs.models) { writer, model in
                    writer.object { $0.field("model_id", model.modelID) }
                }
            }
            guard withOutputs else { return }
            writer.field("outputs") { outputs in
                outputs.field("model_outputs", run.outputs) { writer, model in
                    writer.object {
                        $0.field("model_id", model.modelID)
                        $0.field("step", model.step)
                    }
                }
            }
        }
    }

    mutating func runInfo(_ info: RunInfo) {
        object {
            $0.field("run_id", info.runID)
            $0.field("run_uuid", info.runID)
            $0.field("run_name", info.runName)
            $0.field("experiment_id", info.experimentID)
            $0.field("user_id", info.userID)
            $0.field("status", info.status.rawValue)
            $0.field("start_time", info.startTime)
            $0.field("end_time", info.endTime == 0 ? nil : info.endTime)
            $0.field("artifact_uri", info.artifactURI)
            $0.field("lifecycle_stage", info.lifecycleStage.rawValue)
        }
    }

    mutating func metric(_ metric: Metric) {
        object {
            $0.field("key", metric.key)
            $0.field("value", metric.value)
            $0.field("timestamp", metric.timestamp)
            $0.field("step", metric.step)
            $0.field("dataset_name", metric.datasetName)
            $0.field("dataset_digest", metric.datasetDigest)
            $0.field("model_id", metric.modelID)
            $0.field("run_id", metric.runID)
        }
    }

    mutating func tag(_ tag: Tag) {
        pair(tag.key, tag.value)
    }

    mutating func pair(_ key: String, _ value: String) {
        object {
            $0.field("key", key)
            $0.field("value", value)
        }
    }

    private mutating func datasetInput(_ input: DatasetInput) {
        object { writer in
            writer.field("tags", input.tags) { $0.tag($1) }
            writer.field("dataset") {
                $0.field("name", input.dataset.name)
                $0.field("digest", input.dataset.digest)
                $0.field("source_type", input.dataset.sourceType)
                $0.field("source", input.dataset.source)
                $0.field("schema", input.dataset.schema)
                $0.field("profile", input.dataset.profile)
            }
        }
    }

    mutating func experiment(_ experiment: Experiment) {
        object {
            $0.field("experiment_id", experiment.experimentID)
            $0.field("name", experiment.name)
            $0.field("artifact_location", experiment.artifactLocation)
            $0.field("lifecycle_stage", experiment.lifecycleStage.rawValue)
            $0.field("last_update_time", experiment.lastUpdateTime)
            $0.field("creation_time", experiment.creationTime)
            $0.field("tags", experiment.tags) { $0.tag($1) }
            $0.field("workspace", "default")
        }
    }
}
