import DatabaseLab
import Foundation
import Migrations
import Store
import Testing
import Torrent

/// A new database gets the schema in one script. It is what all migrations make, one after the other.
///
/// To write `Migrations/schema.sql` again after a new migration, run these tests with `PIECES_RENEW_SNAPSHOTS=1`.
@Suite struct SchemaTests {
    private static let isRenewing = ProcessInfo.processInfo.environment["PIECES_RENEW_SNAPSHOTS"] == "1"
    private static let file = URL(filePath: #filePath).deletingLastPathComponent().appending(
        path: "../../Migrations/schema.sql")

    /// A database that began with the first schema.
    private static func grown(in folder: TemporaryFolder) throws -> Connection {
        let connection = try Connection(folder.database, mode: .readWriteCreate)
        for count in 1...Migration.all.count {
            try Migrator.migrate(connection, to: Array(Migration.all.prefix(count)), now: noon)
        }
        return connection
    }

    /// Every object in the order of its creation, as SQLite keeps its definition. SQLite makes its own objects itself.
    private static func script(of connection: Connection) throws -> String {
        let definitions = try connection.values(
            "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid",
            as: String.self)
        return
            "-- Schema \(Migration.all.count), as the migrations make it, for new databases. Written by SchemaTests.\n\n"
            + definitions.map { $0 + ";\n" }.joined(separator: "\n")
    }

    @Test func schemaOfANewDatabaseIsThatOfAllMigrations() throws {
        let (old, new) = (try TemporaryFolder(), try TemporaryFolder())
        // The last step alone would create the database from the script.
        try #require(Migration.all.count > 1)
        let grown = try Self.grown(in: old)
        let script = try Self.script(of: grown)
        if Self.isRenewing { try Data(script.utf8).write(to: Self.file) }
        try #require(
            script == Migration.schema,
            "Migrations/schema.sql is of other migrations: run SchemaTests with PIECES_RENEW_SNAPSHOTS=1"
        )
        let created = try new.connection()
        let objects =
            "SELECT type || ' ' || name || ' ' || tbl_name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY 1"
        #expect(
            try created.values(objects, as: String.self) == grown.values(objects, as: String.self))
        for name in try grown.values("SELECT name FROM sqlite_schema WHERE type = 'table'", as: String.self) {
            let count = "SELECT count(*) FROM \"\(name)\""
            #expect(try created.number(count) == grown.number(count), "\(name)")
        }
        let history = "SELECT number || name || checksum FROM schema_migration ORDER BY number"
        #expect(try created.values(history, as: String.self) == grown.values(history, as: String.self))
        for pragma in ["user_version", "application_id"] {
            #expect(try created.number("PRAGMA \(pragma)") == grown.number("PRAGMA \(pragma)"), "\(pragma)")
        }
    }
}
