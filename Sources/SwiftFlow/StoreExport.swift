import JSON
import SQLiteStore
package import Tracking

/// Everything of a store as lines of JSON that anybody can read; `docs/export.md` describes them.
///
/// Works over any store, page by page: memory does not grow with it. Each run is written as it is at that moment.
package struct StoreExport {
    /// Which part of a store to write; empty is all of it.
    package struct Selection: Sendable {
        package var experimentIDs: [String]
        package var runIDs: [String]

        package init(experimentIDs: [String] = [], runIDs: [String] = []) {
            self.experimentIDs = experimentIDs
            self.runIDs = runIDs
        }

        var isEverything: Bool { experimentIDs.isEmpty && runIDs.isEmpty }
    }

    /// How many lines of each kind were written.
    package struct Counts: Sendable, Hashable, Encodable {
        package var experiments = 0
        package var runs = 0
        package var metrics = 0
        package var loggedModels = 0
        package var registeredModels = 0
        package var modelVersions = 0
    }

    package static let formatVersion: Int64 = 1
    private static let runsAtOnce = 200
    private static let pointsAtOnce = 10_000

    private let store: any TrackingStore
    private let write: ([UInt8]) throws -> Void
    package private(set) var counts = Counts()

    /// - Parameter write: takes some whole lines.
    package init(store: any TrackingStore, write: @escaping ([UInt8]) throws -> Void) {
        self.store = store
        self.write = write
    }

    /// Writes the selection; the last line says what there was, so that a file that was cut off is known for one.
    package mutating func run(_ selection: Selection, at time: Int64) async throws {
        try line {
            $0.field("kind", "store")
            $0.field("format", Self.formatVersion)
            $0.field("exported_at", time)
        }
        if selection.runIDs.isEmpty {
            try await experiments(selection.experimentIDs)
        } else {
            try await runs(selection.runIDs)
        }
        if selection.isEverything, let registry = store as? any ModelRegistryStore { try await self.registry(registry) }
        let counts = counts
        try line {
            $0.field("kind", "end")
            $0.field("experiments", Int64(counts.experiments))
            $0.field("runs", Int64(counts.runs))
            $0.field("metrics", Int64(counts.metrics))
            $0.field("logged_models", Int64(counts.loggedModels))
            $0.field("registered_models", Int64(counts.registeredModels))
            $0.field("model_versions", Int64(counts.modelVersions))
        }
    }

    private func line(_ members: (inout JSONWriter) -> Void) throws {
        var writer = JSONWriter(reservingCapacity: 512)
        writer.object(members)
        try write(writer.bytes + [UInt8(ascii: "\n")])
    }

    // MARK: Runs

    private mutating func experiments(_ ids: [String]) async throws {
        if !ids.isEmpty {
            for id in ids { try await experiment(try await store.experiment(id: id)) }
            return
        }
        let store = store
        for try await page in Pages({
            try await store.searchExperiments(ExperimentSearch(viewType: .all, pageToken: $0))
        }) {
            for experiment in page { try await self.experiment(experiment) }
        }
    }

    private mutating func experiment(_ experiment: Experiment) async throws {
        try write(experiment)
        let store = store
        for try await page in Pages({
            try await store.searchRuns(
                RunSearch(
                    experimentIDs: [experiment.experimentID], orderBy: ["attributes.start_time ASC"], viewType: .all,
                    maxResults: Self.runsAtOnce, pageToken: $0))
        }) {
            for run in page { try await self.run(run) }
        }
        try await loggedModels(of: experiment.experimentID)
    }

    private mutating func runs(_ ids: [String]) async throws {
        var known: Set<String> = []
        for id in ids {
            let run = try await store.run(id: id)
            if known.insert(run.info.experimentID).inserted {
                try write(try await store.experiment(id: run.info.experimentID))
            }
            try await self.run(run)
        }
    }

    private mutating func write(_ experiment: Experiment) throws {
        counts.experiments += 1
        try line {
            $0.field("kind", "experiment")
            $0.field("experiment_id", experiment.experimentID)
            $0.field("name", experiment.name)
            $0.field("artifact_location", experiment.artifactLocation)
            $0.field("lifecycle_stage", experiment.lifecycleStage.rawValue)
            $0.field("creation_time", experiment.creationTime)
            $0.field("last_update_time", experiment.lastUpdateTime)
            $0.field("tags", tags: experiment.tags)
        }
    }

    private mutating func run(_ run: Run) async throws {
        counts.runs += 1
        try line { writer in
            writer.field("kind", "run")
            writer.field("run_id", run.info.runID)
            writer.field("run_name", run.info.runName)
            writer.field("experiment_id", run.info.experimentID)
            writer.field("user_id", run.info.userID)
            writer.field("status", run.info.status.rawValue)
            writer.field("start_time", run.info.startTime)
            writer.field("end_time", run.info.endTime)
            writer.field("lifecycle_stage", run.info.lifecycleStage.rawValue)
            writer.field("artifact_uri", run.info.artifactURI)
            writer.field("params", params: run.data.params)
            writer.field("tags", tags: run.data.tags)
            writer.field("metrics") { metrics in
                for metric in run.data.metrics {
                    metrics.name(dynamic: metric.key)
                    metrics.double(metric.value)
                }
            }
            writer.field("datasets", run.inputs.datasets) { $0.dataset($1) }
            writer.field("model_inputs", run.inputs.models) { $0.string($1.modelID) }
            writer.field("model_outputs", run.outputs) { writer, output in
                writer.object {
                    $0.field("model_id", output.modelID)
                    $0.field("step", output.step)
                }
            }
        }
        for key in Set(run.data.metrics.map(\.key)).sorted() { try await history(of: key, run.info.runID) }
    }

    private mutating func history(of key: String, _ runID: String) async throws {
        let store = store
        for try await page in Pages({
            try await store.metricHistory(
                MetricHistoryQuery(runID: runID, key: key, maxResults: Self.pointsAtOnce, pageToken: $0))
        }) {
            counts.metrics += page.count
            var bytes: [UInt8] = []
            for metric in page {
                var writer = JSONWriter(reservingCapacity: 160)
                writer.object {
                    $0.field("kind", "metric")
                    $0.field("run_id", runID)
                    $0.field("key", metric.key)
                    $0.field("value", metric.value)
                    $0.field("timestamp", metric.timestamp)
                    $0.field("step", metric.step)
                    $0.field("model_id", metric.modelID)
                    $0.field("dataset_name", metric.datasetName)
                    $0.field("dataset_digest", metric.datasetDigest)
                }
                bytes += writer.bytes
                bytes.append(UInt8(ascii: "\n"))
            }
            if !bytes.isEmpty { try write(bytes) }
        }
    }

    // MARK: Models

    private mutating func loggedModels(of experimentID: String) async throws {
        if let store = store as? SQLiteStore {
            // Deleted ones as well, which the search does not find.
            for model in try await store.loggedModels(ofExperiment: experimentID) { try write(model) }
            return
        }
        guard let models = store as? any LoggedModelStore else { return }
        for try await page in Pages({
            try await models.searchLoggedModels(LoggedModelSearch(experimentIDs: [experimentID], pageToken: $0))
        }) {
            for model in page { try write(model) }
        }
    }

    private mutating func write(_ model: LoggedModel) throws {
        counts.loggedModels += 1
        try line { writer in
            writer.field("kind", "logged_model")
            writer.field("model_id", model.modelID)
            writer.field("experiment_id", model.experimentID)
            writer.field("name", model.name)
            writer.field("artifact_uri", model.artifactURI)
            writer.field("creation_timestamp", model.creationTimestamp)
            writer.field("last_updated_timestamp", model.lastUpdatedTimestamp)
            writer.field("status", model.status.name)
            writer.field("status_message", model.statusMessage)
            writer.field("model_type", model.modelType)
            writer.field("source_run_id", model.sourceRunID)
            writer.field("lifecycle_stage", model.lifecycleStage.rawValue)
            writer.field("params", params: model.params)
            writer.field("tags", tags: model.tags)
        }
    }

    private mutating func registry(_ registry: any ModelRegistryStore) async throws {
        for try await page in Pages({ try await registry.searchRegisteredModels(RegistrySearch(pageToken: $0)) }) {
            for model in page {
                counts.registeredModels += 1
                try line { writer in
                    writer.field("kind", "registered_model")
                    writer.field("name", model.name)
                    writer.field("description", model.description)
                    writer.field("creation_timestamp", model.creationTimestamp)
                    writer.field("last_updated_timestamp", model.lastUpdatedTimestamp)
                    writer.field("tags", tags: model.tags)
                    writer.field("aliases") { aliases in
                        for alias in model.aliases {
                            aliases.name(dynamic: alias.alias)
                            aliases.string(alias.version)
                        }
                    }
                }
            }
        }
        for try await page in Pages({
            try await registry.searchModelVersions(RegistrySearch(maxResults: 1000, pageToken: $0))
        }) {
            for version in page { try write(version) }
        }
    }

    private mutating func write(_ version: ModelVersion) throws {
        counts.modelVersions += 1
        try line { writer in
            writer.field("kind", "model_version")
            writer.field("name", version.name)
            writer.field("version", version.version)
            writer.field("description", version.description)
            writer.field("creation_timestamp", version.creationTimestamp)
            writer.field("last_updated_timestamp", version.lastUpdatedTimestamp)
            writer.field("user_id", version.userID)
            writer.field("current_stage", version.currentStage.rawValue)
            writer.field("source", version.source)
            writer.field("storage_location", version.storageLocation)
            writer.field("run_id", version.runID)
            writer.field("run_link", version.runLink)
            writer.field("status", version.status.rawValue)
            writer.field("status_message", version.statusMessage)
            writer.field("model_id", version.modelID)
            writer.field("tags", tags: version.tags)
        }
    }
}

extension JSONWriter {
    /// Tags as one object; always there, so that readers need not ask.
    fileprivate mutating func field(_ name: StaticString, tags: [Tag]) {
        field(name) { writer in
            for tag in tags {
                writer.name(dynamic: tag.key)
                writer.string(tag.value)
            }
        }
    }

    fileprivate mutating func field(_ name: StaticString, params: [Param]) {
        field(name) { writer in
            for param in params {
                writer.name(dynamic: param.key)
                writer.string(param.value)
            }
        }
    }

    fileprivate mutating func dataset(_ input: DatasetInput) {
        object { writer in
            writer.field("name", input.dataset.name)
            writer.field("digest", input.dataset.digest)
            writer.field("source_type", input.dataset.sourceType)
            writer.field("source", input.dataset.source)
            writer.field("schema", input.dataset.schema)
            writer.field("profile", input.dataset.profile)
            writer.field("tags", tags: input.tags)
        }
    }
}
