import DatabaseLab
import Migrations
import Store
import Testing
import Torrent

@Suite struct MigratorTests {
    /// One more than are released.
    private static let next = Migration(
        number: Migration.all.count + 1, name: "next",
        sql: "CREATE TABLE extra (x INTEGER) STRICT; INSERT INTO extra VALUES (1)")

    @Test func migrationsAreNumberedWithoutGaps() {
        #expect(Migration.all.map(\.number) == Array(1...Migration.all.count))
    }

    /// A released migration must never change: add another one.
    @Test func releasedMigrationsAreUnchanged() {
        #expect(Migration(number: 1, name: "x", sql: "").checksum == "cbf29ce484222325")
        #expect(Migration(number: 1, name: "x", sql: "foobar").checksum == "85944171f73967e8")
    }

    @Test func newDatabaseIsMigratedOnce() throws {
        let folder = try TemporaryFolder()
        let connection = try Connection(folder.database, mode: .readWriteCreate)
        #expect(try Migrator.migrate(connection, now: noon) == Migration.all.count)
        #expect(try Migrator.migrate(connection, now: noon) == 0)
        #expect(try connection.number("PRAGMA user_version") == Migration.all.count)
        #expect(try connection.number("PRAGMA application_id") == 0x5049_4543)
        #expect(try connection.number("SELECT applied_at FROM schema_migration WHERE number = 1") == Int(noon.rawValue))
        #expect(try connection.integrityFaults().isEmpty)
        try Migrator.requireCurrent(connection)
    }

    @Test func olderSchemaIsMigratedAndRejectedByReaders() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let newer = Migration.all + [Self.next]
        #expect(try failure { try Migrator.requireCurrent(connection, newer) }.code == .olderSchema)
        #expect(try Migrator.migrate(connection, to: newer, now: noon) == 1)
        #expect(try connection.number("SELECT x FROM extra") == 1)
    }

    @Test func newerSchemaIsRejectedAndUnchanged() throws {
        let folder = try TemporaryFolder()
        try Migrator.migrate(try folder.connection(), to: Migration.all + [Self.next], now: noon)
        let before = try read(folder.database)
        for mode in [Connection.Mode.readOnly, .readWrite, .readWriteCreate] {
            let error = try failure { _ = try folder.connection(mode) }
            #expect(error.code == .newerSchema)
            #expect(
                error.description.contains(
                    "schema \(Migration.all.count + 1); this program knows \(Migration.all.count)"))
        }
        #expect(try read(folder.database) == before)
    }

    @Test func changedMigrationIsRejected() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let changed =
            [Migration(number: 1, name: "initial", sql: Migration.all[0].sql + " ")] + Migration.all.dropFirst()
        #expect(try failure { try Migrator.migrate(connection, to: changed, now: noon) }.code == .changedMigration)
    }

    @Test func migrationHistoryWithAGapIsRejected() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        try connection.execute("DELETE FROM schema_migration")
        #expect(try failure { try Migrator.migrate(connection, now: noon) }.code == .corrupt)
    }

    @Test func failedMigrationLeavesTheOldSchema() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let broken = Migration(
            number: Migration.all.count + 1, name: "broken",
            sql: "CREATE TABLE half (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1)")
        #expect(throws: StoreError.self) { try Migrator.migrate(connection, to: Migration.all + [broken], now: noon) }
        #expect(try connection.number("PRAGMA user_version") == Migration.all.count)
        #expect(try connection.number("SELECT count(*) FROM sqlite_schema WHERE name = 'half'") == 0)
    }

    @Test func concurrentProgramsCreateOneDatabase() async throws {
        let folder = try TemporaryFolder()
        let path = folder.database
        try await withThrowingTaskGroup(of: Void.self) { group in
            for n in 0..<4 {
                group.addTask {
                    let store = try await Store.open(path, now: noon)
                    try await store.perform { connection throws(StoreError) in try connection.settings.set("\(n)", "x")
                    }
                    try await store.close()
                }
            }
            try await group.waitForAll()
        }
        #expect(try folder.connection().settings.rows().count == 4)
    }
}
