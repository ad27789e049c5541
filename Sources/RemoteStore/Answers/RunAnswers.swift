import Tracking

// Experiments, runs and what belongs to them, as MLflow's messages say them.
extension AnswerMessage {
    func experiment() throws(TrackingError) -> Experiment {
        Experiment(
            experimentID: try requiredString("experiment_id"), name: try string("name") ?? "",
            artifactLocation: try string("artifact_location") ?? "", lifecycleStage: try lifecycleStage(),
            creationTime: try integer("creation_time"), lastUpdateTime: try integer("last_update_time"),
            tags: try tags())
    }

    func run() throws(TrackingError) -> Run {
        let data = try message("data")
        let inputs = try message("inputs")
        return Run(
            info: try requiredMessage("info").runInfo(),
            data: RunData(
                metrics: try data?.metrics() ?? [], params: try data?.params() ?? [], tags: try data?.tags() ?? []),
            inputs: RunInputs(
                datasets: try inputs?.list("dataset_inputs") { message throws(TrackingError) in
                    try message.datasetInput()
                } ?? [],
                models: try inputs?.list("model_inputs") { message throws(TrackingError) in
                    LoggedModelInput(modelID: try message.requiredString("model_id"))
                } ?? []),
            outputs: try message("outputs")?.list("model_outputs") { message throws(TrackingError) in
                LoggedModelOutput(
                    modelID: try message.requiredString("model_id"), step: try message.integer("step") ?? 0)
            } ?? [])
    }

    func runInfo() throws(TrackingError) -> RunInfo {
        let (newID, oldID) = (try nonEmptyString("run_id"), try nonEmptyString("run_uuid"))
        guard let runID = newID ?? oldID else { throw missing("run_id") }
        let endTime = try integer("end_time")
        return RunInfo(
            runID: runID, runName: try string("run_name") ?? "", experimentID: try requiredString("experiment_id"),
            userID: try string("user_id") ?? "",
            status: try enumeration("status", RunStatus.init(rawValue:)) ?? .running,
            startTime: try integer("start_time") ?? 0, endTime: endTime == 0 ? nil : endTime,
            lifecycleStage: try lifecycleStage(), artifactURI: try string("artifact_uri") ?? "")
    }

    func metric() throws(TrackingError) -> Metric {
        guard let value = try double("value") else { throw missing("value") }
        return Metric(
            try requiredString("key"), value, timestamp: try integer("timestamp") ?? 0,
            step: try integer("step") ?? 0, modelID: try nonEmptyString("model_id"),
            datasetName: try nonEmptyString("dataset_name"), datasetDigest: try nonEmptyString("dataset_digest"),
            runID: try nonEmptyString("run_id"))
    }

    func metrics() throws(TrackingError) -> [Metric] {
        try list("metrics") { message throws(TrackingError) in try message.metric() }.sorted { $0.key < $1.key }
    }

    func tags() throws(TrackingError) -> [Tag] {
        try list("tags") { message throws(TrackingError) in
            Tag(try message.requiredString("key"), try message.string("value") ?? "")
        }.sorted { $0.key < $1.key }
    }

    func params() throws(TrackingError) -> [Param] {
        try list("params") { message throws(TrackingError) in
            Param(try message.requiredString("key"), try message.string("value") ?? "")
        }.sorted { $0.key < $1.key }
    }

    private func datasetInput() throws(TrackingError) -> DatasetInput {
        let dataset = try requiredMessage("dataset")
        return DatasetInput(
            Dataset(
                name: try dataset.requiredString("name"), digest: try dataset.requiredString("digest"),
                sourceType: try dataset.string("source_type") ?? "", source: try dataset.string("source") ?? "",
                schema: try dataset.string("schema"), profile: try dataset.string("profile")),
            tags: try tags())
    }

    private func lifecycleStage() throws(TrackingError) -> LifecycleStage {
        try enumeration("lifecycle_stage", LifecycleStage.init(rawValue:)) ?? .active
    }
}
