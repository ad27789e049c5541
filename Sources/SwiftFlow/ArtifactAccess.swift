import Artifacts
import Diagnostics
import Files
import Processes
import SystemPackage
import Tracking

/// Finds the files of runs and models with the help of the store.
struct StoredArtifacts: RunArtifactLocator {
    let store: OnceOpened

    func artifactURI(ofRun runID: String) async throws -> String {
        try await store.get().run(id: runID).info.artifactURI
    }

    func artifactURI(ofModel reference: ModelReference) async throws -> String {
        let store = try await store.get()
        if case .loggedModel(let id) = reference, let models = store as? any LoggedModelStore {
            return try await models.loggedModel(id: id, includingDeleted: false).artifactURI
        }
        guard let registry = store as? any ModelRegistryStore else {
            throw InvalidInput("this store has no model registry", remedy: "give the URI of the files themselves")
        }
        switch reference {
        case .version(let name, let version):
            return try await registry.downloadURI(ofModel: name, version: version)
        case .alias(let name, let alias):
            let version = try await registry.modelVersion(alias: alias, modelName: name)
            return try await registry.downloadURI(ofModel: name, version: version.version)
        case .latest(let name):
            return try await uri(of: try await registry.latestVersions(ofModel: name, stages: []), name, registry)
        case .stage(let name, let stage):
            return try await uri(of: try await registry.latestVersions(ofModel: name, stages: [stage]), name, registry)
        case .loggedModel(let id):
            throw InvalidInput(
                "this store cannot look up the logged model '\(id)'", remedy: "name a run's artifact instead")
        }
    }

    private func uri(
        of versions: [ModelVersion], _ name: String, _ registry: any ModelRegistryStore
    ) async throws -> String {
        let newest = versions.max { (Int64($0.version) ?? 0) < (Int64($1.version) ?? 0) }
        guard let newest else {
            throw InvalidInput("model '\(name)' has no such version", remedy: "see its versions in the registry")
        }
        return try await registry.downloadURI(ofModel: name, version: newest.version)
    }
}
