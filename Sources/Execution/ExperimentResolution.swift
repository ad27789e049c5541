import Diagnostics
package import Tracking

extension ExperimentChoice {
    /// What `.unspecified` stands for in this environment.
    ///
    /// A choice of the user's always wins over inherited variables, so a nested `swiftflow run --experiment-name` works.
    ///
    /// - Throws: `UsageError` when both variables are set and the store says that they contradict each other.
    package func resolved(in environment: [String: String], store: any TrackingStore) async throws -> ResolvedExperiment
    {
        switch self {
        case .name(let name):
            let (experiment, isNew) = try await store.findOrCreateExperiment(named: name)
            return ResolvedExperiment(
                id: experiment.experimentID, name: name, createdName: isNew ? name : nil)
        case .id(let id):
            let experiment = try await store.experiment(id: id)
            guard experiment.lifecycleStage == .active else {
                throw InvalidInput(
                    "experiment '\(experiment.name)' (\(id)) is deleted",
                    remedy: "restore it with 'swiftflow experiments restore \(id)', or choose another one")
            }
            return ResolvedExperiment(id: id, name: experiment.name)
        case .known(let id):
            return ResolvedExperiment(id: id)
        case .unspecified:
            return try await Self.inherited(environment, store)
        }
    }

    /// The same without creating anything; nil when there is no such experiment.
    package func existing(in environment: [String: String], store: any TrackingStore) async throws -> String? {
        var name: String?
        if case .name(let given) = self { name = given }
        if case .unspecified = self, let given = environment["MLFLOW_EXPERIMENT_NAME"], !given.isEmpty { name = given }
        if let name {
            let found = try await store.findExperiment(named: name)
            return found?.lifecycleStage == .active ? found?.experimentID : nil
        }
        return try await resolved(in: environment, store: store).id
    }

    private static func inherited(
        _ environment: [String: String], _ store: any TrackingStore
    ) async throws -> ResolvedExperiment {
        let name = environment["MLFLOW_EXPERIMENT_NAME"].flatMap { $0.isEmpty ? nil : $0 }
        let id = environment["MLFLOW_EXPERIMENT_ID"].flatMap { $0.isEmpty ? nil : $0 }
        switch (name, id) {
        case (nil, nil):
            return ResolvedExperiment(id: Experiment.defaultID)
        case (let name?, nil):
            return try await ExperimentChoice.name(name).resolved(in: [:], store: store)
        case (nil, let id?):
            return try await ExperimentChoice.id(id).resolved(in: [:], store: store)
        case (let name?, let id?):
            let byID = try await store.experiment(id: id)
            guard byID.name == name else {
                throw UsageError(
                    "MLFLOW_EXPERIMENT_NAME is '\(name)', but MLFLOW_EXPERIMENT_ID is \(id), which is '\(byID.name)'",
                    remedy: "unset one of them, or give --experiment-name or --experiment-id")
            }
            return ResolvedExperiment(id: id, name: name)
        }
    }
}

/// What the experiment is called; nil where the store does not say.
package func nameOfExperiment(_ id: String, in store: any TrackingStore) async -> String? {
    try? await store.experiment(id: id).name
}

/// The experiment a run will be recorded in.
package struct ResolvedExperiment: Sendable, Hashable {
    package var id: String
    /// Its name, where that had to be looked at.
    package var name: String?
    /// Its name, if it was created just now.
    package var createdName: String?

    package init(id: String, name: String? = nil, createdName: String? = nil) {
        self.id = id
        self.name = name
        self.createdName = createdName
    }

    /// Its name, asking the store where it is not known yet.
    package func namedIn(_ store: any TrackingStore) async -> String? {
        if let name { return name }
        return await nameOfExperiment(id, in: store)
    }
}
