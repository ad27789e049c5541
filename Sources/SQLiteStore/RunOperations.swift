package import Tracking

/// Runs: rows of `runs`, and what is created with them.
extension SQLiteStore {
    package func createRun(_ creation: RunCreation) async throws -> Run {
        let new = try NewRun(creation, longValues: options.longValues)
        return try await write { try $0.create(new) }
    }

    /// All of them in one transaction.
    package func createRuns(_ creations: [RunCreation]) async -> [Result<Run, any Error>] {
        let new = creations.map { creation in Result { try NewRun(creation, longValues: options.longValues) } }
        do {
            return try await write { connection in
                try new.map { new in
                    let changesBefore = connection.totalChangedRows
                    do {
                        return .success(try connection.create(try new.get()))
                    } catch let error where connection.totalChangedRows == changesBefore {
                        // Nothing of it is there, so the others can stand.
                        if error is SQLiteFailure { throw error }
                        return .failure(error)
                    }
                }
            }
        } catch {
            return new.map { new in new.flatMap { _ in .failure(error) } }
        }
    }

    package func run(id: String) async throws -> Run {
        try Validation.runID(id)
        return try await read(isShort: true) { try $0.completeRun($0.runInfo(id)) }
    }

    @discardableResult
    package func updateRun(_ update: RunUpdate) async throws -> RunInfo {
        try Validation.runID(update.runID)
        let tags = try Validation.tags(update.tags, longValues: options.longValues)
        try Validation.metrics(update.metrics)
        return try await write { connection in
            var info = try connection.runInfo(update.runID)
            guard info.lifecycleStage == .active else {
                throw TrackingError.runNotActive(id: update.runID, stage: info.lifecycleStage)
            }
            let hasEnded = update.respectsTerminalStatus && info.status.isTerminal
            if !hasEnded {
                info.status = update.status ?? info.status
                info.endTime = update.endTime ?? info.endTime
            }
            if let name = update.name, !name.isEmpty { info.runName = name }
            try connection.run(
                "UPDATE runs SET status = ?, end_time = ?, name = ? WHERE run_uuid = ?", .text(info.status.rawValue),
                SQLiteValue(info.endTime), .text(info.runName), .text(info.runID))
            if let name = update.name, !name.isEmpty {
                try connection.upsertTags([Tag(WellKnownTag.runName, name)], runID: info.runID)
            }
            try connection.setTags(tags, runID: info.runID)
            if !update.metrics.isEmpty { try connection.insertMetrics(update.metrics, runID: info.runID) }
            for key in update.removedTags {
                try connection.run("DELETE FROM tags WHERE key = ? AND run_uuid = ?", .text(key), .text(info.runID))
            }
            return try connection.runInfo(update.runID)
        }
    }

    package func deleteRun(id: String) async throws {
        try Validation.runID(id)
        let now = options.now()
        try await write { connection in
            _ = try connection.runStage(id)
            try connection.run(
                "UPDATE runs SET lifecycle_stage = 'deleted', deleted_time = ? WHERE run_uuid = ?", .integer(now),
                .text(id))
            // What was judged about traces in the name of the run goes with it, as MLflow does it.
            try connection.run(
                """
                DELETE FROM assessments WHERE assessment_metadata IS NOT NULL
                    AND json_valid(assessment_metadata)
                    AND json_extract(assessment_metadata, '$."mlflow.assessment.sourceRunId"') = ?
                """, .text(id))
        }
    }

    package func restoreRun(id: String) async throws {
        try Validation.runID(id)
        try await write { connection in
            _ = try connection.runStage(id)
            try connection.run(
                "UPDATE runs SET lifecycle_stage = 'active', deleted_time = NULL WHERE run_uuid = ?", .text(id))
        }
    }

    package func searchRuns(_ search: RunSearch) async throws -> Page<Run> {
        try Validation.maxResults(search.maxResults, limit: Limits.runsPerPage)
        let query = try RunQuery(search)
        let offset = try PageToken(search.pageToken).offset
        guard !search.experimentIDs.isEmpty else { return Page([]) }
        if let page = try await searchMemory.page(of: query, maxResults: search.maxResults, offset: offset) {
            return page
        }
        return try await pageFromTables(of: query, maxResults: search.maxResults, offset: offset)
    }

    /// One page of a search by the tables of the file.
    func pageFromTables(of query: RunQuery, maxResults: Int, offset: Int) async throws -> Page<Run> {
        try await read { connection in
            let shape = try StoreShape(of: connection, searching: query.experimentIDs)
            var (sql, values) = query.statement(for: shape)
            sql += " LIMIT ? OFFSET ?"
            values += [SQLiteValue(maxResults + 1), SQLiteValue(offset)]
            // The rows are sorted without their columns: fetching those of one page afterwards is much less work.
            let rowIDs = try connection.all(sql, values) { $0.integer(0) }
            return try connection.pageOfRuns(rowIDs, of: maxResults, offset: offset)
        }
    }

    package func runs(withStatus status: RunStatus, havingTag key: String) async throws -> [Run] {
        try await read(isShort: true) { connection in
            let infos = try connection.all(
                """
                SELECT \(runColumns) FROM tags t JOIN runs r ON r.run_uuid = t.run_uuid
                WHERE t.key = ? AND r.status = ? AND r.lifecycle_stage = 'active'
                """, .text(key), .text(status.rawValue), transform: RunInfo.init(row:))
            return try infos.map { Run(info: $0, data: RunData(tags: try connection.runTags($0.runID))) }
        }
    }
}

extension SQLiteStore {
    package func latestRuns(
        withTag key: String, among values: Set<String>, experimentIDs: [String]
    ) async throws -> [String: [Run]] {
        let values = Array(values)
        guard !values.isEmpty, !experimentIDs.isEmpty else { return [:] }
        let experiments = Set(try experimentIDs.map { String(try Validation.experimentID($0)) })
        let look = { @Sendable [tagIndexes] (connection: Connection) in
            let infos = try tagIndexes.latestRuns(
                withTag: key, among: values, experimentIDs: experiments, on: connection)
            var runs = try connection.completeRuns(infos.flatMap { $0 })[...]
            var found: [String: [Run]] = [:]
            for (value, infos) in zip(values, infos) where !infos.isEmpty {
                found[value] = runs.prefix(infos.count).sorted { $0.info.startTime > $1.info.startTime }
                runs = runs.dropFirst(infos.count)
            }
            return found
        }
        // By the connection that writes: what this process has recorded is in its memory, and nothing is newer.
        if values.count <= Self.fewValues, let found = writer.readAtOnce(look) { return try found.get() }
        return try await writer.read(look)
    }

    private static var fewValues: Int { 16 }
}

let runColumns =
    """
    r.run_uuid, r.name, r.experiment_id, r.user_id, r.status, r.start_time, r.end_time, r.lifecycle_stage, r.artifact_uri
    """

extension RunInfo {
    /// From a row of `runColumns`.
    init(row: Row) {
        self.init(
            runID: row.text(0), runName: row.text(1), experimentID: String(row.integer(2)), userID: row.text(3),
            status: RunStatus(rawValue: row.text(4)) ?? .running, startTime: row.integer(5),
            endTime: row.optionalInteger(6), lifecycleStage: LifecycleStage(rawValue: row.text(7)) ?? .active,
            artifactURI: row.text(8))
    }
}

extension Connection {
    func insert(_ info: RunInfo, experimentID: Int64) throws(SQLiteFailure) {
        try run(
            """
            INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,
                end_time, source_version, lifecycle_stage, artifact_uri, experiment_id, deleted_time)
            VALUES (?, ?, 'UNKNOWN', '', '', ?, ?, ?, ?, '', 'active', ?, ?, NULL)
            """, .text(info.runID), .text(info.runName), .text(info.userID), .text(info.status.rawValue),
            .integer(info.startTime), SQLiteValue(info.endTime), .text(info.artifactURI), .integer(experimentID))
    }

    func runInfo(_ id: String) throws -> RunInfo {
        let info = try first(
            "SELECT \(runColumns) FROM runs r WHERE r.run_uuid = ?", .text(id), transform: RunInfo.init(row:))
        guard let info else { throw TrackingError.noRun(id: id) }
        return info
    }

    func runStage(_ id: String) throws -> LifecycleStage {
        let stage = try first("SELECT lifecycle_stage FROM runs WHERE run_uuid = ?", .text(id)) {
            LifecycleStage(rawValue: $0.text(0)) ?? .active
        }
        guard let stage else { throw TrackingError.noRun(id: id) }
        return stage
    }

    func checkRunIsActive(_ id: String) throws {
        let stage = try runStage(id)
        guard stage == .active else { throw TrackingError.runNotActive(id: id, stage: stage) }
    }
}
