import Migrations
package import Store
import System
package import SystemPackage
package import Torrent

/// Makes a sound database out of a damaged one, and sets the damaged one aside.
///
/// The caller holds the engine's lock, and no connection of this process to the database is open. Rows come from the
/// damaged file, and missing ones from the newest sound backup. Afterwards no piece counts as present: all are
/// unverified until they are rechecked.
package enum DatabaseRecovery {
    /// Whether recovery can fix the error.
    package static func answers(_ error: StoreError) -> Bool {
        (error.code == .corrupt || error.code == .notADatabase) && error.torrent == nil
    }

    /// Recovers the database. Throws `notADatabase` and changes nothing when nothing shows that the file is ours.
    package static func recover(
        _ database: FilePath, because reason: String, options: DatabaseOptions = DatabaseOptions(), now: Timestamp
    ) throws(StoreError) -> RecoveryReport {
        let database = DatabaseFile.resolved(database)
        precondition(!Replacement.isUnderWay(database), "an interrupted replacement comes first")
        let new = Replacement.unfinished(database)
        let old = database.extended(by: ".old-backup")
        try removeDatabase(new, options)
        try removeDatabase(old, options)
        let backup = try soundBackup(of: database, into: old, options, now)
        let aside = Replacement.recovered.asideName(database, at: now)
        let work: Work
        do throws(StoreError) {
            work = try salvage(database, into: new, hasBackup: backup != nil, options, now)
        } catch {
            // The first error is the one that counts. Files that stay behind are removed by the next attempt.
            for suffix in ["", "-wal", "-shm"] {
                do { try PathCalls.removeFile(new.extended(by: suffix)) } catch {}
            }
            throw error
        }
        let report = try complete(new, work, reason, aside.path, (old, backup), options, now)
        try removeDatabase(old, options)
        try Replacement.recovered.perform(database, at: aside.moment, in: options.folder)
        return report
    }

    /// Resumes a replacement that a killed process left unfinished. The caller holds the engine's lock.
    @discardableResult
    package static func finishInterrupted(_ database: FilePath, options: DatabaseOptions = DatabaseOptions())
        throws(StoreError) -> Bool
    {
        try Replacement.finish(DatabaseFile.resolved(database), in: options.folder)
    }

    /// Replaces the database by a backup, and sets the database aside. All pieces of the backup become unverified.
    package static func restore(
        _ database: FilePath, from backup: FilePath, options: DatabaseOptions = DatabaseOptions(), now: Timestamp
    ) throws(StoreError) -> Restoration {
        let database = DatabaseFile.resolved(database)
        try Replacement.finish(database, in: options.folder)
        let new = Replacement.unfinished(database)
        try removeDatabase(new, options)
        try copy(backup, to: new, options)
        let (torrents, pieces) = try finishing(new, options, now) { (db) throws(StoreError) in
            let pieces = try db.unverifyEverything()
            let torrents =
                try db.torrents.count()
            try RecoveryNote.write(
                "the backup \(backup.text) was restored; \(pieces) pieces will be re-checked", in: db, now: now)
            return (torrents, pieces)
        }
        let aside = Replacement.restored.asideName(database, at: now)
        let isReplaced = DatabaseFile.exists(database)
        try Replacement.restored.perform(database, at: aside.moment, in: options.folder)
        return Restoration(setAside: isReplaced ? aside.path : nil, torrents: torrents, unverifiedPieces: pieces)
    }

    static func hasTorrents(_ db: Connection) throws(StoreError) -> Bool {
        try db.value("SELECT EXISTS (SELECT 1 FROM torrent)") ?? false
    }

    static func notOurs(_ database: FilePath) -> StoreError {
        StoreError(
            .notADatabase, path: database.text,
            "the file is not a database, and nothing in it shows that it was a pieces database: give the path of one; the file was not changed"
        )
    }

    // MARK: Steps

    /// What was found in the damaged file.
    private struct Work {
        let damaged: Set<String>
        let strays: Set<Int64>
        let sequences: [String: Int64]
    }

    private static func salvage(
        _ database: FilePath, into new: FilePath, hasBackup: Bool, _ options: DatabaseOptions, _ now: Timestamp
    ) throws(StoreError) -> Work {
        let pages = try DamagedPages(database)
        var tree = DamagedTree(pages)
        let schema = try DamagedSchema(pages, &tree)
        let fresh = try Connection(new, mode: .readWriteCreate, options: options)
        try Migrator.migrate(fresh, to: Array(Migration.all.prefix(schema.version)), now: now)
        try fresh.executeScript("PRAGMA foreign_keys=OFF")
        var salvage = try Salvage(into: fresh)
        try fresh.transaction { () throws(StoreError) in try salvage.run(&tree, schema) }
        let hasTorrents = try hasTorrents(fresh)
        guard schema.isOurs || hasBackup || hasTorrents else { throw notOurs(database) }
        return Work(damaged: salvage.damaged, strays: salvage.strays, sequences: salvage.sequences)
    }

    /// Brings the fresh database to the current schema, fills gaps from the backup, and marks all pieces as unverified.
    private static func complete(
        _ new: FilePath, _ work: Work, _ reason: String, _ aside: FilePath,
        _ old: (path: FilePath, backup: BackupFile?),
        _ options: DatabaseOptions, _ now: Timestamp
    ) throws(StoreError) -> RecoveryReport {
        try finishing(new, options, now) { (db) throws(StoreError) in
            try db.executeScript("PRAGMA foreign_keys=OFF")
            if old.backup != nil { try db.execute("ATTACH DATABASE ? AS old", OpenedPath(old.path)) }
            let report = try db.transaction { () throws(StoreError) in
                var merge = BackupMerge(db, damaged: work.damaged, hasBackup: old.backup != nil)
                let outcome = try merge.run(strays: work.strays, sequences: work.sequences)
                // The metainfos contain the file names, too.
                try db.paths.renew()
                try db.roots.rebuild()
                let pieces = try db.unverifyEverything()
                let report = RecoveryReport(
                    reason: reason, setAside: aside, backup: old.backup?.at, salvaged: outcome.salvaged.count,
                    fromBackup: outcome.fromBackup.count,
                    lost: outcome.lost, unverifiedPieces: pieces)
                try RecoveryNote.write(report.sentence, in: db, now: now)
                return report
            }
            if old.backup != nil { try db.executeScript("DETACH DATABASE old") }
            try db.executeScript("PRAGMA foreign_keys=ON")
            let faults = try db.integrityFaults(.indexes)
            guard faults.isEmpty else {
                throw db.fault(
                    .other,
                    "the recovered database is damaged (\(faults[0])): please report this, and restore a backup meanwhile"
                )
            }
            return report
        }
    }

    /// Runs `body` on a database that only this call has open. Afterwards the file is complete, without a log, and
    /// synced.
    private static func finishing<Value>(
        _ path: FilePath, _ options: DatabaseOptions, _ now: Timestamp, _ body: (Connection) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        let connection = try Connection.open(path, mode: .readWriteCreate, options: options, now: now)
        let value = try body(connection)
        try connection.checkpoint()
        return value
    }

    /// Copies the newest sound backup to `copy`, in the current schema; `nil` when there is none.
    private static func soundBackup(
        of database: FilePath, into copy: FilePath, _ options: DatabaseOptions, _ now: Timestamp
    ) throws(StoreError) -> BackupFile? {
        for backup in try BackupFile.list(database) {
            do throws(StoreError) {
                try removeDatabase(copy, options)
                try self.copy(backup.path, to: copy, options)
                _ = try Connection.open(copy, mode: .readWriteCreate, options: options, now: now)
                return backup
            } catch {
                // A backup that is damaged or another program's is skipped, because an older one may be sound. A full
                // disk is no reason to skip it.
                guard
                    answers(error)
                        || [.foreignDatabase, .newerSchema, .changedMigration, .cantOpen, .notFound].contains(
                            error.code)
                else {
                    throw error
                }
            }
        }
        return nil
    }

    private static func copy(_ backup: FilePath, to target: FilePath, _ options: DatabaseOptions) throws(StoreError) {
        try Connection(backup, mode: .readOnly, options: options).copy(to: target)
    }

    private static func removeDatabase(_ path: FilePath, _ options: DatabaseOptions) throws(StoreError) {
        for suffix in ["", "-wal", "-shm", "-journal"] { try options.folder.remove(path.extended(by: suffix)) }
    }
}
