package import Tracking

/// Registered models, their tags and aliases.
extension SQLiteStore: ModelRegistryStore {
    package func createRegisteredModel(
        name: String, description: String?, tags: [Tag]
    ) async throws -> RegisteredModel {
        try Validation.modelName(name)
        for tag in tags { try Validation.registryTag(tag) }
        let now = options.now()
        return try await write { connection in
            do {
                try connection.run(
                    """
                    INSERT INTO registered_models (name, creation_time, last_updated_time, description, workspace)
                    VALUES (?, ?, ?, ?, 'default')
                    """, .text(name), .integer(now), .integer(now), SQLiteValue(description))
            } catch let failure as SQLiteFailure where failure.isNotUnique {
                throw try connection.nameIsTaken(name, isForPrompt: tags.contains(where: \.marksPrompt))
            }
            for tag in tags { try connection.setRegisteredModelTag(tag, name: name) }
            return try connection.registeredModel(name)
        }
    }

    package func registeredModel(named name: String) async throws -> RegisteredModel {
        try Validation.modelName(name)
        return try await read(isShort: true) { try $0.registeredModel(name) }
    }

    package func renameRegisteredModel(named name: String, to newName: String) async throws -> RegisteredModel {
        try Validation.modelName(name)
        try Validation.modelName(newName, path: "new_name")
        let now = options.now()
        return try await write { connection in
            try connection.checkRegisteredModelExists(name)
            do {
                // Versions, tags and aliases follow by their foreign keys.
                try connection.run(
                    """
                    UPDATE registered_models SET name = ?, last_updated_time = ?
                    WHERE workspace = 'default' AND name = ?
                    """, .text(newName), .integer(now), .text(name))
            } catch let failure as SQLiteFailure where failure.isNotUnique {
                throw TrackingError.alreadyExists("Registered Model (name=\(newName)) already exists.")
            }
            try connection.run(
                "UPDATE model_versions SET last_updated_time = ? WHERE workspace = 'default' AND name = ?",
                .integer(now), .text(newName))
            return try connection.registeredModel(newName)
        }
    }

    package func updateRegisteredModel(named name: String, description: String?) async throws -> RegisteredModel {
        try Validation.modelName(name)
        let now = options.now()
        return try await write { connection in
            try connection.checkRegisteredModelExists(name)
            try connection.run(
                """
                UPDATE registered_models SET description = ?, last_updated_time = ?
                WHERE workspace = 'default' AND name = ?
                """, SQLiteValue(description), .integer(now), .text(name))
            return try connection.registeredModel(name)
        }
    }

    package func deleteRegisteredModel(named name: String) async throws {
        try Validation.modelName(name)
        try await write { connection in
            try connection.checkRegisteredModelExists(name)
            for table in [
                "model_version_tags", "model_versions", "registered_model_tags", "registered_model_aliases",
                "registered_models",
            ] {
                try connection.run("DELETE FROM \(table) WHERE workspace = 'default' AND name = ?", .text(name))
            }
        }
    }

    package func searchRegisteredModels(_ search: RegistrySearch) async throws -> Page<RegisteredModel> {
        try Validation.maxResults(search.maxResults, limit: Limits.registeredModelsPerPage)
        let query = try RegisteredModelQuery(search)
        let offset = try PageToken(search.pageToken).offset
        return try await read { connection in
            var (sql, values) = query.statement
            sql += " LIMIT ? OFFSET ?"
            values += [SQLiteValue(search.maxResults + 1), SQLiteValue(offset)]
            let names = try connection.all(sql, values) { $0.text(0) }
            return try page(names, of: search.maxResults, offset: offset, complete: connection.registeredModel)
        }
    }

    package func latestVersions(ofModel name: String, stages: [String]) async throws -> [ModelVersion] {
        try Validation.modelName(name)
        var wanted = Set(ModelStage.allCases)
        if !stages.isEmpty {
            wanted = []
            for stage in stages { wanted.insert(try ModelStage(stage)) }
        }
        return try await read(isShort: true) { [wanted] connection in
            try connection.checkRegisteredModelExists(name)
            return try connection.latestVersions(ofModel: name).filter { wanted.contains($0.currentStage) }
                .map(connection.withAliases)
        }
    }

    package func setRegisteredModelTag(_ tag: Tag, modelName: String) async throws {
        try Validation.modelName(modelName)
        try Validation.registryTag(tag)
        try await write { connection in
            try connection.checkRegisteredModelExists(modelName)
            try connection.setRegisteredModelTag(tag, name: modelName)
        }
    }

    package func deleteRegisteredModelTag(_ key: String, modelName: String) async throws {
        try Validation.modelName(modelName)
        try await write { connection in
            try connection.checkRegisteredModelExists(modelName)
            try connection.run(
                "DELETE FROM registered_model_tags WHERE workspace = 'default' AND name = ? AND key = ?",
                .text(modelName), .text(key))
        }
    }

    // MARK: Aliases

    package func setAlias(_ alias: String, version: String, modelName: String) async throws {
        try Validation.modelName(modelName)
        try Validation.alias(alias)
        let number = try Validation.modelVersion(version)
        try await write { connection in
            _ = try connection.modelVersion(modelName, number)
            try connection.run(
                """
                INSERT INTO registered_model_aliases (alias, version, name, workspace) VALUES (?, ?, ?, 'default')
                ON CONFLICT (workspace, name, alias) DO UPDATE SET version = excluded.version
                """, .text(alias), .integer(number), .text(modelName))
        }
    }

    package func deleteAlias(_ alias: String, modelName: String) async throws {
        try Validation.modelName(modelName)
        try await write { connection in
            try connection.checkRegisteredModelExists(modelName)
            try connection.run(
                "DELETE FROM registered_model_aliases WHERE workspace = 'default' AND name = ? AND alias = ?",
                .text(modelName), .text(alias))
        }
    }

    package func modelVersion(alias: String, modelName: String) async throws -> ModelVersion {
        try Validation.modelName(modelName)
        return try await read(isShort: true) { connection in
            try connection.checkRegisteredModelExists(modelName)
            if alias.lowercased() == "latest" {
                let versions = try connection.latestVersions(ofModel: modelName)
                guard let newest = versions.max(by: { Int64($0.version) ?? 0 < Int64($1.version) ?? 0 }) else {
                    throw TrackingError.doesNotExist("Latest version not found for model \(modelName).")
                }
                return try connection.withAliases(newest)
            }
            let number = try connection.first(
                """
                SELECT version FROM registered_model_aliases WHERE workspace = 'default' AND name = ? AND alias = ?
                """, .text(modelName), .text(alias)
            ) { $0.integer(0) }
            guard let number else {
                throw TrackingError.invalidParameter("Registered model alias \(alias) not found.")
            }
            return try connection.withAliases(connection.modelVersion(modelName, number))
        }
    }
}

extension Tag {
    fileprivate var marksPrompt: Bool { key == WellKnownTag.isPrompt && value.lowercased() == "true" }
}

extension Connection {
    func checkRegisteredModelExists(_ name: String) throws {
        guard
            try exists("SELECT 1 FROM registered_models WHERE workspace = 'default' AND name = ?", .text(name))
        else { throw TrackingError.noRegisteredModel(named: name) }
    }

    func registeredModel(_ name: String) throws -> RegisteredModel {
        let model = try first(
            """
            SELECT creation_time, last_updated_time, description FROM registered_models
            WHERE workspace = 'default' AND name = ?
            """, .text(name)
        ) { row in
            RegisteredModel(
                name: name, creationTimestamp: row.optionalInteger(0), lastUpdatedTimestamp: row.optionalInteger(1),
                description: row.optionalText(2))
        }
        guard var model else { throw TrackingError.noRegisteredModel(named: name) }
        model.latestVersions = try latestVersions(ofModel: name)
        model.tags = try all(
            "SELECT key, value FROM registered_model_tags WHERE workspace = 'default' AND name = ? ORDER BY key",
            .text(name)
        ) { Tag($0.text(0), $0.text(1)) }
        model.aliases = try all(
            """
            SELECT alias, version FROM registered_model_aliases WHERE workspace = 'default' AND name = ? ORDER BY alias
            """, .text(name)
        ) { ModelAlias(alias: $0.text(0), version: String($0.integer(1))) }
        return model
    }

    /// The newest version of each stage that has one.
    func latestVersions(ofModel name: String) throws -> [ModelVersion] {
        // With max() the other columns come from the row that holds the maximum: SQLite promises it.
        try all(
            """
            SELECT \(modelVersionColumns), max(v.version) FROM model_versions v
            WHERE v.workspace = 'default' AND v.name = ? AND v.current_stage != '\(deletedStage)'
            GROUP BY v.current_stage ORDER BY v.version
            """, .text(name), transform: ModelVersion.init(row:)
        ).map(withTags)
    }

    func setRegisteredModelTag(_ tag: Tag, name: String) throws(SQLiteFailure) {
        try run(
            """
            INSERT INTO registered_model_tags (key, value, name, workspace) VALUES (?, ?, ?, 'default')
            ON CONFLICT (workspace, key, name) DO UPDATE SET value = excluded.value
            """, .text(tag.key), .text(tag.value), .text(name))
    }

    /// Says of a name that is taken whether it is a model's or a prompt's: the two share the names.
    fileprivate func nameIsTaken(_ name: String, isForPrompt: Bool) throws -> TrackingError {
        let isPrompt = try registeredModel(name).tags.contains(where: \.marksPrompt)
        if isPrompt, !isForPrompt {
            return .alreadyExists(
                "Tried to create a model with name '\(name)', but the name is already taken by a prompt. "
                    + "MLflow does not allow registering a model and a prompt with the same name.")
        }
        if !isPrompt, isForPrompt {
            return .alreadyExists(
                "Tried to create a prompt with name '\(name)', but the name is already taken by a registered model. "
                    + "MLflow does not allow registering a model and a prompt with the same name.")
        }
        return .alreadyExists("\(isPrompt ? "Prompt" : "Registered Model") (name=\(name)) already exists.")
    }
}
