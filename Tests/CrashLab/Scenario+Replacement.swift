import Disk
import Glibc
import Recovery
import Store
import SystemPackage
import TestSupport
import Torrent

/// The database itself is copied, replaced and mended, while the power may go.
extension Scenario {
    static let replacements = [backups, restore, mending]

    private static let pageSize = 4096

    @Sendable private static func pair(_ seed: UInt64) throws -> [CrashPart] {
        try (0..<2).map { n in
            CrashPart(
                try SampleTorrent(
                    folder: "copied\(n)", [.init("file", 300_000)], pieceLength: 32768, seed: seed &* 2 &+ UInt64(n)))
        }
    }

    /// Several, while another command writes: each is one moment, or isn't there.
    package static let backups = Scenario(name: "backups", parts: pair, mends: true) { stage in
        try await stage.runUntilComplete()
        stage.site.recording.mark()
        for n in 0..<4 {
            try stage.site.connect().settings.set("key \(n)", String(repeating: "value", count: 2000))
            let moment = Timestamp(1_772_373_912 + Int64(n))
            try stage.site.connect().backup(to: FilePath(stage.site.database.string + ".backup-" + moment.compact))
        }
        try await stage.runUntilComplete()
    }

    package static let restore = Scenario(name: "a restore", parts: pair, mends: true) { stage in
        try await stage.completeWithBackup()
        try stage.site.connect().settings.set("newer", "than the backup")
        stage.site.recording.mark()
        _ = try DatabaseRecovery.restore(
            stage.site.database, from: stage.backup, options: stage.site.options, now: .now())
        try await stage.runUntilComplete()
    }

    /// A page of the table of torrents is zeros, after a stop that wasn't clean, so that each start looks for damage:
    /// its rows come from the backup.
    package static let mending = Scenario(name: "a mending", parts: pair, mends: true) { stage in
        try await stage.completeWithBackup()
        let root = try stage.endUncleanly()
        try stage.site.recording.damage(stage.site.database, at: (root - 1) * pageSize, count: pageSize)
        stage.site.recording.mark()
        _ = try DatabaseRecovery.recover(
            stage.site.database, because: "a page is zeros", options: stage.site.options, now: .now())
        try await stage.runUntilComplete()
    }
}

extension Scenario.Stage {
    fileprivate var backup: FilePath { FilePath(site.database.string + ".backup-20260301T140512Z") }

    fileprivate func completeWithBackup() async throws {
        try await runUntilComplete()
        try site.connect().backup(to: backup)
    }

    /// Has the database say that the last engine was killed, and closes it; the page at which the table of torrents
    /// begins.
    fileprivate func endUncleanly() throws -> Int {
        let connection = try site.connect()
        if let run = try connection.runs.last() { try connection.runs.end(run.id, clean: false, now: .now()) }
        let root = try connection.value("SELECT rootpage FROM sqlite_schema WHERE name = 'torrent'", as: Int.self)
        guard let root else { throw CrashFault("there is no table of torrents") }
        return root
    }
}

extension Recording {
    /// Zeros in a file that nobody has open, durable at once: damage, and no write of the product's.
    fileprivate func damage(_ file: FilePath, at offset: Int, count: Int) throws {
        let status = try Files.status(file)
        guard let node = node(FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))) else {
            throw CrashFault("\(file) isn't known to the recording")
        }
        let zeros = [UInt8](repeating: 0, count: count)
        try Files.overwrite(file, at: Int64(offset), with: zeros)
        note(.write(node, offset: offset, bytes: zeros, at: Recording.now))
        note(.syncFile(node, began: position, .database))
    }
}
