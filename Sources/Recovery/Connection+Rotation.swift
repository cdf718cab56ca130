package import Store
import SystemPackage
package import Torrent

extension Connection {
    /// Makes a backup beside the database if one is due, and removes excess ones. Returns the new backup, if one was
    /// made.
    ///
    /// Other connections keep reading and writing. The copy is checked before it gets its name: a damaged copy replaces
    /// nothing, and throws `corrupt`.
    @discardableResult
    package func rotateBackups(now: Timestamp) throws(StoreError) -> BackupFile? {
        let settings = try backupSettings()
        let known = try BackupFile.list(path)
        guard settings.count > 0, try isBackupDue(settings, since: known.first?.at, now: now) else { return nil }
        let target = BackupFile.name(path, at: now)
        guard !DatabaseFile.exists(target) else { return nil }
        try removeUnfinished()
        try backup(to: target)
        for old in known.dropFirst(settings.count - 1) {
            // The files that SQLite left beside a backup that was read are removed too.
            for rest in ["", "-wal", "-shm"] { try options.folder.remove(old.path.extended(by: rest)) }
        }
        return BackupFile(path: target, at: now)
    }

    /// Removes what is left of a backup whose process died. Only the engine makes backups, one at a time.
    private func removeUnfinished() throws(StoreError) {
        let folder = Folder.folder(of: path)
        for file in try BackupFile.names(path) where file.end.contains(text: ".unfinished") {
            try options.folder.remove(folder.appending(name: file.name))
        }
    }

    private func isBackupDue(_ settings: BackupSettings, since last: Timestamp?, now: Timestamp) throws(StoreError)
        -> Bool
    {
        let isEmpty: Bool = try value("SELECT NOT EXISTS (SELECT 1 FROM torrent)") ?? true
        guard !isEmpty else { return false }
        // A backup from the future was made by a wrong clock.
        guard let last, last <= now, now - last < settings.interval else { return true }
        guard now - last >= BackupSettings.earliest else { return false }
        let changes: Int? = try value(
            """
            SELECT count(*) FROM (SELECT at, kind FROM event ORDER BY id DESC LIMIT 1000) WHERE at > ? AND kind IN ('added', 'removed')
            """, last)
        return changes ?? 0 >= BackupSettings.changesThatMatter
    }
}
