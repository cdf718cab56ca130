import Disk
import Glibc
import Library
import Store
import SystemPackage
import TestSupport
import Torrent

/// What an archive is put through while the power may go.
extension Scenario {
    static let custody = [scrub, takeover, renaming, move, copy]

    /// A bit turns over under a claim; a scrub finds it, and the piece is fetched, written, and read back.
    package static let scrub = Scenario(name: "a scrub and a repair") { seed in
        var random = SeededGenerator(scattered: seed)
        let files = (0..<5).map { n in SampleTorrent.File("\(n % 2)/file\(n)", 200_000 + random.next(300_000)) }
        return [
            CrashPart(
                try SampleTorrent(folder: "scrubbed", files, pieceLength: 65536, seed: seed),
                rotten: PieceIndex(random.next(15)))
        ]
    } act: { stage in
        try await stage.runUntilComplete()
        try stage.rot()
        stage.site.recording.mark()
        try await stage.scrub()
        guard try stage.site.connect().damage.rows(limit: 10).contains(where: { $0.state == .repaired }) else {
            throw CrashFault("the scrub has found nothing")
        }
    } recover: { stage in
        try await stage.scrub()
    }

    /// The payload of two torrents of which the database knows nothing is taken over from another client, whose claims
    /// are no proof: it is hashed, and nothing is downloaded.
    package static let takeover = Scenario(
        name: "an import",
        parts: { seed in
            try (0..<2).map { n in
                let files = (0..<4).map { SampleTorrent.File("of\(n)/file\($0)", 200_000) }
                return CrashPart(
                    try SampleTorrent(folder: "taken", files, pieceLength: 32768, seed: seed &* 2 &+ UInt64(n)))
            }
        }, removes: true
    ) { stage in
        try await stage.runUntilComplete()
        try stage.forget()
        stage.site.recording.mark()
        let requested = stage.requestCount
        try await stage.runUntilHashed(try stage.importAll())
        guard stage.requestCount == requested else { throw CrashFault("what was imported was downloaded") }
    } recover: { stage in
        try await stage.runUntilHashed(try stage.importAll())
        guard stage.requestCount == 0 else { throw CrashFault("what was imported was downloaded after a cut") }
    }
}

extension Scenario {
    /// A torrent's folder gets another name, then a file of it gets one in another folder: each file has both names
    /// until the database has the new one.
    package static let renaming = Scenario(name: "a renaming") { seed in
        var random = SeededGenerator(scattered: seed)
        let files = (0..<6).map { n in SampleTorrent.File("\(n % 2)/file\(n)", 30_000 + random.next(100_000)) }
        return [CrashPart(try SampleTorrent(folder: "named", files, pieceLength: 32768, seed: seed))]
    } act: { stage in
        try await stage.runUntilComplete()
        stage.site.recording.mark()
        let requested = stage.requestCount
        try await stage.rename(nil, to: "renamed")
        try await stage.rename("1/file1", to: "2/3/other")
        try await stage.runUntilComplete()
        guard stage.requestCount == requested else { throw CrashFault("what was renamed was downloaded") }
    } recover: { stage in
        _ = try await stage.site.library().continueMoves([]) { _ in }
        try await stage.runUntilComplete()
        guard stage.requestCount == 0 else { throw CrashFault("what was renamed was downloaded after a cut") }
    }
}

extension Scenario {
    /// To another folder of the file system, where the files get second names.
    package static let move = moving("a move", CrashSite.Tuning())
    /// To another folder, where the files are copied.
    package static let copy = moving("a move by copies", CrashSite.Tuning(hasLinks: false))

    private static func moving(_ name: String, _ tuning: CrashSite.Tuning) -> Scenario {
        Scenario(
            name: name,
            parts: { seed in
                var random = SeededGenerator(scattered: seed)
                let files = (0..<5).map { n in SampleTorrent.File("\(n % 2)/file\(n)", 30_000 + random.next(100_000)) }
                return [CrashPart(try SampleTorrent(folder: "moved", files, pieceLength: 32768, seed: seed))]
            }, tuning: tuning
        ) { stage in
            try await stage.runUntilComplete()
            stage.site.recording.mark()
            let requested = stage.requestCount
            try await stage.site.library().move(
                .torrents(.all), to: RecordedDisk.root.appending("elsewhere").string
            ) { _ in }
            try await stage.runUntilComplete()
            guard stage.requestCount == requested else { throw CrashFault("what was moved was downloaded") }
        } recover: { stage in
            _ = try await stage.site.library().continueMoves([]) { _ in }
            try await stage.runUntilComplete()
            guard stage.requestCount == 0 else { throw CrashFault("what was moved was downloaded after a cut") }
        }
    }
}

extension Scenario.Stage {
    fileprivate func rename(_ file: String?, to name: String) async throws {
        for id in ids { try await site.library().rename("\(id)", file: file, to: name) { _ in } }
    }

    /// Long after the payload was written: where a cut takes back a file's time, or the record of it, the file looks as
    /// if it were edited, and would be kept.
    fileprivate func rot() throws {
        site.recording.notePassingOfTime()
        let _: Int? = try site.connect().value("PRAGMA wal_checkpoint(TRUNCATE)")
        for part in parts {
            guard let rotten = part.rotten else { continue }
            let offset = part.torrent.geometry.offset(of: rotten) + 100
            for segment in part.torrent.metainfo.layout.segments(offset: offset, length: 1) {
                try site.recording.turnBit(
                    part.torrent.path(segment.file, in: site.output), at: Int(segment.fileOffset))
            }
        }
    }

    fileprivate var requestCount: Int { servers.reduce(0) { $0 + $1.requestedBlocks.count } }

    /// Removes the torrents, whose files stay, and lets time pass.
    fileprivate func forget() throws {
        let connection = try site.connect()
        for id in ids { try connection.torrents.remove(id, now: .now()) }
        site.recording.notePassingOfTime()
        let _: Int? = try connection.value("PRAGMA wal_checkpoint(TRUNCATE)")
    }

    /// Imports the torrents that aren't there, in one transaction, as `pieces import` does.
    fileprivate func importAll() throws -> [TorrentID] {
        let connection = try site.connect()
        return try connection.transaction { () throws(StoreError) in
            try parts.map { part throws(StoreError) in
                if let row = try connection.torrents.row(part.torrent.infoHash) { return row.id }
                let id = try connection.torrents.insert(
                    NewTorrent(
                        metainfo: part.torrent.metainfo,
                        output: RecordedDisk.root.appending(CrashSite.outputName).string),
                    now: .now())
                var new = NewImport(client: "transmission", source: "/state")
                new.claim = Bitfield(fullCount: part.torrent.geometry.pieceCount)
                try connection.imports.insert(id, new, TorrentPast(), now: .now())
                return id
            }
        }
    }

    fileprivate func runUntilHashed(_ ids: [TorrentID]) async throws {
        try await site.run(servers) { _ in
            try await site.untilComplete(ids)
            try await eventually("the import to be hashed") { try site.connect().imports.sum()?.unhashed == 0 }
        }
    }

    /// Scrubs everything once, until all damage is repaired.
    fileprivate func scrub() async throws {
        try await site.run(servers) { _ in
            let connection = try site.connect()
            var control = try connection.scrubs.control()
            // What was downloaded a moment ago is due, too.
            control.since = .now() + .seconds(2)
            try connection.scrubs.set(control)
            try connection.intents.append(.scrub, now: .now())
            try await eventually("the scrub to end", within: .seconds(30)) {
                try connection.scrubs.control().since == nil
            }
            try await eventually("the damage to be repaired", within: .seconds(30)) {
                try connection.damage.standing().isEmpty
            }
            try await site.untilComplete(ids)
        }
    }
}

extension Recording {
    /// A bit of a file turns over, durable at once, and the file looks as ever.
    fileprivate func turnBit(_ file: FilePath, at offset: Int) throws {
        let status = try Files.status(file)
        guard let node = node(FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))),
            let modified = modified(node)
        else { throw CrashFault("\(file) isn't known to the recording") }
        let byte = try Files.read(file, at: Int64(offset), count: 1)[0] ^ 0x10
        try Files.overwrite(file, at: Int64(offset), with: [byte])
        note(.write(node, offset: offset, bytes: [byte], at: modified))
        note(.syncFile(node, began: position, .payload))
    }
}
