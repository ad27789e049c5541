import Dispatch
package import SystemPackage

/// What a look at a store's file has found; nothing in the file is changed by it.
package struct StoreInspection: Sendable, Hashable {
    /// Something that is not as it should be, and what to do about it.
    package struct Problem: Sendable, Hashable {
        package var message: String
        package var remedy: String
    }

    package var path: FilePath
    /// The version of the schema; nil where there is none.
    package var revision: String?
    package var expectedRevision: String
    /// How many rows some tables have, in the order of interest.
    package var rows: [(table: String, count: Int64)]
    package var bytes: Int64
    package var problems: [Problem]

    package static func == (left: Self, right: Self) -> Bool {
        left.path == right.path && left.revision == right.revision && left.problems == right.problems
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(path)
        hasher.combine(problems)
    }
}

extension SQLiteStore {
    /// Looks at everything that can be wrong with a store's file: damage, another schema, rows without parents.
    ///
    /// - Throws: `StoreFileError` when the file cannot be opened, or is no database, or no store at all.
    package static func inspect(_ path: FilePath, options: Options) async throws -> StoreInspection {
        var options = options
        options.createsFile = false
        let inspector = StoreInspector(file: StoreFile(path: path, options: options))
        // It reads the whole file, which may take minutes.
        return try await withCheckedThrowingContinuation { continuation in
            DispatchQueue(label: "swiftflow.store.inspection").async {
                continuation.resume(with: Result { try inspector.inspect() })
            }
        }
    }
}

private struct StoreInspector: Sendable {
    let file: StoreFile

    func inspect() throws -> StoreInspection {
        do {
            let connection = try file.openForInspection()
            let revision = try connection.first("SELECT version_num FROM alembic_version") { $0.text(0) }
            var problems = try damage(connection)
            if revision != Schema.revision {
                problems.append(
                    .init(
                        message:
                            "the schema has version '\(revision ?? "none")', and '\(Schema.revision)' (MLflow 3.17) is expected",
                        remedy: "bring a copy of the file to that version with 'mlflow db upgrade' of MLflow 3.17"))
            } else {
                problems += try orphans(connection)
            }
            var rows: [(table: String, count: Int64)] = []
            for table in ["experiments", "runs", "metrics", "params", "tags", "logged_models", "registered_models"] {
                guard try connection.exists("SELECT 1 FROM sqlite_master WHERE name = ?", .text(table)) else {
                    continue
                }
                rows.append((table, try connection.first("SELECT count(*) FROM \(table)") { $0.integer(0) } ?? 0))
            }
            let pages = try connection.first("PRAGMA page_count") { $0.integer(0) } ?? 0
            let size = try connection.first("PRAGMA page_size") { $0.integer(0) } ?? 0
            return StoreInspection(
                path: file.path, revision: revision, expectedRevision: Schema.revision, rows: rows,
                bytes: pages.multipliedReportingOverflow(by: size).partialValue, problems: problems)
        } catch let failure as SQLiteFailure {
            throw file.explained(failure)
        }
    }

    /// Broken pages, and indexes that disagree with their tables.
    private func damage(_ connection: Connection) throws -> [StoreInspection.Problem] {
        try connection.all("PRAGMA integrity_check") { $0.text(0) }.filter { $0 != "ok" }.map { text in
            let isIndex = text.contains("missing from index") || text.contains("wrong # of entries in index")
            return .init(
                message: text,
                remedy: isIndex
                    ? "the rows are whole: write the indexes anew with 'sqlite3 FILE REINDEX'"
                    : "restore a backup, or save what can be read with 'sqlite3 FILE .recover'")
        }
    }

    /// Rows whose run, experiment or model is gone: those that foreign keys tell of, and those of tables without them.
    private func orphans(_ connection: Connection) throws -> [StoreInspection.Problem] {
        var counts: [String: Int] = [:]
        try connection.forEach("PRAGMA foreign_key_check") { row in
            counts["table '\(row.text(0))'|'\(row.text(2))'", default: 0] += 1
        }
        var problems = counts.sorted { $0.key < $1.key }.map { key, count in
            let names = key.split(separator: "|")
            return StoreInspection.Problem(
                message: "\(names[0]) has \(count) rows whose parent in \(names[1]) is missing",
                remedy:
                    "nothing shows them; remove them with a program that checks no foreign keys, or restore a backup")
        }
        let loose = try connection.first(
            """
            SELECT count(*) FROM inputs i WHERE i.destination_type = 'RUN'
                AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.run_uuid = i.destination_id)
            """
        ) { $0.integer(0) }
        if let loose, loose > 0 {
            problems.append(
                .init(
                    message: "table 'inputs' has \(loose) rows of runs that are gone",
                    remedy: "they do no harm; 'mlflow gc' leaves such rows behind"))
        }
        return problems
    }
}
