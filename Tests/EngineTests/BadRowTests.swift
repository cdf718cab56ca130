import Engine
import Foundation
import Recovery
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// One bad row or torrent never stops the others: whatever a column holds, the torrent goes on or is in `error` with
/// its reason.
@Suite(.crowded) struct BadRowTests {
    private struct Column: Sendable {
        let table: String
        let name: String
        /// What it holds: an expression.
        let value: String
    }

    /// The tables that have rows of a torrent, as ``populate(_:_:)`` makes them.
    private static let tables = [
        "torrent", "metainfo", "file", "bitfield", "partial_piece", "peer", "tracker", "yielded", "live",
        "web_seed", "web_seed_file",
    ]
    /// The tables that only a torrent without metadata has rows in, as ``populateMagnet(_:_:)`` makes them.
    private static let magnetTables = ["magnet", "metadata_block"]
    private static let keys: Set = ["id", "torrent_id"]

    private static let garbage = ["'garbage'", "x'00'", "-1", "9000000000000000000"]

    /// Every column of these tables but the keys, from the schema, so that a new column is tried as well.
    private static let cases: [Column] = {
        do {
            return try (tables + magnetTables).flatMap { table in
                try names(of: table).flatMap { name in
                    garbage.map { value in
                        Column(table: table, name: name, value: name == "info_hash" ? "\(value) || torrent.id" : value)
                    }
                }
            }
        } catch {
            preconditionFailure("the schema can't be read: \(error)")
        }
    }()

    private static func names(of table: String) throws -> [String] {
        let path = FilePath(NSTemporaryDirectory()).appending("pieces-schema-\(UUID().uuidString).db")
        defer { for suffix in ["", "-wal", "-shm"] { unlink(path.string + suffix) } }
        let connection = try Connection.open(path, mode: .readWriteCreate, now: .now())
        let names = try connection.values("SELECT name FROM pragma_table_info(?)", table, as: String.self)
        return names.filter { !keys.contains($0) }
    }

    /// Torrents of one engine: fewer than download at once.
    private static let chunk = 45
    static let chunks = Array(stride(from: 0, to: cases.count, by: chunk))

    @Test(arguments: chunks) func badRowDoesNotStopOtherTorrents(start: Int) async throws {
        let cases = Self.cases[start..<min(start + Self.chunk, Self.cases.count)]
        let good = try SampleTorrent("good.bin", length: 300_000, seed: 1)
        try await withSite { site in
            let first = try site.add(good)
            var bad: [(id: TorrentID, column: Column)] = []
            for (n, column) in cases.enumerated() {
                let isMagnet = Self.magnetTables.contains(column.table)
                bad.append((try isMagnet ? populateMagnet(site, n) : populate(site, n), column))
            }
            try RawDatabase(path: site.database).writeAnything(
                bad.map { id, column in
                    let key = column.table == "torrent" ? "id" : "torrent_id"
                    return "UPDATE \(column.table) SET \(column.name) = \(column.value) WHERE \(key) = \(id)"
                })
            // The list is there before an engine has seen it.
            let listed = try site.read { db throws(StoreError) in
                var count = 0
                try db.status.forEachRow { (_) throws(StoreError) in count += 1 }
                return count
            }
            #expect(listed == bad.count + 1)
            try await withPeers(good) { peers in
                try await site.run(peers: [peers[0].address]) { session in
                    try await site.untilComplete(first)
                    var left: [TorrentID] = []
                    try await eventually(
                        "every torrent to be looked at, but \(bad.filter { left.contains($0.id) }.map { "\($0.column.table).\($0.column.name)=\($0.column.value)" })"
                    ) {
                        let awake = Set(await session.snapshots().map(\.id))
                        if let damage = await session.damage { throw TestFault("the engine ended: \(damage)") }
                        left = try site.read { db throws(StoreError) in try db.torrents.rows() }.filter { row in
                            !awake.contains(row.id) && !row.settings.isPaused && !row.isComplete
                                && (row.state != .error || row.error == nil)
                        }.map(\.id)
                        return left.isEmpty
                    }
                    #expect(await session.damage == nil)
                    // What is in error can still be removed.
                    let inError = Set(
                        try site.read { db throws(StoreError) in try db.torrents.rows() }.filter { $0.state == .error }
                            .map(
                                \.id))
                    for id in inError { try site.tell(.remove, id) }
                    try await eventually(
                        "the bad torrents to be removed, but \(bad.filter { left.contains($0.id) }.map { "\($0.column.table).\($0.column.name)=\($0.column.value)" })"
                    ) {
                        left = try site.read { db throws(StoreError) in try db.torrents.rows() }.map(\.id).filter {
                            inError.contains($0)
                        }
                        return left.isEmpty
                    }
                }
            }
            #expect(good.faults(in: site.output) == [])
        }
    }

    /// A torrent with a row in every table.
    private func populate(_ site: Site, _ number: Int) throws -> TorrentID {
        let torrent = try SampleTorrent(
            "bad \(number).bin", length: 200_000, seed: UInt64(number) + 100,
            trackers: [["http://127.0.0.1:1/announce"]])
        let id = try site.add(torrent)
        try site.write { db throws(StoreError) in
            var record = ProgressRecord(torrent: id, verifiedAt: .now())
            record.newPieces = [PieceIndex(0)]
            record.partials = [PartialPieceRow(piece: PieceIndex(1), blocks: [0x80])]
            record.files = [FingerprintRow(index: 0, FileFingerprint(size: 1, mtimeNs: 1, inode: 1, device: 1))]
            record.completedBytes = 65536
            try db.pieces.addWriteIntents(id, [PieceIndex(1)], now: .now())
            try db.queue.setTurn(id, 1)
            let webSeed = "http://127.0.0.1:1/"
            try db.webSeeds.add(torrent: id, urls: [webSeed])
            try db.webSeeds.save(
                [WebSeedFileRow(url: webSeed, index: 0, lacking: "gone", location: "http://127.0.0.1:1/x", at: .now())],
                of: id)
            try db.pieces.record([record])
            try db.peers.save(
                id, [PeerUpdate(address: PeerAddress(.v4(0x7f00_0001), port: 1), source: .tracker)], now: .now())
            try db.live.save([
                LiveRow(
                    torrent: id, downloadRate: 0, uploadRate: 0, peersConnected: 0, seeders: 0, leechers: 0,
                    timeLeft: nil, at: .now())
            ])
        }
        return id
    }

    /// A torrent that waits for its metadata, of which a block is here.
    private func populateMagnet(_ site: Site, _ number: Int) throws -> TorrentID {
        let id = try site.add(magnet: InfoHash(SHA1.hash(Array("bad \(number)".utf8))))
        try site.write { db throws(StoreError) in
            try db.magnets.save(
                id, size: 16385, index: 0, from: PeerAddress(.v4(0x7f00_0001), port: 1),
                [UInt8](repeating: 1, count: 16384))
        }
        return id
    }

    /// Rows of no torrent.
    @Test func badRowsOutsideTorrentsDoNotStopTheEngine() async throws {
        let good = try SampleTorrent("good.bin", length: 300_000, seed: 1)
        try await withSite { site in
            let id = try site.add(good)
            var statements: [String] = []
            for value in Self.garbage {
                for column in ["pid", "started_at", "heartbeat_at", "stopped_at", "clean", "version", "boot_id"] {
                    statements.append(
                        "INSERT INTO run (pid, started_at, heartbeat_at, version, boot_id) VALUES (1, 1, 1, 'x', 'x')")
                    statements.append("UPDATE run SET \(column) = \(value) WHERE id = (SELECT max(id) FROM run)")
                }
                for column in ["at", "torrent_id", "verb", "argument"] {
                    statements.append("INSERT INTO intent (at, verb) VALUES (1, 'changed')")
                    statements.append("UPDATE intent SET \(column) = \(value) WHERE id = (SELECT max(id) FROM intent)")
                }
                statements.append(
                    "INSERT INTO event (at, torrent_id, info_hash, kind, detail) VALUES (\(value), \(value), \(value), \(value), \(value))"
                )
                statements.append(
                    "INSERT INTO volume (identity, mount_path, last_seen) VALUES (\(value), \(value), \(value))")
            }
            for key in [BackupSettings.intervalKey, BackupSettings.countKey] {
                statements.append("INSERT INTO setting VALUES ('\(key)', 'garbage')")
            }
            try RawDatabase(path: site.database).writeAnything(statements)
            try await withPeers(good) { peers in
                try await site.run(peers: [peers[0].address]) { session in
                    try await site.untilComplete(id)
                    #expect(await session.damage == nil)
                }
            }
            #expect(
                try site.read { db throws(StoreError) in try db.events.rows(limit: 100) }.contains {
                    $0.kind == .completed
                })
        }
    }
}
