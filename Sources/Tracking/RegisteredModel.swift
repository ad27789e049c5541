/// A model of the registry: a name under which versions are collected.
package struct RegisteredModel: Sendable, Hashable {
    package var name: String
    package var creationTimestamp: Int64?
    package var lastUpdatedTimestamp: Int64?
    package var description: String?
    /// The newest version of each stage.
    package var latestVersions: [ModelVersion]
    package var tags: [Tag]
    package var aliases: [ModelAlias]

    package init(
        name: String, creationTimestamp: Int64? = nil, lastUpdatedTimestamp: Int64? = nil, description: String? = nil,
        latestVersions: [ModelVersion] = [], tags: [Tag] = [], aliases: [ModelAlias] = []
    ) {
        self.name = name
        self.creationTimestamp = creationTimestamp
        self.lastUpdatedTimestamp = lastUpdatedTimestamp
        self.description = description
        self.latestVersions = latestVersions
        self.tags = tags
        self.aliases = aliases
    }
}

/// A movable name for one version of a model.
package struct ModelAlias: Sendable, Hashable {
    package var alias: String
    package var version: String

    package init(alias: String, version: String) {
        self.alias = alias
        self.version = version
    }
}

package enum ModelStage: String, Sendable, Hashable, CaseIterable {
    case none = "None"
    case staging = "Staging"
    case production = "Production"
    case archived = "Archived"

    /// Stages are accepted in any case and stored in one.
    package init(_ text: String) throws(TrackingError) {
        guard let stage = Self.allCases.first(where: { $0.rawValue.lowercased() == text.lowercased() }) else {
            throw .invalidParameter(
                "Invalid Model Version stage: \(text). Value must be one of None, Staging, Production, Archived.")
        }
        self = stage
    }
}

package enum ModelVersionStatus: String, Sendable, Hashable, CaseIterable {
    case pendingRegistration = "PENDING_REGISTRATION"
    case failedRegistration = "FAILED_REGISTRATION"
    case ready = "READY"
}

/// One numbered version of a registered model.
package struct ModelVersion: Sendable, Hashable {
    package var name: String
    /// A decimal number, as text.
    package var version: String
    package var creationTimestamp: Int64?
    package var lastUpdatedTimestamp: Int64?
    package var userID: String?
    package var currentStage: ModelStage
    package var description: String?
    package var source: String?
    /// Where the files really are when `source` is another version or a logged model.
    package var storageLocation: String?
    package var runID: String?
    package var runLink: String?
    package var status: ModelVersionStatus
    package var statusMessage: String?
    package var tags: [Tag]
    package var aliases: [String]
    /// Set when the source is a logged model.
    package var modelID: String?

    package init(
        name: String, version: String, creationTimestamp: Int64? = nil, lastUpdatedTimestamp: Int64? = nil,
        userID: String? = nil, currentStage: ModelStage = .none, description: String? = nil, source: String? = nil,
        storageLocation: String? = nil, runID: String? = nil, runLink: String? = nil,
        status: ModelVersionStatus = .ready, statusMessage: String? = nil, tags: [Tag] = [], aliases: [String] = [],
        modelID: String? = nil
    ) {
        self.name = name
        self.version = version
        self.creationTimestamp = creationTimestamp
        self.lastUpdatedTimestamp = lastUpdatedTimestamp
        self.userID = userID
        self.currentStage = currentStage
        self.description = description
        self.source = source
        self.storageLocation = storageLocation
        self.runID = runID
        self.runLink = runLink
        self.status = status
        self.statusMessage = statusMessage
        self.tags = tags
        self.aliases = aliases
        self.modelID = modelID
    }
}

/// What a new version of a registered model is made of.
package struct ModelVersionCreation: Sendable, Hashable {
    package var name: String
    package var source: String
    package var runID: String?
    package var runLink: String?
    package var description: String?
    package var tags: [Tag]
    package var modelID: String?

    package init(
        name: String, source: String, runID: String? = nil, runLink: String? = nil, description: String? = nil,
        tags: [Tag] = [], modelID: String? = nil
    ) {
        self.name = name
        self.source = source
        self.runID = runID
        self.runLink = runLink
        self.description = description
        self.tags = tags
        self.modelID = modelID
    }
}

/// A search over registered models or model versions; see `Search/` for the language.
package struct RegistrySearch: Sendable, Hashable {
    package var filter: String
    package var orderBy: [String]
    package var maxResults: Int
    package var pageToken: String?

    package init(filter: String = "", orderBy: [String] = [], maxResults: Int = 100, pageToken: String? = nil) {
        self.filter = filter
        self.orderBy = orderBy
        self.maxResults = maxResults
        self.pageToken = pageToken
    }
}
