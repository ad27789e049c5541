import JSON
package import Tracking

/// Runs.
extension RemoteStore {
    /// Creates a run with its tags, then writes its parameters, for which the API has calls of their own.
    ///
    /// All is checked before the run exists. If its parameters still cannot be written, the run is ended FAILED and deleted: it never
    /// stays behind as one that runs.
    package func createRun(_ creation: RunCreation) async throws -> Run {
        _ = try Validation.experimentID(creation.experimentID)
        let params = try Validation.params(creation.params, longValues: longValues)
        let tags = try Validation.tags(creation.tags, longValues: longValues)
        let answer = try await server.answer(
            .post("runs/create", effect: .once) {
                $0.field("experiment_id", creation.experimentID)
                $0.field("user_id", creation.userID)
                $0.field("run_name", creation.name)
                $0.field("start_time", creation.startTime)
                $0.tags(tags)
            })
        var run = try answer.requiredMessage("run").run()
        guard !params.isEmpty || !creation.metrics.isEmpty || creation.end != nil else { return run }
        do {
            for part in params.parts(of: Limits.paramsPerBatch) {
                try await send(LogBatch(runID: run.info.runID, params: Array(part)))
            }
            if !creation.metrics.isEmpty || creation.end != nil {
                run.info = try await updateRun(
                    RunUpdate(
                        runID: run.info.runID, status: creation.end?.status, endTime: creation.end?.time,
                        metrics: creation.metrics))
            }
        } catch {
            await discard(run.info)
            throw error
        }
        if !creation.metrics.isEmpty { return try await self.run(id: run.info.runID) }
        run.data.params = params.sorted { $0.key < $1.key }
        return run
    }

    /// Takes back a run that was only half created, as far as that is possible.
    private func discard(_ info: RunInfo) async {
        // Nobody could do anything about a failure here; the error that led here is the one to tell.
        _ = try? await updateRun(RunUpdate(runID: info.runID, status: .failed, endTime: max(1, info.startTime)))
        try? await deleteRun(id: info.runID)
    }

    package func run(id: String) async throws -> Run {
        try Validation.runID(id)
        return try await server.answer(.get("runs/get", fields: [("run_id", id)])).requiredMessage("run").run()
    }

    /// Logs metrics and sets tags, then status, end time and name, then takes tags away: as many calls as there is something to do.
    ///
    /// A run that has ended has its reasons, and one that is still running has the mark of its runner, wherever this breaks off.
    @discardableResult
    package func updateRun(_ update: RunUpdate) async throws -> RunInfo {
        try Validation.runID(update.runID)
        let tags = try Validation.tags(update.tags, longValues: longValues)
        let name = update.name.flatMap { $0.isEmpty ? nil : $0 }
        var (status, endTime) = (update.status, update.endTime)
        if update.respectsTerminalStatus, status != nil || endTime != nil,
            try await run(id: update.runID).info.status.isTerminal
        {
            (status, endTime) = (nil, nil)
        }
        var tagsLeft = tags[...]
        // As many tags as there may be go with each part of the metrics.
        for part in update.metrics.parts(of: Limits.entitiesPerBatch - Limits.tagsPerBatch) {
            let together = tagsLeft.prefix(Limits.tagsPerBatch)
            tagsLeft = tagsLeft.dropFirst(together.count)
            try await send(LogBatch(runID: update.runID, metrics: Array(part), tags: Array(together)))
        }
        for part in Array(tagsLeft).parts(of: Limits.tagsPerBatch) {
            try await send(LogBatch(runID: update.runID, tags: Array(part)))
        }
        var info: RunInfo?
        if status != nil || endTime != nil || name != nil {
            info = try await server.answer(
                .post("runs/update", effect: .repeatable) {
                    $0.field("run_id", update.runID)
                    $0.field("status", status?.rawValue)
                    $0.field("end_time", endTime)
                    $0.field("run_name", name)
                }
            ).requiredMessage("run_info").runInfo()
        }
        for key in update.removedTags {
            do {
                try await deleteTag(key, runID: update.runID)
            } catch let error as TrackingError where error.code == .resourceDoesNotExist && info != nil {
                // The run is there, so it is the tag that is not.
            } catch let error as TrackingError where error.code == .resourceDoesNotExist {
                info = try await run(id: update.runID).info
            }
        }
        if let info { return info }
        return try await run(id: update.runID).info
    }

    package func deleteRun(id: String) async throws {
        try Validation.runID(id)
        try await server.perform(.post("runs/delete", effect: .repeatable) { $0.field("run_id", id) })
    }

    package func restoreRun(id: String) async throws {
        try Validation.runID(id)
        try await server.perform(.post("runs/restore", effect: .repeatable) { $0.field("run_id", id) })
    }

    package func searchRuns(_ search: RunSearch) async throws -> Page<Run> {
        try Validation.maxResults(search.maxResults, limit: Limits.runsPerPage)
        return try await server.answer(
            .post("runs/search", effect: .none) {
                $0.field("experiment_ids", search.experimentIDs) { $0.string($1) }
                $0.field("filter", search.filter.isEmpty ? nil : search.filter)
                $0.field("run_view_type", search.viewType.wireName)
                $0.field("max_results", Int64(search.maxResults))
                $0.field("order_by", search.orderBy) { $0.string($1) }
                $0.field("page_token", search.pageToken)
            }
        ).page("runs") { message throws(TrackingError) in try message.run() }
    }

    /// Searches all active experiments; a deleted one has no active runs.
    package func runs(withStatus status: RunStatus, havingTag key: String) async throws -> [Run] {
        let experimentIDs = try await allExperiments(.activeOnly).map(\.experimentID)
        // LIKE and not IS NOT NULL, which older servers do not know.
        let filter = "attributes.status = '\(status.rawValue)' AND tags.`\(key)` LIKE '%'"
        var found: [Run] = []
        for part in experimentIDs.parts(of: 1000) {
            for try await page in Pages({
                try await searchRuns(RunSearch(experimentIDs: Array(part), filter: filter, pageToken: $0))
            }) {
                found += page.map { Run(info: $0.info, data: RunData(tags: $0.data.tags)) }
            }
        }
        return found
    }
}
