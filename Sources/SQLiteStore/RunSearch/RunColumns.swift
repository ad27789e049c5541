import Tracking

/// The runs of a store at one moment, in memory: what searches look at, one array for each column, in the order of run ids.
///
/// A column is read when a search needs it first. Nothing here knows when it is out of date; see `SearchMemory`.
struct RunColumns {
    /// The columns cannot be had in memory: they are too large, or hold what MLflow never writes.
    struct Unsuitable: Error {}

    /// Where the values of a text column are kept.
    enum TextSource: Hashable {
        case param(StoredKey)
        case tag(StoredKey)
        /// A column of `runs`.
        case attribute(String)
    }

    private(set) var rowIDs: [Int64] = []
    /// All experiments that have runs, and for each run the place of its own among them.
    private(set) var experimentIDs: [Int64] = []
    private(set) var experiments: [Int32] = []
    private(set) var isDeleted: [Bool] = []
    private(set) var startTimes = IntegerColumn()
    private var endTimes: IntegerColumn?
    private var ids: [RunKey] = []
    private var metrics: [StoredKey: MetricColumn] = [:]
    private var texts: [TextSource: TextColumn] = [:]
    /// Text columns that were too large.
    private var refused: Set<TextSource> = []
    /// How much memory the columns take, in bytes and roughly.
    private var size = 0

    private static let largestCount: Int64 = 400_000
    private static let largestSize = 64 << 20

    /// Reads what every search needs.
    init(from connection: Connection) throws {
        let count = try connection.first("SELECT max(rowid) FROM runs") { $0.integer(0) } ?? 0
        guard count <= Self.largestCount else { throw Unsuitable() }
        var places: [Int64: Int32] = [:]
        try connection.forEach(
            "SELECT rowid, run_uuid, experiment_id, lifecycle_stage, start_time FROM runs ORDER BY run_uuid"
        ) { row in
            guard let id = row.runKey(1), row.isInteger(2) else { throw Unsuitable() }
            rowIDs.append(row.integer(0))
            ids.append(id)
            let experiment = row.integer(2)
            let place = places[experiment] ?? Int32(experimentIDs.count)
            if places.updateValue(place, forKey: experiment) == nil { experimentIDs.append(experiment) }
            experiments.append(place)
            switch row.text(3) {
            case "active": isDeleted.append(false)
            case "deleted": isDeleted.append(true)
            default: throw Unsuitable()
            }
            try startTimes.append(row, 4)
        }
        size = ids.count * 64
    }

    var count: Int { ids.count }

    // MARK: Columns

    mutating func endTimes(_ connection: Connection) throws -> IntegerColumn {
        if let endTimes { return endTimes }
        var column = IntegerColumn()
        try connection.forEach("SELECT end_time FROM runs ORDER BY run_uuid") { try column.append($0, 0) }
        guard column.values.count == count else { throw Unsuitable() }
        try makeRoom(for: count * 8)
        endTimes = column
        return column
    }

    mutating func metric(_ key: StoredKey, _ connection: Connection) throws -> MetricColumn {
        if let column = metrics[key] { return column }
        var column = MetricColumn(count: count)
        try forEachRun(
            "SELECT run_uuid, value, is_nan FROM latest_metrics WHERE key = ? ORDER BY run_uuid", [.text(key.text)],
            connection
        ) { run, row in
            guard row.isNumber(1), row.isInteger(2) else { throw Unsuitable() }
            column.values[run] = row.real(1)
            column.states[run] = row.integer(2) == 0 ? .number : .nan
        }
        try makeRoom(for: count * 9)
        metrics[key] = column
        return column
    }

    mutating func text(_ source: TextSource, _ connection: Connection) throws -> TextColumn {
        if let column = texts[source] { return column }
        guard !refused.contains(source) else { throw Unsuitable() }
        var column = TextColumn(count: count)
        let (sql, values) = source.query
        try forEachRun(sql, values, connection) { run, row in
            try column.set(row, 1, of: run, nullIsAbsent: source.isAttribute)
            guard column.size <= Self.largestSize / 4 else {
                refused.insert(source)
                throw Unsuitable()
            }
        }
        try makeRoom(for: column.size)
        texts[source] = column
        return column
    }

    /// Keeps the order of a text column's values, which takes a while to find.
    mutating func ranks(of source: TextSource, _ connection: Connection) throws -> [UInt64] {
        var column = try text(source, connection)
        if let ranks = column.ranks { return ranks }
        let ranks = column.sortedRanks()
        column.ranks = ranks
        texts[source] = column
        return ranks
    }

    /// Goes through rows that are ordered by the run id in their first column, with the place of each run.
    private func forEachRun(
        _ sql: String, _ values: [SQLiteValue], _ connection: Connection, body: (Int, Row) throws -> Void
    ) throws {
        var place = 0
        try connection.forEach(sql, values) { row in
            guard let id = row.runKey(0) else { throw Unsuitable() }
            while place < ids.count, ids[place] < id { place += 1 }
            // Rows of runs that are not there, as a file may have them, belong to nothing.
            if place < ids.count, ids[place] == id { try body(place, row) }
        }
    }

    /// Forgets the other columns when there is too much.
    private mutating func makeRoom(for bytes: Int) throws {
        guard ids.count * 64 + bytes <= Self.largestSize else { throw Unsuitable() }
        if size + bytes > Self.largestSize {
            metrics = [:]
            texts = [:]
            endTimes = nil
            size = ids.count * 64
        }
        size += bytes
    }
}

extension RunColumns.TextSource {
    fileprivate var isAttribute: Bool { if case .attribute = self { true } else { false } }

    /// Rows of a run id and a value, in the order of run ids.
    fileprivate var query: (sql: String, values: [SQLiteValue]) {
        switch self {
        case .param(let key):
            ("SELECT run_uuid, value FROM params WHERE key = ? ORDER BY run_uuid", [.text(key.text)])
        case .tag(let key): ("SELECT run_uuid, value FROM tags WHERE key = ? ORDER BY run_uuid", [.text(key.text)])
        case .attribute(let column): ("SELECT run_uuid, \(column) FROM runs ORDER BY run_uuid", [])
        }
    }
}

/// A run id of 32 bytes as numbers that are ordered as the text is.
struct RunKey: Comparable {
    let words: (UInt64, UInt64, UInt64, UInt64)

    static func == (left: RunKey, right: RunKey) -> Bool { left.words == right.words }
    static func < (left: RunKey, right: RunKey) -> Bool { left.words < right.words }
}

/// The latest values of one metric.
struct MetricColumn {
    enum State: UInt8 {
        case missing, number, nan
    }

    /// NaN is zero, as it is stored.
    var values: [Double]
    var states: [State]

    init(count: Int) {
        values = Array(repeating: 0, count: count)
        states = Array(repeating: .missing, count: count)
    }
}

/// Whole numbers; a missing one is the least there is.
struct IntegerColumn {
    static let missing = Int64.min
    private(set) var values: [Int64] = []

    mutating func append(_ row: Row, _ column: Int32) throws {
        guard !row.isNull(column) else { return values.append(Self.missing) }
        let value = row.integer(column)
        guard row.isInteger(column), value != Self.missing, value != .max else { throw RunColumns.Unsuitable() }
        values.append(value)
    }
}

/// Texts as numbers, one for each different text.
struct TextColumn {
    static let absent: Int32 = 0
    static let null: Int32 = 1
    static let firstText: Int32 = 2

    private(set) var codes: [Int32]
    /// The text of every code from `firstText` on.
    private(set) var texts: [String] = []
    private var known: [StoredKey: Int32] = [:]
    private(set) var size: Int
    /// The place of every code in the order of texts, what is missing last.
    var ranks: [UInt64]?

    init(count: Int) {
        codes = Array(repeating: Self.absent, count: count)
        size = count * 4
    }

    mutating func set(_ row: Row, _ column: Int32, of run: Int, nullIsAbsent: Bool) throws {
        guard !row.isNull(column) else {
            codes[run] = nullIsAbsent ? Self.absent : Self.null
            return
        }
        guard let text = row.validText(column) else { throw RunColumns.Unsuitable() }
        let key = StoredKey(text: text)
        if let code = known[key] {
            codes[run] = code
        } else {
            let code = Self.firstText + Int32(texts.count)
            texts.append(text)
            known[key] = code
            codes[run] = code
            size += 96 + text.utf8.count
        }
    }

    func code(of text: String) -> Int32? { known[StoredKey(text: text)] }

    /// The texts are ordered by their bytes, as the database orders them.
    fileprivate func sortedRanks() -> [UInt64] {
        var ranks = Array(repeating: UInt64.max, count: texts.count + Int(Self.firstText))
        let order = texts.indices.sorted { texts[$0].utf8.lexicographicallyPrecedes(texts[$1].utf8) }
        for (rank, index) in order.enumerated() { ranks[index + Int(Self.firstText)] = UInt64(rank) }
        return ranks
    }
}
