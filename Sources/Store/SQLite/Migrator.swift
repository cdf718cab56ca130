package import Migrations
package import Torrent

/// Brings a database's schema to the version that this program knows.
///
/// Each migration is its own transaction. A new database gets the schema that all of them make, in one transaction.
/// `PRAGMA user_version` is the number of the last migration. The table `schema_migration` has the checksum of each, so
/// that a database created by different SQL is rejected.
package enum Migrator {
    /// Applies the missing migrations and returns their number. Rejects a newer schema or a changed history before
    /// writing anything.
    @discardableResult
    package static func migrate(_ connection: Connection, to migrations: [Migration] = Migration.all, now: Timestamp)
        throws(StoreError) -> Int
    {
        let found = try checkHistory(connection, migrations)
        let missing = migrations.filter { $0.number > found }
        // A new database is created in one transaction, because a partly created one would fit no version.
        let applied =
            found == 0
            ? try connection.transaction { () throws(StoreError) in
                migrations.map(\.checksum) == Migration.all.map(\.checksum)
                    ? try create(connection, now) : try apply(missing, connection, now)
            }
            : try apply(missing, connection, now)
        try requireCurrent(connection, migrations)
        return applied
    }

    /// Creates the schema as all migrations make it, in the caller's transaction. Returns how many count as applied.
    private static func create(_ connection: Connection, _ now: Timestamp) throws(StoreError) -> Int {
        // Another program may have created it since the history was read.
        guard try connection.pragma("user_version") == 0 else { return 0 }
        try connection.executeScript("PRAGMA application_id=\(DatabaseFile.applicationID)")
        try connection.executeScript(Migration.schema)
        for migration in Migration.all { try record(migration, connection, now) }
        return Migration.all.count
    }

    /// Applies each migration in its own transaction. Returns how many were applied.
    private static func apply(_ missing: [Migration], _ connection: Connection, _ now: Timestamp) throws(StoreError)
        -> Int
    {
        var applied = 0
        for migration in missing {
            let isMine = try connection.transaction { () throws(StoreError) in
                // Another program may have applied it since the history was read.
                guard try connection.pragma("user_version") == migration.number - 1 else { return false }
                try apply(migration, connection, now)
                return true
            }
            if isMine { applied += 1 }
        }
        return applied
    }

    /// Throws unless the schema is exactly the one that this program knows.
    package static func requireCurrent(_ connection: Connection, _ migrations: [Migration] = Migration.all)
        throws(StoreError)
    {
        let found = try checkHistory(connection, migrations)
        guard found == migrations.count else {
            throw connection.fault(
                .olderSchema,
                "the database has schema \(found) and this program needs \(migrations.count): "
                    + "start the engine of this version once, which upgrades it")
        }
    }

    /// The number of the database's last migration. Throws when its history is not the beginning of ours.
    private static func checkHistory(_ connection: Connection, _ migrations: [Migration]) throws(StoreError) -> Int {
        try connection.transaction(.deferred) { () throws(StoreError) in
            let version = try connection.pragma("user_version")
            let history = try history(connection)
            guard version <= migrations.count || history.count < version else {
                throw connection.fault(
                    .newerSchema,
                    "this database was written by a newer pieces (schema \(version); this program knows \(migrations.count)): use that version"
                )
            }
            // A version without its migrations means that the header was damaged.
            guard version == history.count, history.map(\.number) == Array(1..<history.count + 1) else {
                throw connection.fault(
                    .corrupt, "schema \(version) and the recorded migrations disagree: \(StoreError.recoveryAdvice)")
            }
            for (entry, migration) in zip(history, migrations) where entry.checksum != migration.checksum {
                guard !isDamaged(entry.checksum, of: migration) else {
                    throw connection.fault(
                        .corrupt, "the record of migration \(migration.number) is damaged: \(StoreError.recoveryAdvice)"
                    )
                }
                throw connection.fault(
                    .changedMigration,
                    "migration \(migration.number) (\(migration.name)) of this program is not the one that created the database: "
                        + "use the version of pieces that created it")
            }
            return version
        }
    }

    /// The recorded migrations of the database; empty in a new one.
    private static func history(_ connection: Connection) throws(StoreError) -> [Applied] {
        let objects: [String] = try connection.values("SELECT name FROM sqlite_schema")
        guard objects.contains("schema_migration") else {
            guard objects.isEmpty else {
                throw connection.fault(.corrupt, "the table schema_migration is missing: \(StoreError.recoveryAdvice)")
            }
            return []
        }
        return try connection.fetchAll("FROM schema_migration ORDER BY number")
    }

    /// A migration that was applied.
    private struct Applied: Row {
        static let columns = "number, checksum"
        let number: Int
        let checksum: String

        init(_ row: Statement) throws(StoreError) {
            number = try row.next()
            checksum = try row.next()
        }
    }

    /// Whether the text can only be our checksum with a damaged byte: the checksum of other SQL differs in most of its
    /// digits.
    private static func isDamaged(_ checksum: String, of migration: Migration) -> Bool {
        let (found, expected) = (Array(checksum.utf8), Array(migration.checksum.utf8))
        return found.count != expected.count || zip(found, expected).count { $0 != $1 } == 1
    }

    /// Steps that SQL alone can't do, by the number of their migration. They run in its transaction.
    private static let steps: [Int: @Sendable (Connection) throws(StoreError) -> Void] = [
        2: { (connection) throws(StoreError) in try connection.paths.fill(.first) },
        7: { (connection) throws(StoreError) in try connection.roots.rebuild() },
        10: { (connection) throws(StoreError) in try connection.allowTorrentsWithoutMetadata() },
        18: { (connection) throws(StoreError) in try connection.allowTorrentsWithoutSpace() },
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
        try record(migration, connection, now)
    }

    /// The database has the schema of this migration from now on.
    private static func record(_ migration: Migration, _ connection: Connection, _ now: Timestamp) throws(StoreError) {
        try connection.execute(
            "INSERT INTO schema_migration (number, name, checksum, applied_at) VALUES (?, ?, ?, ?)",
            migration.number, migration.name, migration.checksum, now)
        try connection.executeScript("PRAGMA user_version=\(migration.number)")
    }
}
