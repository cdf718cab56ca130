package import Recovery
package import Store
package import SystemPackage
import Torrent

/// Maintains a database file: damage, backups and read access.
package struct DatabaseUpkeep {
    package let path: FilePath

    package init(_ path: FilePath) { self.path = path }

    // MARK: Damage

    /// Checks for damage and returns one sentence for each fault. `reads` receives the number of bytes to read.
    package func check(reads: (Int64) -> Void = { _ in }) throws(StoreError) -> [String] {
        do throws(StoreError) {
            let connection = try Connection.open(path, mode: .readOnly, now: .now())
            reads(connection.fileBytes)
            return try connection.integrityFaults()
        } catch {
            guard error.code == .corrupt else { throw error }
            return [error.message]
        }
    }

    /// Recovers a damaged database from its readable parts and the newest backup; returns `nil` if there was no damage.
    /// `finished` is called if an interrupted recovery was completed first.
    package func salvage(finished: () -> Void = {}) throws(StoreError) -> RecoveryReport? {
        let lock = try DatabaseLock.acquire(database: path, now: .now())
        defer { withExtendedLifetime(lock) {} }
        if try DatabaseRecovery.finishInterrupted(path) { finished() }
        guard let damage = try firstDamage() else { return nil }
        return try DatabaseRecovery.recover(path, because: damage, now: .now())
    }

    private func firstDamage() throws(StoreError) -> String? {
        if BackupFile.newest(ofLost: path) != nil { return "the file is empty" }
        do throws(StoreError) {
            return try Connection.open(path, mode: .readWrite, now: .now()).integrityFaults().first
        } catch {
            guard DatabaseRecovery.answers(error) else { throw error }
            return error.message
        }
    }

    // MARK: Backups

    /// Writes a consistent snapshot of the database to `file`.
    package func backUp(to file: FilePath) throws {
        do throws(StoreError) {
            try Connection.open(path, mode: .readOnly, now: .now()).backup(to: file)
        } catch {
            guard error.code == .corrupt else { throw error }
            throw Failure("\(error)", .damaged)
        }
    }

    /// The backups next to the database, newest first.
    package func backups() throws(StoreError) -> [BackupFile] { try BackupFile.list(path) }

    /// The result of restoring a backup.
    package struct Restored {
        package let backup: FilePath
        package let restoration: Restoration
    }

    /// Replaces the database with a backup; without `file`, with the newest automatic backup.
    package func restore(from file: FilePath?) throws -> Restored {
        let lock = try DatabaseLock.acquire(database: path, replacing: true, now: .now())
        defer { withExtendedLifetime(lock) {} }
        let backup = try file ?? newestBackup()
        do throws(StoreError) {
            return Restored(backup: backup, restoration: try DatabaseRecovery.restore(path, from: backup, now: .now()))
        } catch {
            guard DatabaseRecovery.answers(error) else { throw error }
            throw Failure("\(backup.text) is not a usable backup: \(error)", .damaged)
        }
    }

    private func newestBackup() throws -> FilePath {
        guard let newest = try backups().first else {
            throw Failure("there is no backup beside \(path.text): give the file to restore")
        }
        return newest.path
    }

    // MARK: Sharing

    /// The users who can read the database.
    package enum Readers {
        /// Only the owner; `nil` if the owner has no name.
        case owner(String?)
        case everyUser
        /// The members of a group, unless a folder above the database keeps them out.
        case group(String, obstacle: FilePath?)
    }

    package var readers: Readers {
        switch DatabaseSharing.readers(of: path) {
        case .ownerAlone: return .owner(owner)
        case .everyUser: return .everyUser
        case .group(let id):
            let group = DatabaseSharing.Group(id: id)
            return .group(group.name, obstacle: DatabaseSharing.obstacle(on: path, to: group))
        }
    }

    /// The name of the database's owner.
    package var owner: String? { DatabaseSharing.owner(of: path) }

    /// Lets the group read the database and enter the program's own folder.
    package func share(with name: String, opening folder: FilePath?) throws {
        guard let known = DatabaseSharing.Group(name) else {
            throw Failure("there is no group “\(name.printable)” on this machine: `getent group` lists them")
        }
        try DatabaseSharing.share(path, with: known)
        if let folder { try DatabaseSharing.open(folder: folder, to: known) }
    }

    /// Restricts read access to the owner.
    package func unshare(closing folder: FilePath?) throws(StoreError) {
        try DatabaseSharing.unshare(path)
        if let folder { try DatabaseSharing.open(folder: folder, to: nil) }
    }
}

/// The backup settings of a running engine.
extension Library {
    package func backupSettings() throws(StoreError) -> BackupSettings { try connection.backupSettings() }

    /// Changes the given settings and keeps the others.
    package func setBackups(every interval: Duration?, keep count: Int?) throws(StoreError) {
        try connection.transaction { () throws(StoreError) in
            var settings = try connection.backupSettings()
            if let interval { settings.interval = interval }
            if let count { settings.count = count }
            try connection.setBackupSettings(settings)
        }
    }
}
