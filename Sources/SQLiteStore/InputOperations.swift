package import Tracking

/// What runs consume and produce: datasets, and the edges in `inputs`.
extension SQLiteStore {
    package func logInputs(_ inputs: RunInputs, runID: String) async throws {
        try Validation.runID(runID)
        guard inputs.datasets.count <= Limits.datasetsPerBatch else {
            throw TrackingError.invalidParameter(
                "A batch logging request can contain at most \(Limits.datasetsPerBatch) datasets. "
                    + "Got \(inputs.datasets.count) datasets. Please split up datasets across multiple requests and "
                    + "try again.")
        }
        for input in inputs.datasets { try Validation.datasetInput(input) }
        try await write { connection in
            let info = try connection.runInfo(runID)
            guard info.lifecycleStage == .active else {
                throw TrackingError.runNotActive(id: runID, stage: info.lifecycleStage)
            }
            for input in inputs.datasets {
                try connection.insert(input, runID: runID, experimentID: SQLiteValue(Int64(info.experimentID)))
            }
            for model in inputs.models {
                try connection.insertEdge(
                    from: "RUN_INPUT", runID, to: "MODEL_INPUT", model.modelID, isRepeatable: true)
            }
        }
    }

    package func logOutputs(_ models: [LoggedModelOutput], runID: String) async throws {
        try Validation.runID(runID)
        try await write { connection in
            try connection.checkRunIsActive(runID)
            for model in models {
                do {
                    try connection.insertEdge(
                        from: "RUN_OUTPUT", runID, to: "MODEL_OUTPUT", model.modelID, step: model.step)
                } catch let failure as SQLiteFailure where failure.isNotUnique {
                    throw TrackingError.invalidParameter(
                        "Model '\(model.modelID)' was already logged as an output of run '\(runID)'.")
                }
            }
        }
    }

    package func datasets(experimentIDs: [String]) async throws -> [DatasetSummary] {
        let ids = try experimentIDs.map { id throws(TrackingError) in String(try Validation.experimentID(id)) }
        return try await read { connection in
            try connection.all(
                """
                SELECT DISTINCT d.experiment_id, d.name, d.digest, t.value FROM datasets d
                JOIN inputs i ON i.source_id = d.dataset_uuid
                LEFT JOIN input_tags t ON t.input_uuid = i.input_uuid AND t.name = ?
                WHERE d.experiment_id IN (SELECT value FROM json_each(?)) LIMIT ?
                """, .text(WellKnownTag.datasetContext), .text("[\(ids.joined(separator: ","))]"),
                SQLiteValue(Limits.datasetSummaries)
            ) { row in
                DatasetSummary(
                    experimentID: String(row.integer(0)), name: row.text(1), digest: row.text(2),
                    context: row.optionalText(3))
            }
        }
    }
}

extension Connection {
    /// Records that a run used a dataset; a dataset that the experiment knows keeps what it said of itself first.
    fileprivate func insert(_ input: DatasetInput, runID: String, experimentID: SQLiteValue) throws {
        let dataset = input.dataset
        try run(
            """
            INSERT INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, dataset_source,
                dataset_schema, dataset_profile)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """, .text(randomHexadecimalID()), experimentID, .text(dataset.name), .text(dataset.digest),
            .text(dataset.sourceType), .text(dataset.source), SQLiteValue(dataset.schema), SQLiteValue(dataset.profile))
        let datasetID = try first(
            "SELECT dataset_uuid FROM datasets WHERE experiment_id = ? AND name = ? AND digest = ?", experimentID,
            .text(dataset.name), .text(dataset.digest)
        ) { $0.text(0) }
        guard let datasetID else { return }
        let edgeID = try insertEdge(from: "DATASET", datasetID, to: "RUN", runID, isRepeatable: true)
        guard changedRows > 0 else { return }
        for tag in input.tags {
            try run(
                """
                INSERT INTO input_tags (input_uuid, name, value) VALUES (?, ?, ?)
                ON CONFLICT (input_uuid, name) DO UPDATE SET value = excluded.value
                """, .text(edgeID), .text(tag.key), .text(tag.value))
        }
    }

    @discardableResult
    fileprivate func insertEdge(
        from sourceType: String, _ source: String, to destinationType: String, _ destination: String, step: Int64 = 0,
        isRepeatable: Bool = false
    ) throws(SQLiteFailure) -> String {
        let id = randomHexadecimalID()
        let conflict = isRepeatable ? " ON CONFLICT DO NOTHING" : ""
        try run(
            """
            INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id, step)
            VALUES (?, ?, ?, ?, ?, ?)\(conflict)
            """, .text(id), .text(sourceType), .text(source), .text(destinationType), .text(destination),
            .integer(step))
        return id
    }

    func datasetInputs(runID: String) throws -> [DatasetInput] {
        let found = try all(
            """
            SELECT i.input_uuid, d.name, d.digest, d.dataset_source_type, d.dataset_source, d.dataset_schema,
                d.dataset_profile
            FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id
            WHERE i.destination_type = 'RUN' AND i.destination_id = ? AND i.source_type = 'DATASET'
            ORDER BY d.name, d.digest
            """, .text(runID)
        ) { row in
            (
                row.text(0),
                Dataset(
                    name: row.text(1), digest: row.text(2), sourceType: row.text(3), source: row.text(4),
                    schema: row.optionalText(5), profile: row.optionalText(6))
            )
        }
        return try found.map { edgeID, dataset in
            let tags = try all("SELECT name, value FROM input_tags WHERE input_uuid = ? ORDER BY name", .text(edgeID)) {
                Tag($0.text(0), $0.text(1))
            }
            return DatasetInput(dataset, tags: tags)
        }
    }

    func modelInputs(runID: String) throws -> [LoggedModelInput] {
        try all(
            """
            SELECT destination_id FROM inputs
            WHERE source_type = 'RUN_INPUT' AND source_id = ? AND destination_type = 'MODEL_INPUT' ORDER BY rowid
            """, .text(runID)
        ) { LoggedModelInput(modelID: $0.text(0)) }
    }

    func modelOutputs(runID: String) throws -> [LoggedModelOutput] {
        try all(
            """
            SELECT destination_id, step FROM inputs
            WHERE source_type = 'RUN_OUTPUT' AND source_id = ? AND destination_type = 'MODEL_OUTPUT' ORDER BY rowid
            """, .text(runID)
        ) { LoggedModelOutput(modelID: $0.text(0), step: $0.integer(1)) }
    }
}
