/// What a search must know about the amounts in a store to choose its way; found by looking at a few rows, never by counting.
struct StoreShape {
    /// Which part of all runs lies in the searched experiments, roughly.
    let searchedShare: Double
    private let runs: Int64
    private let rows: [String: Int64]

    /// How many rows of that table belong to one run on average, roughly.
    func rowsPerRun(of table: String) -> Double {
        Double(rows[table] ?? 0) / Double(max(1, runs))
    }

    private static let sampleSize: Int64 = 48

    /// - Parameter experimentIDs: a JSON array.
    init(of connection: Connection, searching experimentIDs: SQLiteValue) throws {
        var rows: [String: Int64] = [:]
        for table in ["runs", "latest_metrics", "params", "tags"] {
            // Rows are numbered in the order in which they came, so the last number tells how many there are.
            rows[table] = try connection.first("SELECT max(rowid) FROM \(table)") { $0.integer(0) } ?? 0
        }
        self.rows = rows
        runs = rows["runs"] ?? 0
        searchedShare =
            try connection.first(
                """
                WITH sample(id) AS (SELECT 1 UNION ALL SELECT id + ?2 FROM sample WHERE id + ?2 <= ?3)
                SELECT avg(r.experiment_id IN (SELECT CAST(value AS INTEGER) FROM json_each(?1)))
                FROM sample CROSS JOIN runs r ON r.rowid = sample.id
                """, experimentIDs, .integer(max(1, runs / Self.sampleSize)), .integer(runs)
            ) { $0.real(0) } ?? 1
    }
}
