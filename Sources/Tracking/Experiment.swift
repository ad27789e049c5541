/// A named collection of runs that share a place for artifacts.
package struct Experiment: Sendable, Hashable {
    /// The one that every store creates for itself.
    package static let defaultID = "0"
    package static let defaultName = "Default"

    package var experimentID: String
    package var name: String
    package var artifactLocation: String
    package var lifecycleStage: LifecycleStage
    package var creationTime: Int64?
    package var lastUpdateTime: Int64?
    /// Sorted by key.
    package var tags: [Tag]

    package init(
        experimentID: String, name: String, artifactLocation: String, lifecycleStage: LifecycleStage = .active,
        creationTime: Int64? = nil, lastUpdateTime: Int64? = nil, tags: [Tag] = []
    ) {
        self.experimentID = experimentID
        self.name = name
        self.artifactLocation = artifactLocation
        self.lifecycleStage = lifecycleStage
        self.creationTime = creationTime
        self.lastUpdateTime = lastUpdateTime
        self.tags = tags
    }
}

/// What a new experiment is made of.
package struct ExperimentCreation: Sendable, Hashable {
    package var name: String
    /// `nil`: below the store's own artifact root.
    package var artifactLocation: String?
    package var tags: [Tag]

    package init(name: String, artifactLocation: String? = nil, tags: [Tag] = []) {
        self.name = name
        self.artifactLocation = artifactLocation
        self.tags = tags
    }
}

/// A search over experiments; see `Search/` for the language of `filter` and `orderBy`.
package struct ExperimentSearch: Sendable, Hashable {
    package var filter: String
    package var orderBy: [String]
    package var viewType: ViewType
    package var maxResults: Int
    package var pageToken: String?

    package init(
        filter: String = "", orderBy: [String] = [], viewType: ViewType = .activeOnly, maxResults: Int = 1000,
        pageToken: String? = nil
    ) {
        self.filter = filter
        self.orderBy = orderBy
        self.viewType = viewType
        self.maxResults = maxResults
        self.pageToken = pageToken
    }
}
