import SystemPackage
import Torrent

/// A backup that a running engine keeps beside its database: `pieces.db.backup-20260301T140512Z`.
package struct BackupFile: Hashable, Sendable {
    package let path: FilePath
    /// The time of the state that the backup holds.
    package let at: Timestamp

    /// The backups of a database, newest first.
    package static func list(_ database: FilePath) throws(StoreError) -> [BackupFile] {
        let database = DatabaseFile.resolved(database)
        let folder = Folder.folder(of: database)
        return try names(database).compactMap { file in
            Timestamp(compact: file.end).map { BackupFile(path: folder.appending(name: file.name), at: $0) }
        }.sorted { $0.at > $1.at }
    }

    /// The newest backup of a lost database, whose file is missing or empty. `nil` when the database exists, or there
    /// is no backup.
    package static func newest(ofLost database: FilePath) -> BackupFile? {
        guard DatabaseFile.size(database) ?? 0 == 0, !DatabaseRecovery.isInterrupted(database) else { return nil }
        // A folder that is missing or unreadable has no usable backup.
        do { return try list(database).first } catch { return nil }
    }

    static func name(_ database: FilePath, at moment: Timestamp) -> FilePath {
        database.extended(by: ".backup-\(moment.compact)")
    }

    /// The names in the database's folder that are its own name followed by `.backup-` and more, and what follows.
    fileprivate static func names(_ database: FilePath) throws(StoreError) -> [(name: String, end: Substring)] {
        guard let name = database.lastComponent?.text else { return [] }
        let prefix = name + ".backup-"
        // Compared by bytes: `hasPrefix` would match another database's name that differs only in Unicode
        // normalization.
        return try Folder.names(beside: database).compactMap { file in
            file.utf8.starts(with: prefix.utf8)
                ? (file, file[file.utf8.index(file.startIndex, offsetBy: prefix.utf8.count)...]) : nil
        }
    }
}

/// When backups are made, and how many are kept.
package struct BackupSettings: Hashable, Sendable {
    /// Keys of the table `setting`: an interval in seconds, and a count. A count of 0 switches backups off.
    package static let intervalKey = "backup.interval"
    package static let countKey = "backup.keep"
    /// The most backups that can be kept.
    package static let countLimit = 100
    package static let counts = 0...countLimit
    /// From a minute to 52 weeks.
    package static let intervals = Duration.seconds(60)...Duration.seconds(52 * 7 * 86_400)
    /// The number of added or removed torrents after which a backup is made early, but no sooner after the last one
    /// than ``earliest``.
    static let changesThatMatter = 10
    static let earliest = Duration.seconds(600)

    package var interval: Duration
    package var count: Int

    package init(interval: Duration = .seconds(86_400), count: Int = 3) {
        self.interval = interval
        self.count = count
    }
}

extension Connection {
    /// The saved settings; an invalid value is replaced by the default.
    package func backupSettings() throws(StoreError) -> BackupSettings {
        var settings = BackupSettings()
        if let seconds = try setting(BackupSettings.intervalKey).flatMap({ Int64($0) }),
            BackupSettings.intervals.contains(.seconds(seconds))
        {
            settings.interval = .seconds(seconds)
        }
        if let count = try setting(BackupSettings.countKey).flatMap({ Int($0) }), BackupSettings.counts.contains(count)
        {
            settings.count = count
        }
        return settings
    }

    /// Saves both settings, each of which must be in its range.
    package func setBackupSettings(_ settings: BackupSettings) throws(StoreError) {
        precondition(
            BackupSettings.intervals.contains(settings.interval) && BackupSettings.counts.contains(settings.count),
            "checked by the caller")
        try transaction { () throws(StoreError) in
            try set(BackupSettings.intervalKey, "\(settings.interval.components.seconds)")
            try set(BackupSettings.countKey, "\(settings.count)")
        }
    }

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
        for file in try BackupFile.names(path) where file.end.contains(".unfinished") {
            try options.folder.remove(folder.appending(name: file.name))
        }
    }

    private func isBackupDue(_ settings: BackupSettings, since last: Timestamp?, now: Timestamp) throws(StoreError)
        -> Bool
    {
        let isEmpty =
            try first("SELECT NOT EXISTS (SELECT 1 FROM torrent)") { (row) throws(StoreError) in try row.next(Bool.self)
            } ?? true
        guard !isEmpty else { return false }
        // A backup from the future was made by a wrong clock.
        guard let last, last <= now, now - last < settings.interval else { return true }
        guard now - last >= BackupSettings.earliest else { return false }
        let changes = try first(
            """
            SELECT count(*) FROM (SELECT at, kind FROM event ORDER BY id DESC LIMIT 1000) WHERE at > ? AND kind IN ('added', 'removed')
            """, last
        ) { (row) throws(StoreError) in try row.next(Int.self) }
        return changes ?? 0 >= BackupSettings.changesThatMatter
    }
}
