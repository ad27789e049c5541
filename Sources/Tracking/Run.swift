/// One execution of some code, with everything that was recorded of it.
package struct Run: Sendable, Hashable {
    package var info: RunInfo
    package var data: RunData
    package var inputs: RunInputs
    package var outputs: [LoggedModelOutput]

    package init(
        info: RunInfo, data: RunData = RunData(), inputs: RunInputs = RunInputs(), outputs: [LoggedModelOutput] = []
    ) {
        self.info = info
        self.data = data
        self.inputs = inputs
        self.outputs = outputs
    }
}

package enum RunStatus: String, Sendable, Hashable, CaseIterable {
    case running = "RUNNING"
    case scheduled = "SCHEDULED"
    case finished = "FINISHED"
    case failed = "FAILED"
    case killed = "KILLED"

    /// Whether a run in this state will not change any more by itself.
    package var isTerminal: Bool {
        switch self {
        case .running, .scheduled: false
        case .finished, .failed, .killed: true
        }
    }
}

/// The facts of a run that every run has.
package struct RunInfo: Sendable, Hashable {
    /// 32 lower-case hexadecimal digits in the stores we create.
    package var runID: String
    package var runName: String
    package var experimentID: String
    package var userID: String
    package var status: RunStatus
    package var startTime: Int64
    /// `nil` until the run has ended.
    package var endTime: Int64?
    package var lifecycleStage: LifecycleStage
    package var artifactURI: String

    package init(
        runID: String, runName: String, experimentID: String, userID: String, status: RunStatus, startTime: Int64,
        endTime: Int64? = nil, lifecycleStage: LifecycleStage = .active, artifactURI: String
    ) {
        self.runID = runID
        self.runName = runName
        self.experimentID = experimentID
        self.userID = userID
        self.status = status
        self.startTime = startTime
        self.endTime = endTime
        self.lifecycleStage = lifecycleStage
        self.artifactURI = artifactURI
    }
}

/// What a run has logged: its parameters, its tags, and the latest point of each metric, each sorted by key.
package struct RunData: Sendable, Hashable {
    package var metrics: [Metric]
    package var params: [Param]
    package var tags: [Tag]

    package init(metrics: [Metric] = [], params: [Param] = [], tags: [Tag] = []) {
        self.metrics = metrics
        self.params = params
        self.tags = tags
    }

    package func tag(_ key: String) -> String? {
        tags.first { $0.key == key }?.value
    }

    package func param(_ key: String) -> String? {
        params.first { $0.key == key }?.value
    }

    package func metric(_ key: String) -> Metric? {
        metrics.first { $0.key == key }
    }
}

/// What a new run is made of.
///
/// Everything in it is written in the same transaction as the run itself, in stores that have any.
package struct RunCreation: Sendable, Hashable {
    package var experimentID: String
    /// `nil`: the value of the tag `mlflow.runName`, or else a random name.
    package var name: String?
    package var userID: String
    /// Zero is what MLflow stores for a caller that gives none.
    package var startTime: Int64
    package var tags: [Tag]
    package var params: [Param]
    package var metrics: [Metric]
    /// How it ended, when it is recorded only afterwards; nil for a run that begins now.
    package var end: RunEnd?

    package init(
        experimentID: String, name: String? = nil, userID: String = "", startTime: Int64, tags: [Tag] = [],
        params: [Param] = [], metrics: [Metric] = [], end: RunEnd? = nil
    ) {
        self.metrics = metrics
        self.end = end
        self.experimentID = experimentID
        self.name = name
        self.userID = userID
        self.startTime = startTime
        self.tags = tags
        self.params = params
    }
}

/// The last state of a run, and since when it has it.
package struct RunEnd: Sendable, Hashable {
    package var status: RunStatus
    package var time: Int64

    package init(_ status: RunStatus, at time: Int64) {
        self.status = status
        self.time = time
    }
}

/// Changes to a run, made in one transaction; what is `nil` stays as it is.
package struct RunUpdate: Sendable, Hashable {
    package var runID: String
    package var status: RunStatus?
    package var endTime: Int64?
    /// Also rewrites the tag `mlflow.runName`; empty text is ignored, as MLflow ignores it.
    package var name: String?
    package var tags: [Tag]
    /// Keys of tags to take away; one that the run does not have is no error.
    package var removedTags: [String]
    /// Points that are logged with the change.
    package var metrics: [Metric]
    /// Leaves status and end time alone when the run has already ended: what the run said of itself stands.
    package var respectsTerminalStatus: Bool

    package init(
        runID: String, status: RunStatus? = nil, endTime: Int64? = nil, name: String? = nil, tags: [Tag] = [],
        removedTags: [String] = [], metrics: [Metric] = [], respectsTerminalStatus: Bool = false
    ) {
        self.metrics = metrics
        self.runID = runID
        self.status = status
        self.endTime = endTime
        self.name = name
        self.tags = tags
        self.removedTags = removedTags
        self.respectsTerminalStatus = respectsTerminalStatus
    }
}

/// Many facts of one run at once, written in one transaction.
package struct LogBatch: Sendable, Hashable {
    package var runID: String
    package var metrics: [Metric]
    package var params: [Param]
    package var tags: [Tag]

    package init(runID: String, metrics: [Metric] = [], params: [Param] = [], tags: [Tag] = []) {
        self.runID = runID
        self.metrics = metrics
        self.params = params
        self.tags = tags
    }
}

/// A search over the runs of some experiments; see `Search/` for the language of `filter` and `orderBy`.
package struct RunSearch: Sendable, Hashable {
    package var experimentIDs: [String]
    package var filter: String
    package var orderBy: [String]
    package var viewType: ViewType
    package var maxResults: Int
    package var pageToken: String?

    package init(
        experimentIDs: [String], filter: String = "", orderBy: [String] = [], viewType: ViewType = .activeOnly,
        maxResults: Int = 1000, pageToken: String? = nil
    ) {
        self.experimentIDs = experimentIDs
        self.filter = filter
        self.orderBy = orderBy
        self.viewType = viewType
        self.maxResults = maxResults
        self.pageToken = pageToken
    }
}
