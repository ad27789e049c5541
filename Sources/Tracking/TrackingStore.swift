/// Where experiments and runs are recorded.
///
/// Every call that changes something returns only when the change is durable. Calls may be made from many tasks at once.
/// Failures are ``TrackingError`` wherever the store understands what happened.
///
/// Cancelling the calling task does not undo or abandon a write that was already handed to the store.
package protocol TrackingStore: Sendable {
    // MARK: Experiments

    /// Creates an experiment and returns its id. Names are unique among all experiments, deleted ones included.
    func createExperiment(_ creation: ExperimentCreation) async throws -> String
    func experiment(id: String) async throws -> Experiment
    /// The experiment of that name, in any lifecycle stage.
    func experiment(named name: String) async throws -> Experiment
    func renameExperiment(id: String, to newName: String) async throws
    /// Moves the experiment and all its runs to the bin.
    func deleteExperiment(id: String) async throws
    /// Brings back the experiment and all its runs, also those that had been deleted one by one.
    func restoreExperiment(id: String) async throws
    func setExperimentTag(_ tag: Tag, experimentID: String) async throws
    func deleteExperimentTag(_ key: String, experimentID: String) async throws
    func searchExperiments(_ search: ExperimentSearch) async throws -> Page<Experiment>

    // MARK: Runs

    /// Creates a run with its tags and parameters in one transaction.
    func createRun(_ creation: RunCreation) async throws -> Run
    /// The run with everything it logged, in any lifecycle stage.
    func run(id: String) async throws -> Run
    /// Changes status, end time, name and tags in one transaction; answers what the run is afterwards.
    @discardableResult
    func updateRun(_ update: RunUpdate) async throws -> RunInfo
    func deleteRun(id: String) async throws
    func restoreRun(id: String) async throws
    func searchRuns(_ search: RunSearch) async throws -> Page<Run>
    /// All active runs in that state that carry the tag, with their tags alone: how runs whose runner died are found.
    func runs(withStatus status: RunStatus, havingTag key: String) async throws -> [Run]

    // MARK: What runs log

    func logMetric(_ metric: Metric, runID: String) async throws
    func logParam(_ param: Param, runID: String) async throws
    func setTag(_ tag: Tag, runID: String) async throws
    func deleteTag(_ key: String, runID: String) async throws
    /// Gives the tag a new value if it has the expected one (`nil`: if the run has no such tag); false when it has another.
    ///
    /// Of several callers that expect the same value exactly one succeeds.
    func replaceTag(_ key: String, of runID: String, expecting expected: String?, with value: String) async throws
        -> Bool
    /// Validates the whole batch, then writes it in one transaction.
    func logBatch(_ batch: LogBatch) async throws
    func logInputs(_ inputs: RunInputs, runID: String) async throws
    func logOutputs(_ models: [LoggedModelOutput], runID: String) async throws

    // MARK: Reading metrics and datasets

    /// Points ordered by timestamp, step, value. An unknown run or key has none.
    func metricHistory(_ query: MetricHistoryQuery) async throws -> Page<Metric>
    /// Points of several runs ordered by run, timestamp, step, value; each carries its run id.
    func metricHistories(runIDs: [String], key: String, maxResults: Int) async throws -> [Metric]
    /// Points of several runs, thinned out over the steps; each carries its run id.
    func sampledMetricHistories(_ query: MetricIntervalQuery) async throws -> [Metric]
    func datasets(experimentIDs: [String]) async throws -> [DatasetSummary]

    /// Releases what the store holds; no call may follow. Durability does not depend on it.
    func close() async
}

extension TrackingStore {
    /// For stores that cannot compare and write in one step: reads, writes, waits for other writers, and reads back.
    package func replaceTag(
        _ key: String, of runID: String, expecting expected: String?, with value: String
    ) async throws -> Bool {
        guard try await run(id: runID).data.tag(key) == expected else { return false }
        try await setTag(Tag(key, value), runID: runID)
        // Whoever read the same value has written by now; the last one of them stands.
        try await Task.sleep(for: .milliseconds(500))
        return try await run(id: runID).data.tag(key) == value
    }

    /// The experiment of that name in any lifecycle stage, or `nil`.
    package func findExperiment(named name: String) async throws -> Experiment? {
        do {
            return try await experiment(named: name)
        } catch let error as TrackingError where error.code == .resourceDoesNotExist {
            return nil
        }
    }

    /// The experiment of that name, created when there is none; two callers at once get the same one.
    ///
    /// - Throws: `INVALID_PARAMETER_VALUE` when the experiment is deleted.
    package func findOrCreateExperiment(named name: String) async throws -> (experiment: Experiment, isNew: Bool) {
        var found = try await findExperiment(named: name)
        var isNew = false
        if found == nil {
            do {
                let id = try await createExperiment(ExperimentCreation(name: name))
                found = try await experiment(id: id)
                isNew = true
            } catch let error as TrackingError where error.code == .resourceAlreadyExists {
                found = try await experiment(named: name)
            }
        }
        guard let found else { throw TrackingError.noExperiment(named: name) }
        guard found.lifecycleStage == .active else {
            throw TrackingError(
                .invalidParameterValue, "experiment '\(name)' is deleted",
                remedy: "restore it (id \(found.experimentID)), or choose another name")
        }
        return (found, isNew)
    }
}
