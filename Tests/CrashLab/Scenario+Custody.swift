import Disk
import Glibc
import Store
import SystemPackage
import TestSupport
import Torrent

/// What an archive is put through while the power may go.
extension Scenario {
    static let custody = [scrub]

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
}

extension Scenario.Stage {
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
