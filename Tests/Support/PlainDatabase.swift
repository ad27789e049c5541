import CSQLite
package import SystemPackage

/// Executes statements on an SQLite file with a plain connection, as another program would.
package func execute(_ sql: String, on path: FilePath) throws {
    var connection: OpaquePointer?
    let opened = unsafe path.withPlatformString { unsafe sqlite3_open($0, &connection) }
    defer { unsafe sqlite3_close(connection) }
    guard opened == SQLITE_OK else { throw FixtureFailure("'\(path)' cannot be opened") }
    guard unsafe sqlite3_exec(connection, sql, nil, nil, nil) == SQLITE_OK else {
        throw FixtureFailure(unsafe String(cString: sqlite3_errmsg(connection)))
    }
}
