package import Tracking

/// Logged models on their way out.
extension SQLiteStore {
    /// Logged models that were deleted before that time, whose artifacts and rows may go.
    package func deletedLoggedModels(before time: Int64 = .max) async throws -> [LoggedModel] {
        try await loggedModels(
            where: "lifecycle_stage = 'deleted' AND coalesce(last_updated_timestamp_ms, 0) < ?", .integer(time))
    }

    /// All logged models of an experiment, deleted ones included.
    package func loggedModels(ofExperiment id: String) async throws -> [LoggedModel] {
        try await loggedModels(where: "experiment_id = ?", .integer(try Validation.experimentID(id)))
    }

    private func loggedModels(where condition: String, _ value: SQLiteValue) async throws -> [LoggedModel] {
        try await read { connection in
            let ids = try connection.all(
                "SELECT model_id FROM logged_models WHERE \(condition) ORDER BY rowid", value
            ) { $0.text(0) }
            return try ids.map { try connection.loggedModel($0, includingDeleted: true) }
        }
    }

    /// Removes a deleted logged model with its params, tags and metrics, for good; its artifacts are the caller's business.
    package func purgeLoggedModel(id: String) async throws {
        try await write { connection in
            guard try connection.loggedModel(id, includingDeleted: true).lifecycleStage == .deleted else {
                throw TrackingError.invalidParameter(
                    "Logged model '\(id)' is not deleted; only deleted models can be removed.")
            }
            for table in ["logged_model_metrics", "logged_model_params", "logged_model_tags", "logged_models"] {
                try connection.run("DELETE FROM \(table) WHERE model_id = ?", .text(id))
            }
        }
    }
}
