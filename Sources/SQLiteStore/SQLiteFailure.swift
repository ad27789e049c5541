import CSQLite
import Glibc

/// A result code of SQLite with what the library has to say about it.
struct SQLiteFailure: Error, Hashable {
    /// The extended result code.
    let code: Int32
    let message: String
    /// The system's own error behind the code, or 0.
    let systemError: Int32

    @unsafe
    init(code: Int32, connection: OpaquePointer?) {
        self.code = code
        if let connection = unsafe connection {
            unsafe message = String(cString: sqlite3_errmsg(connection))
            unsafe systemError = sqlite3_system_errno(connection)
        } else {
            unsafe message = String(cString: sqlite3_errstr(code))
            systemError = errno
        }
    }

    private var primaryCode: Int32 { code & 0xFF }

    var isBusy: Bool {
        [SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL].contains(primaryCode)
    }
    var isNotADatabase: Bool { primaryCode == SQLITE_NOTADB }
    var isDamaged: Bool { primaryCode == SQLITE_CORRUPT }
    var isReadOnly: Bool { primaryCode == SQLITE_READONLY }
    var isDiskFull: Bool { primaryCode == SQLITE_FULL || systemError == ENOSPC || systemError == EDQUOT }
    var isCannotOpen: Bool { primaryCode == SQLITE_CANTOPEN }
    /// Two rows with one key.
    var isNotUnique: Bool { code == sqlite_not_unique || code == sqlite_primary_key_not_unique }
    var isConstraint: Bool { primaryCode == SQLITE_CONSTRAINT }

    /// Whether nothing written through this connection can be trusted any more.
    ///
    /// After a failed write or sync the kernel may have dropped the pages it could not write, so that a second sync
    /// "succeeds" without them: the only safe answer is to stop.
    var endsConnection: Bool {
        switch primaryCode {
        case SQLITE_IOERR, SQLITE_FULL, SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_NOMEM, SQLITE_READONLY, SQLITE_CANTOPEN:
            true
        default: false
        }
    }
}
