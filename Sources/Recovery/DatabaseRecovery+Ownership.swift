import Migrations
import Store
import System
import SystemPackage
import Torrent

/// Recognizes the databases of this program, however damaged they are.
extension DatabaseRecovery {
    /// Throws if the file at the database's path never was one of our databases, so that no engine starts and nothing
    /// is created beside it. With `orWreck`, a file that is no database at all is accepted, because it may be a damaged
    /// one of ours.
    static func requireOurs(_ database: FilePath, orWreck: Bool, now: Timestamp) throws(StoreError) {
        let database = DatabaseFile.resolved(database)
        // Opening a pipe could block forever, and a missing file belongs to no program.
        do { guard try PathCalls.status(database).kind == .file else { return } } catch { return }
        do throws(StoreError) {
            _ = try Connection(database, mode: .readOnly)
        } catch {
            if error.code == .foreignDatabase { throw error }
            // Other errors are reported when the database is opened.
            guard answers(error), !orWreck else { return }
            let backups = try BackupFile.list(database)
            guard backups.isEmpty else { return }
            let isOurs = try showsOurs(database, now)
            guard !isOurs else { return }
            throw notOurs(database)
        }
    }

    /// Whether anything in a damaged file shows that it was one of our databases.
    private static func showsOurs(_ database: FilePath, _ now: Timestamp) throws(StoreError) -> Bool {
        let pages = try DamagedPages(database)
        var tree = DamagedTree(pages)
        let schema = try DamagedSchema(pages, &tree)
        if schema.isOurs { return true }
        let found = try Connection(inMemory: database)
        try Migrator.migrate(found, to: Array(Migration.all.prefix(schema.version)), now: now)
        try found.executeScript("PRAGMA foreign_keys=OFF")
        var salvage = try Salvage(into: found)
        try found.transaction { () throws(StoreError) in try salvage.run(&tree, schema) }
        return try hasTorrents(found)
    }
}
