/// How long and how many things may be.
///
/// Lengths count Unicode scalars, as MLflow's do.
package enum Limits {
    package static let entityKeyLength = 250
    package static let paramValueLength = 6000
    package static let tagValueLength = 8000
    package static let experimentNameLength = 500
    package static let experimentTagValueLength = 20_000
    package static let artifactLocationLength = 2048
    package static let registryTagValueLength = 100_000
    package static let aliasLength = 255
    package static let modelNameLength = 256
    package static let descriptionLength = 5000

    package static let metricsPerBatch = 1000
    package static let paramsPerBatch = 100
    package static let tagsPerBatch = 100
    package static let entitiesPerBatch = 1000
    package static let datasetsPerBatch = 1000

    package static let datasetNameLength = 500
    package static let datasetDigestLength = 36
    package static let datasetSourceLength = 65_535
    package static let datasetSchemaLength = 1_048_575
    package static let datasetProfileLength = 16_777_215
    package static let inputTagKeyLength = 255
    package static let inputTagValueLength = 500

    package static let runsPerPage = 50_000
    package static let experimentsPerPage = 50_000
    package static let registeredModelsPerPage = 1000
    package static let modelVersionsPerPage = 200_000
    package static let loggedModelsPerPage = 50_000
    package static let metricHistoryRuns = 100
    package static let metricHistoryResults = 25_000
    package static let metricIntervalResults = 2500
    package static let datasetSummaries = 1000
    /// Ours: how many runs of one value ``TrackingStore/latestRuns(withTag:among:experimentIDs:)`` tells.
    package static let latestRuns = 20

    /// Ours: a filter or order longer than this, or with more comparisons, is refused before it is looked at.
    package static let filterLength = 1 << 20
    package static let filterComparisons = 50
    /// Together with the comparisons fewer than the 64 tables that SQLite joins.
    package static let orderKeys = 10
    /// SQLite's own bound on a pattern, in bytes.
    package static let patternLength = 50_000
}

extension Array {
    /// The elements in order, in parts of at most so many.
    package func parts(of limit: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: limit).map { self[$0..<Swift.min($0 + limit, count)] }
    }
}

/// What to do with text that is too long where MLflow leaves a choice: parameter values and run tags.
package enum LongValues: Sendable, Hashable {
    case truncated, refused

    /// Follows `MLFLOW_TRUNCATE_LONG_VALUES`; unset means truncated.
    package init(environment: [String: String]) {
        let text = environment["MLFLOW_TRUNCATE_LONG_VALUES"]?.lowercased()
        self = text == "false" || text == "0" ? .refused : .truncated
    }
}
