/// Where the models that runs log are kept.
package protocol LoggedModelStore: Sendable {
    func createLoggedModel(_ creation: LoggedModelCreation) async throws -> LoggedModel
    func loggedModel(id: String, includingDeleted: Bool) async throws -> LoggedModel
    func finalizeLoggedModel(id: String, status: LoggedModelStatus) async throws -> LoggedModel
    func deleteLoggedModel(id: String) async throws
    func setLoggedModelTags(_ tags: [Tag], modelID: String) async throws
    func deleteLoggedModelTag(_ key: String, modelID: String) async throws
    /// Adds parameters; a key that is there already is an error.
    func logLoggedModelParams(_ params: [Param], modelID: String) async throws
    func searchLoggedModels(_ search: LoggedModelSearch) async throws -> Page<LoggedModel>
}
