package import Tracking

/// The care of the file as a whole.
extension SQLiteStore {
    /// What is wrong with the file: damaged pages, indexes that disagree, rows without parents; nothing is good.
    package func integrityProblems() async throws -> [String] {
        try await read { connection in
            var problems = try connection.all("PRAGMA integrity_check") { $0.text(0) }.filter { $0 != "ok" }
            try connection.forEach("PRAGMA foreign_key_check") { row in
                let orphan = "table '\(row.text(0))', row \(row.integer(1)): no such row in '\(row.text(2))'"
                problems.append(orphan)
            }
            return problems
        }
    }

    // MARK: Collecting what was deleted

    /// Runs that were deleted before that time (milliseconds since 1970), whose artifacts and rows may go.
    package func deletedRuns(before time: Int64 = .max) async throws -> [RunInfo] {
        try await read { connection in
            try connection.all(
                """
                SELECT \(runColumns) FROM runs r
                WHERE r.lifecycle_stage = 'deleted' AND coalesce(r.deleted_time, 0) < ? ORDER BY r.rowid
                """, .integer(time), transform: RunInfo.init(row:))
        }
    }

    /// Removes a deleted run with everything it logged, for good; its artifacts are the caller's business.
    package func purgeRun(id: String) async throws {
        try Validation.runID(id)
        try await write { connection in
            guard try connection.runStage(id) == .deleted else {
                throw TrackingError.invalidParameter("Run '\(id)' is not deleted; only deleted runs can be removed.")
            }
            try connection.purgeRun(id)
        }
    }

    /// Removes a deleted experiment with its runs and logged models, for good; artifacts are the caller's business.
    package func purgeExperiment(id: String) async throws {
        let number = try Validation.experimentID(id)
        try await write { connection in
            guard try connection.experimentStage(number) == .deleted else {
                throw TrackingError.invalidParameter(
                    "Experiment '\(id)' is not deleted; only deleted experiments can be removed.")
            }
            let runs = try connection.all("SELECT run_uuid FROM runs WHERE experiment_id = ?", .integer(number)) {
                $0.text(0)
            }
            for run in runs { try connection.purgeRun(run) }
            for table in ["logged_model_metrics", "logged_model_params", "logged_model_tags", "logged_models"] {
                try connection.run("DELETE FROM \(table) WHERE experiment_id = ?", .integer(number))
            }
            try connection.run("DELETE FROM spans WHERE experiment_id = ?", .integer(number))
            try connection.run("DELETE FROM experiment_tags WHERE experiment_id = ?", .integer(number))
            try connection.run("DELETE FROM experiments WHERE experiment_id = ?", .integer(number))
        }
    }
}

extension Connection {
    fileprivate func purgeRun(_ id: String) throws(SQLiteFailure) {
        try run(
            """
            DELETE FROM input_tags WHERE input_uuid IN (
                SELECT input_uuid FROM inputs WHERE destination_type = 'RUN' AND destination_id = ?)
            """, .text(id))
        try run("DELETE FROM inputs WHERE destination_type = 'RUN' AND destination_id = ?", .text(id))
        for source in ["RUN_INPUT", "RUN_OUTPUT"] {
            try run("DELETE FROM inputs WHERE source_type = ? AND source_id = ?", .text(source), .text(id))
        }
        try run("DELETE FROM logged_model_metrics WHERE run_id = ?", .text(id))
        for table in ["tags", "params", "latest_metrics", "metrics", "runs"] {
            try run("DELETE FROM \(table) WHERE run_uuid = ?", .text(id))
        }
    }
}
