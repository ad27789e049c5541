import Synchronization
import Tracking

/// Where the values of one tag are, in memory: MLflow's schema has an index over the keys of tags, and none over their values.
///
/// It knows the rows of the table by a hash of their value. Rows that were added since are read before each question, whoever added them;
/// what it finds is looked at in the table again, so a row that was changed or deleted is never taken for what it was.
struct TagIndex {
    private let key: String
    /// The row of the last tag whose value has this hash.
    private var latest: [Int: Int64] = [:]
    /// The row before another one with the same hash.
    private var earlier: [Int64: Int64] = [:]
    private var lastRow: Int64 = 0
    /// Whether there are more rows than are kept in memory.
    private(set) var isTooLarge = false

    /// About 40 bytes each.
    private static let largestCount = 1_000_000
    /// Up to how many new rows of any key are read in passing, instead of all rows of the key.
    private static let readInPassing: Int64 = 20_000

    init(key: String) {
        self.key = key
    }

    /// Reads what has been added since the last time.
    mutating func refresh(from connection: Connection) throws {
        let last = try connection.first("SELECT max(rowid) FROM tags") { $0.integer(0) } ?? 0
        // A row may have the number of one that was deleted.
        if last < lastRow { self = TagIndex(key: key) }
        guard last > lastRow, !isTooLarge else { return }
        var added: [(row: Int64, hash: Int)] = []
        let read: (Row) -> Void = { row in added.append((row.integer(0), row.text(1).hashValue)) }
        if lastRow > 0, last - lastRow <= Self.readInPassing {
            try connection.forEach(
                "SELECT rowid, value FROM tags NOT INDEXED WHERE rowid > ? AND key = ?",
                [.integer(lastRow), .text(key)], body: read)
        } else {
            try connection.forEach(
                "SELECT rowid, value FROM tags WHERE key = ? AND +rowid > ?", [.text(key), .integer(lastRow)],
                body: read)
            added.sort { $0.row < $1.row }
        }
        lastRow = last
        guard latest.count + earlier.count + added.count <= Self.largestCount else {
            (latest, earlier, isTooLarge) = ([:], [:], true)
            return
        }
        for (row, hash) in added {
            if let before = latest.updateValue(row, forKey: hash) { earlier[row] = before }
        }
    }

    /// The rows that may have the value, the latest first.
    func rows(of value: String) -> some Sequence<Int64> {
        sequence(state: latest[value.hashValue]) { [earlier] next in
            guard let row = next else { return nil }
            next = earlier[row]
            return row
        }
    }
}

/// The indexes that have been asked for.
///
/// `@unchecked Sendable` holds because they are only touched by work on the queue of the connection that writes.
final class ConfinedTagIndexes: @unchecked Sendable {
    private var indexes: [String: TagIndex] = [:]

    /// The runs by value: for each the latest active one of these experiments and those before it, back to the first that has
    /// finished.
    func latestRuns(
        withTag key: String, among values: [String], experimentIDs: Set<String>, on connection: Connection
    ) throws -> [[RunInfo]] {
        var index = indexes.removeValue(forKey: key) ?? TagIndex(key: key)
        defer { indexes[key] = index }
        try index.refresh(from: connection)
        return try values.map { value in
            if index.isTooLarge {
                let rows = try connection.all(
                    "SELECT rowid FROM tags WHERE key = ? AND value = ? ORDER BY +rowid DESC", .text(key), .text(value)
                ) { $0.integer(0) }
                return try Self.runs(at: rows, key, value, experimentIDs, connection)
            }
            return try Self.runs(at: index.rows(of: value), key, value, experimentIDs, connection)
        }
    }

    private static func runs(
        at rows: some Sequence<Int64>, _ key: String, _ value: String, _ experimentIDs: Set<String>,
        _ connection: Connection
    ) throws -> [RunInfo] {
        var found: [RunInfo] = []
        for row in rows {
            let run = try connection.first(
                """
                SELECT \(runColumns) FROM tags t CROSS JOIN runs r ON r.run_uuid = t.run_uuid
                WHERE t.rowid = ? AND t.key = ? AND t.value = ? AND r.lifecycle_stage = 'active'
                """, .integer(row), .text(key), .text(value), transform: RunInfo.init(row:))
            guard let run, experimentIDs.contains(run.experimentID) else { continue }
            found.append(run)
            if run.status == .finished || found.count == Limits.latestRuns { break }
        }
        return found
    }
}
