import CSQLite

/// What a statement's parameter can be.
enum SQLiteValue: Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)

    init(stringLiteral value: String) { self = .text(value) }
    init(integerLiteral value: Int64) { self = .integer(value) }
    init(_ value: String?) { self = value.map(SQLiteValue.text) ?? .null }
    init(_ value: Int64?) { self = value.map(SQLiteValue.integer) ?? .null }
    init(_ value: Int) { self = .integer(Int64(value)) }
}

/// One compiled statement of a connection.
@safe
final class Statement {
    fileprivate let pointer: OpaquePointer

    @unsafe
    init(_ pointer: OpaquePointer) {
        unsafe self.pointer = pointer
    }

    deinit {
        unsafe sqlite3_finalize(pointer)
    }

    /// Whether rows of it are still being read, so that it cannot be used a second time.
    var isBusy: Bool {
        unsafe sqlite3_stmt_busy(pointer) != 0
    }

    func bind(_ values: [SQLiteValue]) throws(SQLiteFailure) {
        var index: Int32 = 0
        for value in values {
            index += 1
            let code = bind(value, at: index)
            guard code == SQLITE_OK else { throw failure(code) }
        }
    }

    // One value at a time, for statements that run thousands of times: a value stays until it is replaced.

    func bind(_ text: String, at index: Int32) throws(SQLiteFailure) {
        let code = copy(text, to: index)
        guard code == SQLITE_OK else { throw failure(code) }
    }

    func bind(_ number: Int64, at index: Int32) throws(SQLiteFailure) {
        let code = unsafe sqlite3_bind_int64(pointer, index, number)
        guard code == SQLITE_OK else { throw failure(code) }
    }

    func bind(_ number: Double, at index: Int32) throws(SQLiteFailure) {
        let code = unsafe sqlite3_bind_double(pointer, index, number)
        guard code == SQLITE_OK else { throw failure(code) }
    }

    private func bind(_ value: SQLiteValue, at index: Int32) -> Int32 {
        switch value {
        case .null: unsafe sqlite3_bind_null(pointer, index)
        case .integer(let number): unsafe sqlite3_bind_int64(pointer, index, number)
        case .real(let number): unsafe sqlite3_bind_double(pointer, index, number)
        case .text(let text): copy(text, to: index)
        }
    }

    private func copy(_ text: String, to index: Int32) -> Int32 {
        var text = text
        return text.withUTF8 { bytes in
            guard let length = Int32(exactly: bytes.count) else { return SQLITE_TOOBIG }
            // SAFETY: the library copies `length` bytes before it returns. An empty buffer may have no address, and
            // no address would bind NULL.
            guard let start = bytes.baseAddress else {
                return unsafe sqlite_bind_copied_text(pointer, index, "", 0)
            }
            return unsafe start.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
                unsafe sqlite_bind_copied_text(pointer, index, $0, length)
            }
        }
    }

    /// Advances to the next row; false at the end.
    func step() throws(SQLiteFailure) -> Bool {
        let code = unsafe sqlite3_step(pointer)
        switch code {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw failure(code)
        }
    }

    /// Makes the statement ready to run again with other values.
    func rewind() {
        unsafe sqlite3_reset(pointer)
    }

    /// Ends the use of the statement, and forgets its values.
    func reset() {
        unsafe sqlite3_reset(pointer)
        unsafe sqlite3_clear_bindings(pointer)
    }

    private func failure(_ code: Int32) -> SQLiteFailure {
        unsafe SQLiteFailure(code: code, connection: sqlite3_db_handle(pointer))
    }
}

/// The current row of a statement; only valid until the statement moves on.
struct Row {
    private let statement: Statement

    init(_ statement: Statement) {
        self.statement = statement
    }

    func isNull(_ column: Int32) -> Bool {
        unsafe sqlite3_column_type(statement.pointer, column) == SQLITE_NULL
    }

    func integer(_ column: Int32) -> Int64 {
        unsafe sqlite3_column_int64(statement.pointer, column)
    }

    func optionalInteger(_ column: Int32) -> Int64? {
        isNull(column) ? nil : integer(column)
    }

    func real(_ column: Int32) -> Double {
        unsafe sqlite3_column_double(statement.pointer, column)
    }

    func isInteger(_ column: Int32) -> Bool {
        unsafe sqlite3_column_type(statement.pointer, column) == SQLITE_INTEGER
    }

    func isNumber(_ column: Int32) -> Bool {
        let type = unsafe sqlite3_column_type(statement.pointer, column)
        return type == SQLITE_FLOAT || type == SQLITE_INTEGER
    }

    /// Text of exactly 32 bytes; nil for anything else.
    func runKey(_ column: Int32) -> RunKey? {
        guard unsafe sqlite3_column_type(statement.pointer, column) == SQLITE_TEXT,
            let bytes = unsafe sqlite3_column_text(statement.pointer, column),
            unsafe sqlite3_column_bytes(statement.pointer, column) == 32
        else { return nil }
        // SAFETY: the library owns these 32 bytes until the statement moves on.
        let buffer = unsafe UnsafeRawBufferPointer(start: bytes, count: 32)
        return RunKey(
            words: (
                unsafe UInt64(bigEndian: buffer.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                unsafe UInt64(bigEndian: buffer.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                unsafe UInt64(bigEndian: buffer.loadUnaligned(fromByteOffset: 16, as: UInt64.self)),
                unsafe UInt64(bigEndian: buffer.loadUnaligned(fromByteOffset: 24, as: UInt64.self))
            ))
    }

    /// Text; nil for anything else, and for bytes that are no text.
    func validText(_ column: Int32) -> String? {
        guard unsafe sqlite3_column_type(statement.pointer, column) == SQLITE_TEXT,
            let bytes = unsafe sqlite3_column_text(statement.pointer, column)
        else { return nil }
        let count = unsafe Int(sqlite3_column_bytes(statement.pointer, column))
        // SAFETY: as in `text`.
        return unsafe String(validating: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    /// NULL is empty text.
    func text(_ column: Int32) -> String {
        guard let bytes = unsafe sqlite3_column_text(statement.pointer, column) else { return "" }
        let count = unsafe Int(sqlite3_column_bytes(statement.pointer, column))
        // SAFETY: the library owns `count` bytes there until the statement moves on; they are copied here.
        return unsafe String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    /// The text, as one of the likely ones if it is the same byte for byte: runs that were made alike then share what is equal in them.
    func text(_ column: Int32, likely: String?) -> String {
        guard let likely, let bytes = unsafe sqlite3_column_text(statement.pointer, column) else { return text(column) }
        let count = unsafe Int(sqlite3_column_bytes(statement.pointer, column))
        // SAFETY: as in `text`.
        let isSame = unsafe likely.utf8.withContiguousStorageIfAvailable { known in
            unsafe known.count == count && known.elementsEqual(UnsafeBufferPointer(start: bytes, count: count))
        }
        return isSame == true ? likely : text(column)
    }

    func optionalText(_ column: Int32) -> String? {
        isNull(column) ? nil : text(column)
    }
}
