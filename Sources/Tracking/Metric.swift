/// One measured point of a run.
package struct Metric: Sendable {
    package var key: String
    /// NaN is kept; infinities come back as the largest finite numbers, as MLflow stores them.
    package var value: Double
    package var timestamp: Int64
    package var step: Int64
    /// The logged model the point belongs to, besides its run.
    package var modelID: String?
    package var datasetName: String?
    package var datasetDigest: String?
    /// Set where points of several runs are listed together, and on the metrics of logged models.
    package var runID: String?

    package init(
        _ key: String, _ value: Double, timestamp: Int64, step: Int64 = 0, modelID: String? = nil,
        datasetName: String? = nil, datasetDigest: String? = nil, runID: String? = nil
    ) {
        self.key = key
        self.value = value
        self.timestamp = timestamp
        self.step = step
        self.modelID = modelID
        self.datasetName = datasetName
        self.datasetDigest = datasetDigest
        self.runID = runID
    }
}

/// Two points are equal when they are stored alike, so NaN equals NaN here.
extension Metric: Hashable {
    package static func == (left: Metric, right: Metric) -> Bool {
        (left.value == right.value || (left.value.isNaN && right.value.isNaN))
            && left.key == right.key && left.timestamp == right.timestamp && left.step == right.step
            && left.modelID == right.modelID && left.datasetName == right.datasetName
            && left.datasetDigest == right.datasetDigest && left.runID == right.runID
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(key)
        hasher.combine(value.isNaN ? 0 : value)
        hasher.combine(timestamp)
        hasher.combine(step)
    }
}

/// What is asked of the history of one metric of one run, ordered by timestamp, step, value.
package struct MetricHistoryQuery: Sendable, Hashable {
    package var runID: String
    package var key: String
    /// `nil`: all points in one page.
    package var maxResults: Int?
    package var pageToken: String?

    package init(runID: String, key: String, maxResults: Int? = nil, pageToken: String? = nil) {
        self.runID = runID
        self.key = key
        self.maxResults = maxResults
        self.pageToken = pageToken
    }
}

/// The histories of one metric in several runs, thinned out to about `maxResults` steps each.
package struct MetricIntervalQuery: Sendable, Hashable {
    package var runIDs: [String]
    package var key: String
    /// `nil`: from the first to the last step of any of the runs.
    package var steps: ClosedRange<Int64>?
    package var maxResults: Int

    package init(runIDs: [String], key: String, steps: ClosedRange<Int64>? = nil, maxResults: Int) {
        self.runIDs = runIDs
        self.key = key
        self.steps = steps
        self.maxResults = maxResults
    }
}
