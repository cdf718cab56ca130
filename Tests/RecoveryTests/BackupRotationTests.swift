import DatabaseLab
import Glibc
import Recovery
import Store
import SystemPackage
import Testing
import Torrent

/// The backups that a running engine keeps beside its database.
@Suite struct BackupRotationTests {
    private func times(_ folder: TemporaryFolder) throws -> [Duration] {
        try BackupFile.list(folder.database).map { $0.at - noon }
    }

    @Test func backupIsMadeDailyAndThreeAreKept() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        #expect(try db.rotateBackups(now: noon) == nil, "an empty database needs none")
        _ = try db.add()
        let reader = try folder.connection(.readOnly)
        try write(Array("half".utf8), to: folder.path.appending("pieces.db.backup-20231114T221320Z.unfinished"))
        for hours in 0..<100 { try reader.rotateBackups(now: noon + .seconds(hours * 3600)) }
        #expect(try times(folder) == [96, 72, 48].map { .seconds($0 * 3600) })
        for file in try BackupFile.list(folder.database) {
            #expect(try Connection.open(file.path, mode: .readOnly, now: noon).integrityFaults() == [])
        }
        #expect(names(in: folder.path).filter { $0.contains("unfinished") } == [])
        // What reading one left beside it goes with it.
        for hours in 100..<200 { try reader.rotateBackups(now: noon + .seconds(hours * 3600)) }
        let kept = Set(try BackupFile.list(folder.database).compactMap { $0.path.lastComponent?.string })
        #expect(kept.count == 3)
        #expect(Set(names(in: folder.path).filter { $0.contains(".backup-") }) == kept)
    }

    @Test(arguments: [
        ("60", "1", 60, 1), ("3600", "100", 3600, 100), ("59", "101", 86_400, 3), ("-1", "-1", 86_400, 3),
        ("x", "", 86_400, 3), ("", "0", 86_400, 0),
    ])
    func invalidSettingsFallBackToDefaults(interval: String, count: String, seconds: Int, kept: Int) throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        try db.settings.set(BackupSettings.intervalKey, interval)
        try db.settings.set(BackupSettings.countKey, count)
        #expect(try db.backupSettings() == BackupSettings(interval: .seconds(seconds), count: kept))
        _ = try db.add()
        for n in 0..<4 { try db.rotateBackups(now: noon + .seconds(n * seconds)) }
        #expect(try times(folder).count == min(kept, 4))
    }

    @Test func manyChangesBringTheBackupForward() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        _ = try db.add(seed: 100)
        #expect(try db.rotateBackups(now: noon + .seconds(1)) != nil)
        for n in 0..<9 {
            _ = try db.torrents.insert(
                NewTorrent(metainfo: try madeUp(seed: UInt64(n)), output: "/data"), now: noon + .seconds(5))
        }
        #expect(try db.rotateBackups(now: noon + .seconds(700)) == nil)
        _ = try db.torrents.insert(NewTorrent(metainfo: try madeUp(seed: 50), output: "/data"), now: noon + .seconds(5))
        #expect(try db.rotateBackups(now: noon + .seconds(300)) == nil, "not again within ten minutes")
        #expect(try db.rotateBackups(now: noon + .seconds(700)) != nil)
        #expect(try db.rotateBackups(now: noon + .seconds(2000)) == nil)
        // A clock that was set back makes one; the one from the future is the first to go.
        #expect(try db.rotateBackups(now: noon - 7200) != nil)
    }

    /// The copy has the damage, and the older backups stay.
    @Test func damagedDatabaseReplacesNoBackup() async throws {
        let folder = try TemporaryFolder()
        do {
            let db = try folder.connection()
            for n in 0..<60 { _ = try db.add(seed: UInt64(n)) }
            try db.rotateBackups(now: noon)
            try db.checkpoint()
        }
        var bytes = try read(folder.database)
        let middle = bytes.count / 8192 * 4096
        for n in middle..<middle + 4096 { bytes[n] = 0xa5 }
        try write(bytes, to: folder.database)
        let maintenance = try Maintenance(folder.database)
        let found = try await maintenance.check(now: noon)
        #expect(found != nil)
        let error = await #expect(throws: StoreError.self) {
            try await maintenance.rotateBackups(now: noon + .seconds(90_000))
        }
        #expect(error?.code == .corrupt)
        #expect(try times(folder) == [.zero])
        #expect(names(in: folder.path).filter { $0.contains("unfinished") } == [])
    }

    /// A backup and a check whose task is cancelled end: nothing of them is left, and the log can be emptied.
    @Test func cancelledMaintenanceEnds() async throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        for n in 0..<50 { _ = try db.add(seed: UInt64(n), files: 200) }
        let maintenance = try Maintenance(folder.database)
        let tasks = [
            Task { _ = try await maintenance.rotateBackups(now: noon) },
            Task { _ = try await maintenance.check(now: noon) },
        ]
        for task in tasks { task.cancel() }
        for task in tasks {
            let result = await task.result
            let error = #expect(throws: StoreError.self) { try result.get() }
            #expect(error?.code == .cancelled)
        }
        #expect(try BackupFile.list(folder.database).isEmpty)
        #expect(try db.checkpoint(), "nobody reads")
        #expect(try await maintenance.rotateBackups(now: noon) != nil, "the next one is made")
    }

    /// A backup is made while others write, and shows one moment.
    @Test func backupDoesNotBlockWriters() async throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        for n in 0..<50 { _ = try db.add(seed: UInt64(n), files: 200) }
        let maintenance = try Maintenance(folder.database)
        async let backup = maintenance.rotateBackups(now: noon)
        for n in 0..<50 { try db.settings.set("key \(n)", "value") }
        let file = try #require(try await backup)
        let copy = try Connection.open(file.path, mode: .readOnly, now: noon)
        #expect(try copy.torrents.rows().count == 50)
        #expect(
            try copy.settings.rows().map(\.key)
                == (try db.settings.rows().map(\.key).filter { key in try copy.settings.value(key) != nil }))
        #expect(try db.settings.rows().count == 50)
    }
}

extension Timestamp {
    fileprivate static func - (moment: Timestamp, seconds: Int64) -> Timestamp { Timestamp(moment.rawValue - seconds) }
}
