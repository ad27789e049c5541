import JSON
package import Tracking

/// What runs consumed and produced.
extension RemoteStore {
    /// The reference answers for no more experiments at once.
    private static let experimentsPerDatasetSearch = 20

    package func logInputs(_ inputs: RunInputs, runID: String) async throws {
        try Validation.runID(runID)
        for input in inputs.datasets { try Validation.datasetInput(input) }
        try await server.perform(
            .post("runs/log-inputs", effect: .repeatable) {
                $0.field("run_id", runID)
                $0.field("datasets", inputs.datasets) { writer, input in
                    writer.object { writer in
                        writer.tags(input.tags)
                        writer.field("dataset") { $0.members(of: input.dataset) }
                    }
                }
                $0.field("models", inputs.models) { writer, model in
                    writer.object { $0.field("model_id", model.modelID) }
                }
            })
    }

    package func logOutputs(_ models: [LoggedModelOutput], runID: String) async throws {
        try Validation.runID(runID)
        try await server.perform(
            .post("runs/outputs", effect: .once) {
                $0.field("run_id", runID)
                // Written even when it is empty: the field must be there.
                $0.name("models")
                $0.array(models) { writer, model in
                    writer.object {
                        $0.field("model_id", model.modelID)
                        $0.field("step", model.step)
                    }
                }
            })
    }

    package func datasets(experimentIDs: [String]) async throws -> [DatasetSummary] {
        for id in experimentIDs { _ = try Validation.experimentID(id) }
        var found: [DatasetSummary] = []
        for part in experimentIDs.parts(of: Self.experimentsPerDatasetSearch) {
            let call = APICall.post("experiments/search-datasets", effect: .none) {
                $0.field("experiment_ids", part) { $0.string($1) }
            }.underWebPrefix()
            found += try await server.answer(call).list("dataset_summaries") { message throws(TrackingError) in
                DatasetSummary(
                    experimentID: try message.requiredString("experiment_id"),
                    name: try message.requiredString("name"), digest: try message.requiredString("digest"),
                    context: try message.string("context"))
            }
        }
        return Array(found.prefix(Limits.datasetSummaries))
    }
}

extension JSONWriter {
    fileprivate mutating func members(of dataset: Dataset) {
        field("name", dataset.name)
        field("digest", dataset.digest)
        field("source_type", dataset.sourceType)
        field("source", dataset.source)
        field("schema", dataset.schema)
        field("profile", dataset.profile)
    }
}
