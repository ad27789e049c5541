import CSQLite
import Glibc
import SystemPackage

/// One connection to an SQLite file, with the statements it has compiled.
///
/// This file and `Statement.swift` are the only ones that call the C library. A plain layer of prepared statements is used rather
/// than a general one because a short run pays for every millisecond of start-up and the server for every microsecond of a write.
///
/// A connection is used by one thread at a time; it is not `Sendable`, and its owner confines it to a queue.
@safe
final class Connection {
    private let handle: OpaquePointer
    private let busy: BusyWait
    private var statements: [String: Statement] = [:]
    /// Whether the file has a write-ahead log, so that who reads never waits for who writes.
    var usesWriteAheadLog = false

    enum Access {
        case readOnly
        case readWrite
        case creating
    }

    /// Opens the file; SQLite touches it only at the first statement.
    init(path: FilePath, access: Access, busyTimeout: Duration, fileSystem: String? = nil) throws(SQLiteFailure) {
        _ = libraryIsConfigured
        let flags =
            switch access {
            case .readOnly: SQLITE_OPEN_READONLY
            case .readWrite: SQLITE_OPEN_READWRITE
            case .creating: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
            }
        var opened: OpaquePointer?
        // SAFETY: the library copies the path; `opened` is closed on every way out but the last.
        let code = unsafe path.withPlatformString { path in
            if let fileSystem {
                unsafe sqlite3_open_v2(path, &opened, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, fileSystem)
            } else {
                unsafe sqlite3_open_v2(path, &opened, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
            }
        }
        guard let connection = unsafe opened, code == SQLITE_OK else {
            let failure = unsafe SQLiteFailure(code: code, connection: opened)
            unsafe sqlite3_close_v2(opened)
            throw failure
        }
        unsafe handle = connection
        busy = BusyWait(timeout: busyTimeout)
        // SAFETY: `busy` lives as long as the connection, which is closed in `deinit`.
        unsafe sqlite3_busy_handler(
            handle,
            { context, attempt in
                guard let context = unsafe context else { return 0 }
                return unsafe Unmanaged<BusyWait>.fromOpaque(context).takeUnretainedValue().wait(attempt: attempt)
            }, Unmanaged.passUnretained(busy).toOpaque())
        unsafe sqlite_make_defensive(handle)
    }

    deinit {
        // The statements hold the handle; with `close_v2` it goes when the last of them has gone.
        statements = [:]
        unsafe sqlite3_close_v2(handle)
    }

    /// Whether the file can only be read, as its permissions may say.
    var isReadOnly: Bool {
        unsafe sqlite3_db_readonly(handle, "main") == 1
    }

    var isInTransaction: Bool {
        unsafe sqlite3_get_autocommit(handle) == 0
    }

    /// How many rows the last statement changed.
    var changedRows: Int {
        unsafe Int(sqlite3_changes(handle))
    }

    /// How many rows all statements so far have changed; equal numbers mean that nothing happened in between.
    var totalChangedRows: Int {
        unsafe Int(sqlite3_total_changes(handle))
    }

    var lastInsertedRowID: Int64 {
        unsafe sqlite3_last_insert_rowid(handle)
    }

    // MARK: Statements

    /// Executes statements without parameters or results, such as a schema.
    func execute(_ script: String) throws(SQLiteFailure) {
        let code = unsafe sqlite3_exec(handle, script, nil, nil, nil)
        guard code == SQLITE_OK else { throw failure(code) }
    }

    /// Runs one statement to its end.
    func run(_ sql: String, _ values: SQLiteValue...) throws(SQLiteFailure) {
        try run(sql, values)
    }

    func run(_ sql: String, _ values: [SQLiteValue]) throws(SQLiteFailure) {
        let statement = try statement(sql)
        defer { statement.reset() }
        try statement.bind(values)
        while try statement.step() {}
    }

    /// Runs one statement for each of many elements; `bind` gives it the values of one, where they differ from those before.
    func run<Element>(
        _ sql: String, forEach elements: [Element], bind: (Element, Statement) throws(SQLiteFailure) -> Void
    ) throws(SQLiteFailure) {
        let statement = try statement(sql)
        defer { statement.reset() }
        for element in elements {
            try bind(element, statement)
            while try statement.step() {}
            statement.rewind()
        }
    }

    /// Hands every row of the result to `body`; the row is only valid during the call.
    func forEach(_ sql: String, _ values: [SQLiteValue] = [], body: (Row) throws -> Void) throws {
        let statement = try statement(sql)
        defer { statement.reset() }
        try statement.bind(values)
        while try statement.step() { try body(Row(statement)) }
    }

    func all<T>(_ sql: String, _ values: SQLiteValue..., transform: (Row) throws -> T) throws -> [T] {
        try all(sql, values, transform: transform)
    }

    func all<T>(_ sql: String, _ values: [SQLiteValue], transform: (Row) throws -> T) throws -> [T] {
        var results: [T] = []
        try forEach(sql, values) { results.append(try transform($0)) }
        return results
    }

    /// The first row of the result, if there is one.
    func first<T>(_ sql: String, _ values: SQLiteValue..., transform: (Row) throws -> T) throws -> T? {
        let statement = try statement(sql)
        defer { statement.reset() }
        try statement.bind(values)
        return try statement.step() ? try transform(Row(statement)) : nil
    }

    /// Whether the query has any row.
    func exists(_ sql: String, _ values: SQLiteValue...) throws(SQLiteFailure) -> Bool {
        let statement = try statement(sql)
        defer { statement.reset() }
        try statement.bind(values)
        return try statement.step()
    }

    /// Whether a condition of parameters alone holds.
    func isTrue(_ condition: String, _ values: [SQLiteValue]) throws -> Bool {
        try all("SELECT \(condition)", values) { !$0.isNull(0) && $0.integer(0) != 0 }.first ?? false
    }

    /// A compiled statement, kept for the next time: most of the work of a short statement is its compilation.
    private func statement(_ sql: String) throws(SQLiteFailure) -> Statement {
        if let known = statements[sql], !known.isBusy { return known }
        var compiled: OpaquePointer?
        let code = unsafe sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &compiled, nil)
        guard code == SQLITE_OK, let pointer = unsafe compiled else { throw failure(code) }
        let statement = unsafe Statement(pointer)
        // Searches make many texts; those of everything else are few.
        if statements.count > 256 { statements = [:] }
        statements[sql] = statement
        return statement
    }

    private func failure(_ code: Int32) -> SQLiteFailure {
        unsafe SQLiteFailure(code: code, connection: handle)
    }

    // MARK: Whole-file work

    /// Copies the whole database into another one, page by page, with SQLite's own means for a live file.
    func backUp(into destination: Connection) throws(SQLiteFailure) {
        guard let backup = unsafe sqlite3_backup_init(destination.handle, "main", handle, "main") else {
            throw unsafe SQLiteFailure(code: sqlite3_errcode(destination.handle), connection: destination.handle)
        }
        let code = unsafe sqlite3_backup_step(backup, -1)
        let finished = unsafe sqlite3_backup_finish(backup)
        guard code == SQLITE_DONE, finished == SQLITE_OK else {
            throw unsafe SQLiteFailure(code: code == SQLITE_DONE ? finished : code, connection: destination.handle)
        }
    }
}

/// Configures the library once; it refuses, harmlessly, when something in the process has used it before.
private let libraryIsConfigured: Bool =
    sqlite_stop_counting_memory() == SQLITE_OK && sqlite_undo_statements_in_memory() == SQLITE_OK

/// Waits while another connection holds the file: short random pauses, so that waiting writers do not march in step.
private final class BusyWait {
    private let timeout: Duration
    private var deadline: ContinuousClock.Instant?

    init(timeout: Duration) {
        self.timeout = timeout
    }

    /// Answers SQLite whether to try again.
    func wait(attempt: Int32) -> Int32 {
        let now = ContinuousClock.now
        if attempt == 0 || deadline == nil { deadline = now + timeout }
        guard let deadline, now < deadline else { return 0 }
        let longest: UInt32 = attempt < 4 ? 1_000 : 10_000
        usleep(UInt32.random(in: 200...longest))
        return 1
    }
}
