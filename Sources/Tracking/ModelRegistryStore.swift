/// Where registered models and their versions are kept.
package protocol ModelRegistryStore: Sendable {
    // MARK: Registered models

    func createRegisteredModel(name: String, description: String?, tags: [Tag]) async throws -> RegisteredModel
    func registeredModel(named name: String) async throws -> RegisteredModel
    /// Versions, tags and aliases follow.
    func renameRegisteredModel(named name: String, to newName: String) async throws -> RegisteredModel
    /// Sets the description; `nil` clears it.
    func updateRegisteredModel(named name: String, description: String?) async throws -> RegisteredModel
    /// Removes the model with its versions, tags and aliases for good.
    func deleteRegisteredModel(named name: String) async throws
    func searchRegisteredModels(_ search: RegistrySearch) async throws -> Page<RegisteredModel>
    /// The newest version of each of the stages; of every stage when none is given.
    func latestVersions(ofModel name: String, stages: [String]) async throws -> [ModelVersion]
    func setRegisteredModelTag(_ tag: Tag, modelName: String) async throws
    func deleteRegisteredModelTag(_ key: String, modelName: String) async throws

    // MARK: Aliases

    func setAlias(_ alias: String, version: String, modelName: String) async throws
    func deleteAlias(_ alias: String, modelName: String) async throws
    /// The version behind an alias; `latest` is the highest number.
    func modelVersion(alias: String, modelName: String) async throws -> ModelVersion

    // MARK: Versions

    /// Creates the next version. The caller has validated that `source` may be used (see the server's rules).
    ///
    /// A source `models:/name/version` or `models:/m-…` is resolved to the place of its files.
    func createModelVersion(_ creation: ModelVersionCreation) async throws -> ModelVersion
    func modelVersion(named name: String, version: String) async throws -> ModelVersion
    /// Sets the description; `nil` clears it.
    func updateModelVersion(named name: String, version: String, description: String?) async throws -> ModelVersion
    func transitionModelVersion(
        named name: String, version: String, to stage: String, archiveExisting: Bool
    ) async throws -> ModelVersion
    func deleteModelVersion(named name: String, version: String) async throws
    /// Where the files of the version are.
    func downloadURI(ofModel name: String, version: String) async throws -> String
    func searchModelVersions(_ search: RegistrySearch) async throws -> Page<ModelVersion>
    func setModelVersionTag(_ tag: Tag, modelName: String, version: String) async throws
    func deleteModelVersionTag(_ key: String, modelName: String, version: String) async throws
}
