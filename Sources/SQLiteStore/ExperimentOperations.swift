package import Tracking

/// Experiments: rows of `experiments` and `experiment_tags`.
extension SQLiteStore: TrackingStore {
    package func createExperiment(_ creation: ExperimentCreation) async throws -> String {
        try Validation.experimentName(creation.name)
        if let location = creation.artifactLocation { try Validation.artifactLocation(location) }
        for tag in creation.tags { try Validation.experimentTag(tag) }
        let location = creation.artifactLocation.flatMap { $0.isEmpty ? nil : $0 }
            .map { absoluteLocation($0, in: options.workingDirectory) }
        let now = options.now()
        return try await write { [artifactRoot = options.artifactRoot] connection in
            do {
                try connection.run(
                    """
                    INSERT INTO experiments (name, artifact_location, lifecycle_stage, creation_time, last_update_time,
                        workspace)
                    VALUES (?, ?, 'active', ?, ?, 'default')
                    """, .text(creation.name), .text(location ?? ""), .integer(now), .integer(now))
            } catch let failure as SQLiteFailure where failure.isNotUnique {
                throw TrackingError.experimentExists(name: creation.name)
            }
            let id = connection.lastInsertedRowID
            if location == nil {
                try connection.run(
                    "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?",
                    .text(appendedLocation(artifactRoot, String(id))), .integer(id))
            }
            for tag in creation.tags { try connection.setExperimentTag(tag, experimentID: id) }
            return String(id)
        }
    }

    package func experiment(id: String) async throws -> Experiment {
        let number = try Validation.experimentID(id)
        return try await read(isShort: true) { try $0.experiment(number) }
    }

    package func experiment(named name: String) async throws -> Experiment {
        try await read(isShort: true) { connection in
            let row = try connection.first(
                "SELECT \(experimentColumns) FROM experiments e WHERE e.name = ? AND e.workspace = 'default'",
                .text(name), transform: Experiment.init(row:))
            guard let row else { throw TrackingError.noExperiment(named: name) }
            return try connection.withTags(row)
        }
    }

    package func renameExperiment(id: String, to newName: String) async throws {
        let number = try Validation.experimentID(id)
        try Validation.experimentName(newName)
        let now = options.now()
        try await write { connection in
            guard try connection.experimentStage(number) == .active else {
                throw TrackingError.invalidParameter("Cannot rename a non-active experiment.")
            }
            do {
                try connection.run(
                    "UPDATE experiments SET name = ?, last_update_time = ? WHERE experiment_id = ?", .text(newName),
                    .integer(now), .integer(number))
            } catch let failure as SQLiteFailure where failure.isNotUnique {
                throw TrackingError.experimentExists(name: newName)
            }
        }
    }

    package func deleteExperiment(id: String) async throws {
        let number = try Validation.experimentID(id)
        let now = options.now()
        try await write { connection in
            guard try connection.experimentStage(number) == .active else { throw TrackingError.noExperiment(id: id) }
            try connection.run(
                "UPDATE experiments SET lifecycle_stage = 'deleted', last_update_time = ? WHERE experiment_id = ?",
                .integer(now), .integer(number))
            try connection.run(
                """
                UPDATE runs SET lifecycle_stage = 'deleted', deleted_time = ?
                WHERE experiment_id = ? AND lifecycle_stage = 'active'
                """, .integer(now), .integer(number))
        }
    }

    package func restoreExperiment(id: String) async throws {
        let number = try Validation.experimentID(id)
        let now = options.now()
        try await write { connection in
            guard try connection.experimentStage(number) == .deleted else { throw TrackingError.noExperiment(id: id) }
            try connection.run(
                "UPDATE experiments SET lifecycle_stage = 'active', last_update_time = ? WHERE experiment_id = ?",
                .integer(now), .integer(number))
            try connection.run(
                "UPDATE runs SET lifecycle_stage = 'active', deleted_time = NULL WHERE experiment_id = ?",
                .integer(number))
        }
    }

    package func setExperimentTag(_ tag: Tag, experimentID: String) async throws {
        let number = try Validation.experimentID(experimentID)
        try Validation.experimentTag(tag)
        try await write { connection in
            try connection.checkExperimentIsActive(number)
            try connection.setExperimentTag(tag, experimentID: number)
        }
    }

    package func deleteExperimentTag(_ key: String, experimentID: String) async throws {
        let number = try Validation.experimentID(experimentID)
        try await write { connection in
            try connection.checkExperimentIsActive(number)
            try connection.run(
                "DELETE FROM experiment_tags WHERE key = ? AND experiment_id = ?", .text(key), .integer(number))
            guard connection.changedRows > 0 else {
                throw TrackingError.doesNotExist("No tag with name: \(key) in experiment with id \(experimentID)")
            }
        }
    }

    package func searchExperiments(_ search: ExperimentSearch) async throws -> Page<Experiment> {
        try Validation.maxResults(search.maxResults, limit: Limits.experimentsPerPage)
        let query = try ExperimentQuery(search)
        let offset = try PageToken(search.pageToken).offset
        return try await read { connection in
            var (sql, values) = query.statement
            sql += " LIMIT ? OFFSET ?"
            values += [SQLiteValue(search.maxResults + 1), SQLiteValue(offset)]
            let found = try connection.all(sql, values, transform: Experiment.init(row:))
            return try page(found, of: search.maxResults, offset: offset, complete: connection.withTags)
        }
    }
}

let experimentColumns =
    "e.experiment_id, e.name, e.artifact_location, e.lifecycle_stage, e.creation_time, e.last_update_time"

extension Experiment {
    /// From a row of `experimentColumns`, still without tags.
    init(row: Row) {
        self.init(
            experimentID: String(row.integer(0)), name: row.text(1), artifactLocation: row.text(2),
            lifecycleStage: LifecycleStage(rawValue: row.text(3)) ?? .active, creationTime: row.optionalInteger(4),
            lastUpdateTime: row.optionalInteger(5))
    }
}

/// One page from rows of which one more than asked for was fetched, so as to know whether there is a next.
func page<Fetched, Element>(
    _ fetched: [Fetched], of size: Int, offset: Int, complete: (Fetched) throws -> Element
) rethrows -> Page<Element> {
    let token = fetched.count > size ? PageToken(offset: offset + size).text : nil
    return Page(try fetched.prefix(size).map(complete), nextPageToken: token)
}

extension Connection {
    func experiment(_ id: Int64) throws -> Experiment {
        let row = try first(
            "SELECT \(experimentColumns) FROM experiments e WHERE e.experiment_id = ?", .integer(id),
            transform: Experiment.init(row:))
        guard let row else { throw TrackingError.noExperiment(id: String(id)) }
        return try withTags(row)
    }

    func withTags(_ experiment: Experiment) throws -> Experiment {
        var experiment = experiment
        experiment.tags = try all(
            "SELECT key, value FROM experiment_tags WHERE experiment_id = ? ORDER BY key",
            SQLiteValue(Int64(experiment.experimentID))
        ) { Tag($0.text(0), $0.text(1)) }
        return experiment
    }

    func experimentStage(_ id: Int64) throws -> LifecycleStage {
        try stageAndLocation(ofExperiment: id).stage
    }

    func checkExperimentIsActive(_ id: Int64) throws {
        _ = try artifactLocation(ofActiveExperiment: id)
    }

    /// Where the artifacts of an experiment are; deleted ones take no new runs.
    func artifactLocation(ofActiveExperiment id: Int64) throws -> String {
        let (stage, location) = try stageAndLocation(ofExperiment: id)
        guard stage == .active else { throw TrackingError.experimentNotActive(id: String(id), stage: stage) }
        return location
    }

    private func stageAndLocation(ofExperiment id: Int64) throws -> (stage: LifecycleStage, location: String) {
        let found = try first(
            "SELECT lifecycle_stage, artifact_location FROM experiments WHERE experiment_id = ?", .integer(id)
        ) { (stage: LifecycleStage(rawValue: $0.text(0)) ?? .active, location: $0.text(1)) }
        guard let found else { throw TrackingError.noExperiment(id: String(id)) }
        return found
    }

    func setExperimentTag(_ tag: Tag, experimentID: Int64) throws(SQLiteFailure) {
        try run(
            """
            INSERT INTO experiment_tags (key, value, experiment_id) VALUES (?, ?, ?)
            ON CONFLICT (key, experiment_id) DO UPDATE SET value = excluded.value
            """, .text(tag.key), .text(tag.value), .integer(experimentID))
    }
}
