/// A model as a run logged it, with its own parameters, tags and metrics.
package struct LoggedModel: Sendable, Hashable {
    /// `m-` and 32 lower-case hexadecimal digits in the stores we create.
    package var modelID: String
    package var experimentID: String
    package var name: String
    package var artifactURI: String
    package var creationTimestamp: Int64
    package var lastUpdatedTimestamp: Int64
    package var status: LoggedModelStatus
    package var modelType: String?
    package var sourceRunID: String?
    package var statusMessage: String?
    package var lifecycleStage: LifecycleStage
    package var params: [Param]
    package var tags: [Tag]
    package var metrics: [Metric]

    package init(
        modelID: String, experimentID: String, name: String, artifactURI: String, creationTimestamp: Int64,
        lastUpdatedTimestamp: Int64, status: LoggedModelStatus, modelType: String? = nil, sourceRunID: String? = nil,
        statusMessage: String? = nil, lifecycleStage: LifecycleStage = .active, params: [Param] = [], tags: [Tag] = [],
        metrics: [Metric] = []
    ) {
        self.modelID = modelID
        self.experimentID = experimentID
        self.name = name
        self.artifactURI = artifactURI
        self.creationTimestamp = creationTimestamp
        self.lastUpdatedTimestamp = lastUpdatedTimestamp
        self.status = status
        self.modelType = modelType
        self.sourceRunID = sourceRunID
        self.statusMessage = statusMessage
        self.lifecycleStage = lifecycleStage
        self.params = params
        self.tags = tags
        self.metrics = metrics
    }
}

/// The raw values are the numbers that MLflow stores.
package enum LoggedModelStatus: Int64, Sendable, Hashable, CaseIterable {
    case unspecified = 0
    case pending = 1
    case ready = 2
    case uploadFailed = 3

    /// The name of the status on the wire.
    package var name: String {
        switch self {
        case .unspecified: "LOGGED_MODEL_STATUS_UNSPECIFIED"
        case .pending: "LOGGED_MODEL_PENDING"
        case .ready: "LOGGED_MODEL_READY"
        case .uploadFailed: "LOGGED_MODEL_UPLOAD_FAILED"
        }
    }
}

/// What a new logged model is made of.
package struct LoggedModelCreation: Sendable, Hashable {
    package var experimentID: String
    /// `nil`: a random name.
    package var name: String?
    package var modelType: String?
    package var sourceRunID: String?
    package var params: [Param]
    package var tags: [Tag]

    package init(
        experimentID: String, name: String? = nil, modelType: String? = nil, sourceRunID: String? = nil,
        params: [Param] = [], tags: [Tag] = []
    ) {
        self.experimentID = experimentID
        self.name = name
        self.modelType = modelType
        self.sourceRunID = sourceRunID
        self.params = params
        self.tags = tags
    }
}

/// A search over the logged models of some experiments.
package struct LoggedModelSearch: Sendable, Hashable {
    /// One key of the order; metrics may be narrowed to those of one dataset.
    package struct Order: Sendable, Hashable {
        package var fieldName: String
        package var ascending: Bool
        package var datasetName: String?
        package var datasetDigest: String?

        package init(
            fieldName: String, ascending: Bool = true, datasetName: String? = nil, datasetDigest: String? = nil
        ) {
            self.fieldName = fieldName
            self.ascending = ascending
            self.datasetName = datasetName
            self.datasetDigest = datasetDigest
        }
    }

    /// Limits which metric rows a comparison with `metrics.K` looks at.
    package struct DatasetFilter: Sendable, Hashable {
        package var name: String
        /// `nil`: any digest.
        package var digest: String?

        package init(name: String, digest: String? = nil) {
            self.name = name
            self.digest = digest
        }
    }

    package var experimentIDs: [String]
    package var filter: String
    package var datasets: [DatasetFilter]
    package var orderBy: [Order]
    package var maxResults: Int
    package var pageToken: String?

    package init(
        experimentIDs: [String], filter: String = "", datasets: [DatasetFilter] = [], orderBy: [Order] = [],
        maxResults: Int = 50, pageToken: String? = nil
    ) {
        self.experimentIDs = experimentIDs
        self.filter = filter
        self.datasets = datasets
        self.orderBy = orderBy
        self.maxResults = maxResults
        self.pageToken = pageToken
    }
}
