package import Tracking

/// Versions of registered models.
extension SQLiteStore {
    package func createModelVersion(_ creation: ModelVersionCreation) async throws -> ModelVersion {
        try Validation.modelName(creation.name)
        for tag in creation.tags { try Validation.registryTag(tag) }
        let now = options.now()
        return try await write { connection in
            try connection.checkRegisteredModelExists(creation.name)
            let origin = try connection.origin(of: creation)
            let newest = try connection.first(
                "SELECT max(version) FROM model_versions WHERE workspace = 'default' AND name = ?",
                .text(creation.name)
            ) { $0.integer(0) }
            let number = (newest ?? 0) + 1
            try connection.run(
                """
                INSERT INTO model_versions (name, version, creation_time, last_updated_time, description, user_id,
                    current_stage, source, run_id, status, status_message, run_link, storage_location, workspace)
                VALUES (?, ?, ?, ?, ?, NULL, 'None', ?, ?, 'READY', NULL, ?, ?, 'default')
                """, .text(creation.name), .integer(number), .integer(now), .integer(now),
                SQLiteValue(creation.description), .text(creation.source), SQLiteValue(origin.runID),
                SQLiteValue(creation.runLink), .text(origin.location))
            for tag in creation.tags { try connection.setModelVersionTag(tag, name: creation.name, version: number) }
            try connection.touchRegisteredModel(creation.name, at: now)
            if let modelID = creation.modelID ?? origin.modelID, !modelID.isEmpty {
                try connection.noteRegistration(ofModel: modelID, as: creation.name, version: number)
            }
            var version = try connection.withAliases(connection.modelVersion(creation.name, number))
            version.modelID = version.modelID ?? creation.modelID
            return version
        }
    }

    package func modelVersion(named name: String, version: String) async throws -> ModelVersion {
        try Validation.modelName(name)
        let number = try Validation.modelVersion(version)
        return try await read(isShort: true) { try $0.withAliases($0.modelVersion(name, number)) }
    }

    package func updateModelVersion(
        named name: String, version: String, description: String?
    ) async throws -> ModelVersion {
        try await changeVersion(name, version) { connection, number, now in
            try connection.run(
                """
                UPDATE model_versions SET description = ?, last_updated_time = ?
                WHERE workspace = 'default' AND name = ? AND version = ?
                """, SQLiteValue(description), .integer(now), .text(name), .integer(number))
        }
    }

    package func transitionModelVersion(
        named name: String, version: String, to stage: String, archiveExisting: Bool
    ) async throws -> ModelVersion {
        let stage = try ModelStage(stage)
        guard !archiveExisting || stage == .staging || stage == .production else {
            throw TrackingError.invalidParameter(
                "Model version transition cannot archive existing model versions because '\(stage.rawValue)' is not an "
                    + "Active stage. Valid stages are ['Staging', 'Production']")
        }
        return try await changeVersion(name, version) { connection, number, now in
            if archiveExisting {
                try connection.run(
                    """
                    UPDATE model_versions SET current_stage = 'Archived', last_updated_time = ?
                    WHERE workspace = 'default' AND name = ? AND version != ? AND current_stage = ?
                    """, .integer(now), .text(name), .integer(number), .text(stage.rawValue))
            }
            try connection.run(
                """
                UPDATE model_versions SET current_stage = ?, last_updated_time = ?
                WHERE workspace = 'default' AND name = ? AND version = ?
                """, .text(stage.rawValue), .integer(now), .text(name), .integer(number))
        }
    }

    package func deleteModelVersion(named name: String, version: String) async throws {
        try Validation.modelName(name)
        let number = try Validation.modelVersion(version)
        let now = options.now()
        try await write { connection in
            _ = try connection.modelVersion(name, number)
            // The row stays, so that its number is never given again; nothing of what it said does.
            try connection.run(
                """
                UPDATE model_versions SET current_stage = '\(deletedStage)', last_updated_time = ?, description = NULL,
                    user_id = NULL, source = 'REDACTED-SOURCE-PATH', run_id = 'REDACTED-RUN-ID',
                    run_link = 'REDACTED-RUN-LINK', status_message = NULL
                WHERE workspace = 'default' AND name = ? AND version = ?
                """, .integer(now), .text(name), .integer(number))
            for table in ["model_version_tags", "registered_model_aliases"] {
                try connection.run(
                    "DELETE FROM \(table) WHERE workspace = 'default' AND name = ? AND version = ?", .text(name),
                    .integer(number))
            }
            try connection.touchRegisteredModel(name, at: now)
        }
    }

    package func downloadURI(ofModel name: String, version: String) async throws -> String {
        try Validation.modelName(name)
        let number = try Validation.modelVersion(version)
        return try await read(isShort: true) { connection in
            let version = try connection.modelVersion(name, number)
            return version.storageLocation ?? version.source ?? ""
        }
    }

    package func searchModelVersions(_ search: RegistrySearch) async throws -> Page<ModelVersion> {
        try Validation.maxResults(search.maxResults, limit: Limits.modelVersionsPerPage)
        let query = try ModelVersionQuery(search)
        let offset = try PageToken(search.pageToken).offset
        return try await read { connection in
            var (sql, values) = query.statement
            sql += " LIMIT ? OFFSET ?"
            values += [SQLiteValue(search.maxResults + 1), SQLiteValue(offset)]
            let found = try connection.all(sql, values, transform: ModelVersion.init(row:))
            return try page(found, of: search.maxResults, offset: offset, complete: connection.withTags)
        }
    }

    package func setModelVersionTag(_ tag: Tag, modelName: String, version: String) async throws {
        try Validation.modelName(modelName)
        try Validation.registryTag(tag)
        let number = try Validation.modelVersion(version)
        try await write { connection in
            _ = try connection.modelVersion(modelName, number)
            try connection.setModelVersionTag(tag, name: modelName, version: number)
        }
    }

    package func deleteModelVersionTag(_ key: String, modelName: String, version: String) async throws {
        try Validation.modelName(modelName)
        let number = try Validation.modelVersion(version)
        try await write { connection in
            _ = try connection.modelVersion(modelName, number)
            try connection.run(
                """
                DELETE FROM model_version_tags
                WHERE workspace = 'default' AND name = ? AND version = ? AND key = ?
                """, .text(modelName), .integer(number), .text(key))
        }
    }

    /// Changes a version that exists, and the time of its model with it; answers the version afterwards.
    private func changeVersion(
        _ name: String, _ version: String,
        _ change: @escaping @Sendable (Connection, _ number: Int64, _ now: Int64) throws -> Void
    ) async throws -> ModelVersion {
        try Validation.modelName(name)
        let number = try Validation.modelVersion(version)
        let now = options.now()
        return try await write { connection in
            _ = try connection.modelVersion(name, number)
            try change(connection, number, now)
            try connection.touchRegisteredModel(name, at: now)
            return try connection.withAliases(connection.modelVersion(name, number))
        }
    }
}

/// The stage of versions that are no more.
let deletedStage = "Deleted_Internal"

let modelVersionColumns =
    """
    v.name, v.version, v.creation_time, v.last_updated_time, v.description, v.user_id, v.current_stage, v.source,
    v.run_id, v.status, v.status_message, v.run_link, v.storage_location
    """

extension ModelVersion {
    /// From a row of `modelVersionColumns`, still without tags and aliases.
    init(row: Row) {
        let source = row.optionalText(7)
        self.init(
            name: row.text(0), version: String(row.integer(1)), creationTimestamp: row.optionalInteger(2),
            lastUpdatedTimestamp: row.optionalInteger(3), userID: row.optionalText(5),
            currentStage: ModelStage(rawValue: row.text(6)) ?? .none, description: row.optionalText(4), source: source,
            storageLocation: row.optionalText(12), runID: row.optionalText(8), runLink: row.optionalText(11),
            status: ModelVersionStatus(rawValue: row.text(9)) ?? .ready, statusMessage: row.optionalText(10),
            modelID: source.flatMap(ModelURI.init)?.modelID)
    }
}

/// A `models:` URI that names exactly one thing.
struct ModelURI {
    var modelID: String?
    var name = ""
    var version: Int64 = 0

    /// `models:/m-…` or `models:/name/version`; `nil` for anything else.
    init?(_ text: String) {
        guard text.hasPrefix("models:/") else { return nil }
        let parts = text.dropFirst("models:/".count).split(separator: "/", omittingEmptySubsequences: false)
        if parts.count == 1, parts[0].hasPrefix("m-") {
            modelID = String(parts[0])
        } else if parts.count == 2, let number = Int64(parts[1]) {
            name = String(parts[0])
            version = number
        } else {
            return nil
        }
    }
}

extension Connection {
    /// Where the files of a new version are, and which run and logged model they come from.
    fileprivate func origin(
        of creation: ModelVersionCreation
    ) throws -> (location: String, runID: String?, modelID: String?) {
        guard let uri = ModelURI(creation.source) else {
            let given = creation.runID.flatMap { $0.isEmpty ? nil : $0 }
            guard given == nil, let modelID = creation.modelID, !modelID.isEmpty else {
                return (creation.source, creation.runID, nil)
            }
            return (creation.source, try loggedModelRecord(modelID, includingDeleted: false).sourceRunID, nil)
        }
        guard let modelID = uri.modelID else {
            let version = try modelVersion(uri.name, uri.version)
            let given = creation.runID.flatMap { $0.isEmpty ? nil : $0 }
            return (version.storageLocation ?? version.source ?? creation.source, given ?? version.runID, nil)
        }
        let model = try loggedModelRecord(modelID, includingDeleted: false)
        let given = creation.runID.flatMap { $0.isEmpty ? nil : $0 }
        return (model.artifactURI, given ?? model.sourceRunID, modelID)
    }

    func modelVersion(_ name: String, _ number: Int64) throws -> ModelVersion {
        let version = try first(
            """
            SELECT \(modelVersionColumns) FROM model_versions v
            WHERE v.workspace = 'default' AND v.name = ? AND v.version = ? AND v.current_stage != '\(deletedStage)'
            """, .text(name), .integer(number), transform: ModelVersion.init(row:))
        guard let version else { throw TrackingError.noModelVersion(named: name, version: String(number)) }
        return try withTags(version)
    }

    func withTags(_ version: ModelVersion) throws -> ModelVersion {
        var version = version
        version.tags = try all(
            """
            SELECT key, value FROM model_version_tags
            WHERE workspace = 'default' AND name = ? AND version = ? ORDER BY key
            """, .text(version.name), SQLiteValue(Int64(version.version))
        ) { Tag($0.text(0), $0.text(1)) }
        return version
    }

    func withAliases(_ version: ModelVersion) throws -> ModelVersion {
        var version = version
        version.aliases = try all(
            """
            SELECT alias FROM registered_model_aliases
            WHERE workspace = 'default' AND name = ? AND version = ? ORDER BY alias
            """, .text(version.name), SQLiteValue(Int64(version.version))
        ) { $0.text(0) }
        return version
    }

    fileprivate func touchRegisteredModel(_ name: String, at now: Int64) throws(SQLiteFailure) {
        try run(
            "UPDATE registered_models SET last_updated_time = ? WHERE workspace = 'default' AND name = ?",
            .integer(now), .text(name))
    }

    fileprivate func setModelVersionTag(_ tag: Tag, name: String, version: Int64) throws(SQLiteFailure) {
        try run(
            """
            INSERT INTO model_version_tags (key, value, name, version, workspace) VALUES (?, ?, ?, ?, 'default')
            ON CONFLICT (workspace, key, name, version) DO UPDATE SET value = excluded.value
            """, .text(tag.key), .text(tag.value), .text(name), .integer(version))
    }

    /// Appends to the logged model's own list of what it was registered as, in the letters Python's `json.dumps` would write.
    fileprivate func noteRegistration(ofModel modelID: String, as name: String, version: Int64) throws {
        try run(
            """
            INSERT INTO logged_model_tags (model_id, experiment_id, tag_key, tag_value)
            SELECT model_id, experiment_id, ?2, '[{"name": ' || json_quote(?3) || ', "version": ' || ?4 || '}]'
            FROM logged_models WHERE model_id = ?1
            ON CONFLICT (model_id, tag_key) DO UPDATE SET tag_value = CASE
                WHEN NOT json_valid(tag_value) THEN excluded.tag_value
                WHEN EXISTS (SELECT 1 FROM json_each(tag_value) AS entry
                    WHERE entry.value = json_object('name', ?3, 'version', ?4)) THEN tag_value
                WHEN json_array_length(tag_value) = 0 THEN excluded.tag_value
                ELSE substr(rtrim(tag_value), 1, length(rtrim(tag_value)) - 1) || ', ' || substr(excluded.tag_value, 2) END
            """, .text(modelID), .text(WellKnownTag.modelVersions), .text(name), .integer(version))
    }
}
