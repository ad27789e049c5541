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
    /// Creates many runs, and says of each what became of it, in their order.
    func createRuns(_ creations: [RunCreation]) async -> [Result<Run, any Error>]
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
    /// The latest active runs of these experiments whose tag has one of the values, by value: from the newest back to the first that has
    /// finished, at most ``Limits/latestRuns`` of each.
    ///
    /// It asks at once for many values what a search asks for one. A run may be left out whose tag was given another value later than
    /// its first one; none is there that does not belong.
    func latestRuns(
        withTag key: String, among values: Set<String>, experimentIDs: [String]
    ) async throws -> [String: [Run]]

    // MARK: What runs log

    func logMetric(_ metric: Metric, runID: String) async throws
    func logParam(_ param: Param, runID: String) async throws
    func setTag(_ tag: Tag, runID: String) async throws
    func deleteTag(_ key: String, runID: String) async throws
    /// Validates the whole batch, then writes it in one transaction.
    func logBatch(_ batch: LogBatch) async throws
    func logInputs(_ inputs: RunInputs, runID: String) async throws
    func logOutputs(_ models: [LoggedModelOutput], runID: String) async throws

    // MARK: Reading metrics and datasets

    /// Points ordered by timestamp, step, value. An unknown run or key has none.
    func metricPoints(_ query: MetricHistoryQuery) async throws -> Page<MetricPoint>
    /// Points of several runs, ordered by run, at most so many together.
    func metricSeries(runIDs: [String], key: String, maxResults: Int) async throws -> [MetricSeries]
    /// Points of several runs, thinned out over the steps.
    func sampledMetricSeries(_ query: MetricIntervalQuery) async throws -> [MetricSeries]
    func datasets(experimentIDs: [String]) async throws -> [DatasetSummary]

    /// Releases what the store holds; no call may follow. Durability does not depend on it.
    func close() async
}

extension TrackingStore {
    /// One by one, some at the same time.
    package func createRuns(_ creations: [RunCreation]) async -> [Result<Run, any Error>] {
        await withTaskGroup(of: (Int, Result<Run, any Error>).self) { group in
            var results: [Result<Run, any Error>] = creations.map { _ in .failure(CancellationError()) }
            for (index, creation) in creations.enumerated() {
                if index >= 16, let (done, result) = await group.next() { results[done] = result }
                group.addTask {
                    do {
                        return (index, .success(try await createRun(creation)))
                    } catch {
                        return (index, .failure(error))
                    }
                }
            }
            for await (done, result) in group { results[done] = result }
            return results
        }
    }

    /// Takes a name of a run once and for all; false when somebody else has taken it, with another value.
    ///
    /// Of several callers, however slow, exactly one succeeds. The claim is a param: the only thing that every store, MLflow's own server
    /// included, writes once and then refuses to change.
    package func claim(_ name: String, of runID: String, as value: String) async throws -> Bool {
        do {
            try await logParam(Param(name, value), runID: runID)
            return true
        } catch let error as TrackingError where error.code == .invalidParameterValue {
            // Stores word the refusal in many ways; that the name is taken can be looked up.
            guard let taken = try await run(id: runID).data.params.first(where: { $0.key == name }) else { throw error }
            return taken.value == value
        }
    }

    /// A history as metrics.
    package func metricHistory(_ query: MetricHistoryQuery) async throws -> Page<Metric> {
        let page = try await metricPoints(query)
        return Page(page.elements.map { Metric(query.key, $0) }, nextPageToken: page.nextPageToken)
    }

    /// Histories of several runs as metrics; each carries its run id.
    package func metricHistories(runIDs: [String], key: String, maxResults: Int) async throws -> [Metric] {
        try await metricSeries(runIDs: runIDs, key: key, maxResults: maxResults).flatMap { $0.metrics(key: key) }
    }

    /// Thinned-out histories of several runs as metrics; each carries its run id.
    package func sampledMetricHistories(_ query: MetricIntervalQuery) async throws -> [Metric] {
        try await sampledMetricSeries(query).flatMap { $0.metrics(key: query.key) }
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
