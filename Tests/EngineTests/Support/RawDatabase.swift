import CSQLite
import SystemPackage
import Testing

/// The database without the rules of its tables, to write into it what a failing disk may: by SQLite alone, not by the
/// store.
struct RawDatabase {
    let path: FilePath

    /// Runs the statements on tables that take anything in any column.
    func writeAnything(_ statements: [String]) throws {
        let rules = try withHandle { handle in
            var rules: [(name: String, sql: String)] = []
            var statement: OpaquePointer?
            try check(
                sqlite3_prepare_v2(
                    handle, "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%STRICT%'", -1,
                    &statement, nil),
                handle)
            while sqlite3_step(statement) == SQLITE_ROW {
                rules.append(
                    (
                        String(cString: sqlite3_column_text(statement, 0)),
                        String(cString: sqlite3_column_text(statement, 1))
                    ))
            }
            sqlite3_finalize(statement)
            try run("PRAGMA writable_schema=ON", handle)
            for rule in rules {
                let lax = rule.sql.replacing(") STRICT, WITHOUT ROWID", with: ") WITHOUT ROWID").replacing(
                    ") STRICT", with: ")")
                try run(
                    "UPDATE sqlite_schema SET sql = '\(lax.replacing("'", with: "''"))' WHERE name = '\(rule.name)'",
                    handle)
            }
            return rules
        }
        try withHandle { handle in
            try run("PRAGMA ignore_check_constraints=ON", handle)
            for statement in statements { try run(statement, handle) }
            try run("PRAGMA writable_schema=ON", handle)
            for rule in rules {
                try run(
                    "UPDATE sqlite_schema SET sql = '\(rule.sql.replacing("'", with: "''"))' WHERE name = '\(rule.name)'",
                    handle)
            }
        }
    }

    private func withHandle<Value>(_ body: (OpaquePointer?) throws -> Value) throws -> Value {
        var handle: OpaquePointer?
        defer { sqlite3_close_v2(handle) }
        try check(sqlite3_open_v2(path.string, &handle, SQLITE_OPEN_READWRITE, nil), handle)
        return try body(handle)
    }

    private func run(_ sql: String, _ handle: OpaquePointer?) throws {
        try check(sqlite3_exec(handle, sql, nil, nil, nil), handle, sql)
    }

    private func check(_ result: Int32, _ handle: OpaquePointer?, _ sql: String = "") throws {
        guard result == SQLITE_OK else { throw TestFault("\(String(cString: sqlite3_errmsg(handle))): \(sql)") }
    }
}
