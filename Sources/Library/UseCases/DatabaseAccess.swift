package import Recovery
package import Store
import System
package import SystemPackage
import Torrent

/// Opens the database at a path for a use case. A database that was lost is never replaced by a new one: a missing or
/// empty file beside backups is an error.
package struct DatabaseAccess {
    package let path: FilePath

    package init(_ path: FilePath) { self.path = path }

    /// Opens the database for reading; `nil` if there is none yet.
    package func toReadIfAny() throws -> Connection? {
        do throws(StoreError) {
            return try Connection.open(path, mode: .readOnly, now: .now())
        } catch {
            guard error.code == .notFound || !exists(path), error.code != .corrupt else { throw error }
            if let lost = lostDatabase() { throw lost }
            return nil
        }
    }

    /// Opens the existing database for reading.
    package func toRead() throws -> Connection {
        guard let connection = try toReadIfAny() else { throw noDatabase() }
        return connection
    }

    /// Opens the existing database for writing.
    package func toChange() throws -> Connection {
        try requireDatabase()
        return try Connection.open(path, mode: .readWrite, now: .now())
    }

    /// Opens the database for writing, and creates it with its folder if it doesn't exist.
    package func toAdd() throws -> Connection {
        try prepareToCreate()
        return try Connection.open(path, mode: .readWriteCreate, now: .now())
    }

    /// Opens the database like ``toAdd()`` for a caller that runs an engine itself. A damaged database is recovered
    /// first; `recovered` receives the report.
    package func toRun(recovered: (RecoveryReport) -> Void) throws -> Connection {
        try prepareToCreate(recovering: true)
        let damage: String
        do throws(StoreError) {
            if BackupFile.newest(ofLost: path) == nil {
                return try Connection.open(path, mode: .readWriteCreate, now: .now())
            }
            damage = "the file is empty"
        } catch {
            guard DatabaseRecovery.answers(error) else { throw error }
            damage = error.message
        }
        if let report = try recover(because: damage) { recovered(report) }
        return try Connection.open(path, mode: .readWriteCreate, now: .now())
    }

    /// Recovers the database, on which no engine may run. Returns `nil` if it was enough to finish an earlier recovery
    /// that was interrupted.
    package func recover(because damage: String) throws(StoreError) -> RecoveryReport? {
        let lock = try DatabaseLock.acquire(database: path, now: .now())
        defer { withExtendedLifetime(lock) {} }
        if try DatabaseRecovery.finishInterrupted(path) { return nil }
        return try DatabaseRecovery.recover(path, because: damage, now: .now())
    }

    /// Throws if there is no database, or only an empty file next to backups. `recovering` is for use cases that
    /// recover the database.
    package func requireDatabase(recovering: Bool = false) throws {
        if !recovering, let lost = lostDatabase() { throw lost }
        guard exists(path) || Replacement.isUnderWay(path) else { throw noDatabase() }
    }

    /// Prepares to create the database: creates the folder if it is missing, and throws instead of replacing a lost
    /// database with a new one. With `recovering`, an existing file is left to the engine, which recovers it at start.
    package func prepareToCreate(recovering: Bool = false) throws {
        if !recovering || !exists(path), let lost = lostDatabase() { throw lost }
        try makeFolder()
    }

    /// Creates the folder of the database and its missing parents, accessible only to this user.
    package func makeFolder() throws {
        let folder = path.removingLastComponent()
        if !folder.isEmpty, !exists(folder) { try NewFile.makeFolder(folder) }
    }

    /// Why there is nothing to read, in one sentence.
    package var absence: String {
        let name = path.text.printable
        return exists(path)
            ? "the database at \(name) is empty, probably because its creation was interrupted: run `pieces add`, `pieces download` or `pieces run` to finish it"
            : "there is no database at \(name) yet: `pieces add` or `pieces download` creates it"
    }

    private func noDatabase() -> Failure { lostDatabase() ?? Failure(absence) }

    /// The error if the database is missing or empty but has backups; `nil` otherwise.
    private func lostDatabase() -> Failure? {
        guard let backup = BackupFile.newest(ofLost: path) else { return nil }
        let name = path.text.printable
        return Failure(
            "\(exists(path) ? "the database at \(name) is empty" : "there is no database at \(name)"), but there is a backup from "
                + "\(Format.moment(backup.at)): restore it with `pieces database restore`, or move the backups "
                + "(\(backup.path.lastComponent?.text.printable ?? "") and older ones) to another folder to start a new database"
        )
    }

    /// Whether the file exists. If this user isn't allowed to look, it counts as existing.
    private func exists(_ path: FilePath) -> Bool { PathCalls.mayExist(path) }
}
