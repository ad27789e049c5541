#include <sqlite3.h>

/// SQLITE_TRANSIENT is a cast that Swift cannot import: the library copies the text before the call returns.
static inline int sqlite_bind_copied_text(sqlite3_stmt *statement, int index, const char *text, int length) {
    return sqlite3_bind_text(statement, index, text, length, SQLITE_TRANSIENT);
}

/// Extended codes are composed by macros that Swift cannot import.
static const int sqlite_not_unique = SQLITE_CONSTRAINT_UNIQUE;
static const int sqlite_primary_key_not_unique = SQLITE_CONSTRAINT_PRIMARYKEY;

/// Switches off the counting of memory, whose lock every allocation takes; only possible before the first use.
static inline int sqlite_stop_counting_memory(void) {
    return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/// Keeps in memory what undoes a failing statement, instead of in a file once it is more than 64 KiB; only possible before the first use.
static inline int sqlite_undo_statements_in_memory(void) {
    return sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, -1);
}

/// Takes away what a hostile file could use against the process that reads it; configured by a variadic call.
static inline int sqlite_make_defensive(sqlite3 *connection) {
    return sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)0);
}
