package import Store

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
        if let seconds = try self.settings.value(BackupSettings.intervalKey).flatMap({ Int64($0) }),
            BackupSettings.intervals.contains(.seconds(seconds))
        {
            settings.interval = .seconds(seconds)
        }
        if let count = try self.settings.value(BackupSettings.countKey).flatMap({ Int($0) }),
            BackupSettings.counts.contains(count)
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
            try self.settings.set(BackupSettings.intervalKey, "\(settings.interval.components.seconds)")
            try self.settings.set(BackupSettings.countKey, "\(settings.count)")
        }
    }
}
