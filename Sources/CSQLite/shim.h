// Room: CSQLite.
// Duty: names the system's libsqlite3 to Swift.
// Owns: the wrappers of what Swift can't call: variadic functions, and macros that are casts (SQLITE_TRANSIENT).
// Never: decides anything; each function is one call.
// Invariants: what is bound here is copied by SQLite before the call returns.

#ifndef PIECES_CSQLITE_SHIM_H
#define PIECES_CSQLITE_SHIM_H

#include <sqlite3.h>

static inline int csqlite_bind_text(sqlite3_stmt *statement, int index, const char *text, sqlite3_uint64 length) {
    return sqlite3_bind_text64(statement, index, text, length, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static inline int csqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, sqlite3_uint64 length) {
    return sqlite3_bind_blob64(statement, index, bytes, length, SQLITE_TRANSIENT);
}

/// Sets one of the options of sqlite3_db_config that take (int, int *).
static inline int csqlite_set_flag(sqlite3 *database, int option, int on) {
    return sqlite3_db_config(database, option, on, (int *)0);
}

#endif
