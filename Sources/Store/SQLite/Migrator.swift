import Migrations

/// Brings the schema of a database to the version that this program knows.
///
/// Each migration is a transaction of its own. `PRAGMA user_version` is the number of the last one, and the table `schema_migration` has the
/// checksum of each, so that a database which was made by other SQL is refused.
package enum Migrator {
    /// Applies what is missing; how many migrations that were. Refuses a newer schema and a changed history before anything is written.
    @discardableResult
    package static func migrate(_ connection: Connection, to migrations: [Migration] = Migration.all, now: Timestamp) throws(StoreError) -> Int {
        let found = try checkHistory(connection, migrations)
        var applied = 0
        for migration in migrations where migration.number > found {
            let isMine = try connection.transaction { () throws(StoreError) in
                // Another program may have been faster since the history was read.
                guard try connection.pragma("user_version") == migration.number - 1 else { return false }
                try apply(migration, connection, now)
                return true
            }
            if isMine { applied += 1 }
        }
        try requireCurrent(connection, migrations)
        return applied
    }

    /// Throws unless the schema is exactly the one that this program knows.
    package static func requireCurrent(_ connection: Connection, _ migrations: [Migration] = Migration.all) throws(StoreError) {
        let found = try checkHistory(connection, migrations)
        guard found == migrations.count else {
            throw connection.fault(
                .olderSchema,
                "the database has schema \(found) and this program needs \(migrations.count): "
                    + "start the engine of this version once, which brings it up to date")
        }
    }

    /// The number of the last migration that the database has; throws when its history is not the beginning of ours.
    private static func checkHistory(_ connection: Connection, _ migrations: [Migration]) throws(StoreError) -> Int {
        try connection.transaction(.deferred) { () throws(StoreError) in
            let version = try connection.pragma("user_version")
            guard version <= migrations.count else {
                throw connection.fault(
                    .newerSchema,
                    "this database was written by a newer pieces (schema \(version); this program knows \(migrations.count)): use that version")
            }
            guard version > 0 else { return 0 }
            let history = try connection.rows("SELECT number, checksum FROM schema_migration ORDER BY number") { (row) throws(StoreError) in
                (number: try row.next(Int.self), checksum: try row.next(String.self))
            }
            guard history.map(\.number) == Array(1...max(version, 1)) else {
                throw connection.fault(
                    .corrupt, "schema \(version) and the recorded migrations disagree: keep a copy of the database and restore a backup")
            }
            for (entry, migration) in zip(history, migrations) where entry.checksum != migration.checksum {
                throw connection.fault(
                    .changedMigration,
                    "migration \(migration.number) (\(migration.name)) of this program is not the one that made the database: "
                        + "use the version of pieces that made it")
            }
            return version
        }
    }

    /// What SQL alone can't do, by the number of the migration that it belongs to; part of its transaction.
    private static let steps: [Int: @Sendable (Connection) throws(StoreError) -> Void] = [
        2: { (connection) throws(StoreError) in try connection.fillPaths() }
    ]

    private static func apply(_ migration: Migration, _ connection: Connection, _ now: Timestamp) throws(StoreError) {
        if migration.number == 1 {
            try connection.executeScript("PRAGMA application_id=\(DatabaseFile.applicationID)")
            try connection.executeScript(
                """
                CREATE TABLE schema_migration (
                    number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL
                ) STRICT
                """)
        }
        try connection.executeScript(migration.sql)
        try steps[migration.number]?(connection)
        try connection.execute(
            "INSERT INTO schema_migration (number, name, checksum, applied_at) VALUES (?, ?, ?, ?)",
            migration.number, migration.name, migration.checksum, now)
        try connection.executeScript("PRAGMA user_version=\(migration.number)")
    }
}
