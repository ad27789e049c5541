package import Tracking

/// Logged models: rows of `logged_models` and of the three tables beside it.
extension SQLiteStore: LoggedModelStore {
    package func createLoggedModel(_ creation: LoggedModelCreation) async throws -> LoggedModel {
        let experimentID = try Validation.experimentID(creation.experimentID)
        if let name = creation.name { try Validation.loggedModelName(name) }
        let name = creation.name ?? makeRandomName()
        let modelID = makeLoggedModelID()
        let now = options.now()
        return try await write { connection in
            try connection.checkExperimentIsActive(experimentID)
            let location = try connection.first(
                "SELECT artifact_location FROM experiments WHERE experiment_id = ?", .integer(experimentID)
            ) { $0.text(0) }
            try connection.run(
                """
                INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, creation_timestamp_ms,
                    last_updated_timestamp_ms, status, lifecycle_stage, model_type, source_run_id, status_message)
                VALUES (?, ?, ?, ?, ?, ?, ?, 'active', ?, ?, NULL)
                """, .text(modelID), .integer(experimentID), .text(name),
                .text(appendedLocation(location ?? "", "models", modelID, "artifacts")), .integer(now), .integer(now),
                .integer(LoggedModelStatus.pending.rawValue), .text(creation.modelType ?? ""),
                SQLiteValue(creation.sourceRunID))
            try connection.insertModelParams(creation.params, modelID: modelID, experimentID: experimentID)
            for tag in creation.tags {
                try connection.setModelTag(tag, modelID: modelID, experimentID: experimentID)
            }
            return try connection.loggedModel(modelID, includingDeleted: false)
        }
    }

    package func loggedModel(id: String, includingDeleted: Bool) async throws -> LoggedModel {
        try await read(isShort: true) { try $0.loggedModel(id, includingDeleted: includingDeleted) }
    }

    package func finalizeLoggedModel(id: String, status: LoggedModelStatus) async throws -> LoggedModel {
        let now = options.now()
        return try await write { connection in
            _ = try connection.loggedModelRecord(id)
            try connection.run(
                "UPDATE logged_models SET status = ?, last_updated_timestamp_ms = ? WHERE model_id = ?",
                .integer(status.rawValue), .integer(now), .text(id))
            return try connection.loggedModel(id, includingDeleted: true)
        }
    }

    package func deleteLoggedModel(id: String) async throws {
        let now = options.now()
        try await write { connection in
            _ = try connection.loggedModelRecord(id)
            try connection.run(
                """
                UPDATE logged_models SET lifecycle_stage = 'deleted', last_updated_timestamp_ms = ? WHERE model_id = ?
                """, .integer(now), .text(id))
        }
    }

    package func setLoggedModelTags(_ tags: [Tag], modelID: String) async throws {
        try await write { connection in
            let experimentID = try connection.experimentOfModel(modelID)
            for tag in tags { try connection.setModelTag(tag, modelID: modelID, experimentID: experimentID) }
        }
    }

    package func deleteLoggedModelTag(_ key: String, modelID: String) async throws {
        try await write { connection in
            _ = try connection.loggedModelRecord(modelID)
            try connection.run(
                "DELETE FROM logged_model_tags WHERE model_id = ? AND tag_key = ?", .text(modelID), .text(key))
            guard connection.changedRows > 0 else {
                throw TrackingError.doesNotExist("No tag with key '\(key)' found for model with ID '\(modelID)'.")
            }
        }
    }

    package func logLoggedModelParams(_ params: [Param], modelID: String) async throws {
        try await write { connection in
            let experimentID = try connection.experimentOfModel(modelID)
            try connection.insertModelParams(params, modelID: modelID, experimentID: experimentID)
        }
    }

    package func searchLoggedModels(_ search: LoggedModelSearch) async throws -> Page<LoggedModel> {
        try Validation.maxResults(search.maxResults, limit: Limits.loggedModelsPerPage)
        let query = try LoggedModelQuery(search)
        let offset = try query.offset(from: search.pageToken)
        return try await read { connection in
            var (sql, values) = query.statement
            sql += " LIMIT ? OFFSET ?"
            values += [SQLiteValue(search.maxResults + 1), SQLiteValue(offset)]
            let found = try connection.all(sql, values, transform: LoggedModel.init(row:))
            var answer = try page(found, of: search.maxResults, offset: offset, complete: connection.completeModel)
            if answer.nextPageToken != nil { answer.nextPageToken = query.token(offset: offset + search.maxResults) }
            return answer
        }
    }
}

let loggedModelColumns =
    """
    l.model_id, l.experiment_id, l.name, l.artifact_location, l.creation_timestamp_ms, l.last_updated_timestamp_ms,
    l.status, l.lifecycle_stage, l.model_type, l.source_run_id, l.status_message
    """

extension LoggedModel {
    /// From a row of `loggedModelColumns`, still without parameters, tags and metrics.
    init(row: Row) {
        self.init(
            modelID: row.text(0), experimentID: String(row.integer(1)), name: row.text(2), artifactURI: row.text(3),
            creationTimestamp: row.integer(4), lastUpdatedTimestamp: row.integer(5),
            status: LoggedModelStatus(rawValue: row.integer(6)) ?? .unspecified, modelType: row.optionalText(8),
            sourceRunID: row.optionalText(9), statusMessage: row.optionalText(10),
            lifecycleStage: LifecycleStage(rawValue: row.text(7)) ?? .active)
    }
}

extension Connection {
    func loggedModelRecord(_ id: String, includingDeleted: Bool = true) throws -> LoggedModel {
        let model = try first(
            "SELECT \(loggedModelColumns) FROM logged_models l WHERE l.model_id = ?", .text(id),
            transform: LoggedModel.init(row:))
        guard let model, includingDeleted || model.lifecycleStage == .active else {
            throw TrackingError.noLoggedModel(id: id)
        }
        return model
    }

    func loggedModel(_ id: String, includingDeleted: Bool) throws -> LoggedModel {
        try completeModel(loggedModelRecord(id, includingDeleted: includingDeleted))
    }

    func completeModel(_ model: LoggedModel) throws -> LoggedModel {
        var model = model
        model.params = try all(
            "SELECT param_key, param_value FROM logged_model_params WHERE model_id = ? ORDER BY param_key",
            .text(model.modelID)
        ) { Param($0.text(0), $0.text(1)) }
        model.tags = try all(
            "SELECT tag_key, tag_value FROM logged_model_tags WHERE model_id = ? ORDER BY tag_key",
            .text(model.modelID)
        ) { Tag($0.text(0), $0.text(1)) }
        model.metrics = try all(
            """
            SELECT metric_name, metric_value, metric_timestamp_ms, metric_step, dataset_name, dataset_digest, run_id
            FROM logged_model_metrics WHERE model_id = ?
            ORDER BY metric_name, metric_timestamp_ms, metric_step, run_id
            """, .text(model.modelID)
        ) { row in
            Metric(
                row.text(0), row.real(1), timestamp: row.integer(2), step: row.integer(3), modelID: model.modelID,
                datasetName: row.optionalText(4), datasetDigest: row.optionalText(5), runID: row.text(6))
        }
        return model
    }

    fileprivate func experimentOfModel(_ id: String) throws -> Int64 {
        try Validation.experimentID(loggedModelRecord(id).experimentID)
    }

    fileprivate func insertModelParams(_ params: [Param], modelID: String, experimentID: Int64) throws {
        for param in params {
            try run(
                """
                INSERT INTO logged_model_params (model_id, experiment_id, param_key, param_value) VALUES (?, ?, ?, ?)
                ON CONFLICT DO NOTHING
                """, .text(modelID), .integer(experimentID), .text(param.key), .text(param.value))
            guard changedRows > 0 else {
                throw TrackingError.invalidParameter(
                    "Param with key='\(param.key)' was already logged for model with ID '\(modelID)'.")
            }
        }
    }

    fileprivate func setModelTag(_ tag: Tag, modelID: String, experimentID: Int64) throws(SQLiteFailure) {
        try run(
            """
            INSERT INTO logged_model_tags (model_id, experiment_id, tag_key, tag_value) VALUES (?, ?, ?, ?)
            ON CONFLICT (model_id, tag_key) DO UPDATE SET tag_value = excluded.tag_value
            """, .text(modelID), .integer(experimentID), .text(tag.key), .text(tag.value))
    }
}
