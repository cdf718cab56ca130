import Engine
import Recovery
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A database that was damaged is mended by the engine's start; what was on the disk is checked, and not downloaded
/// again.
@Suite(.crowded) struct EngineRecoveryTests {
    /// The page of a table's first page in the file, counted from 0.
    private func page(of table: String, _ site: Site) throws -> Int64 {
        let root = try site.write { db throws(StoreError) in
            try db.checkpoint()
            return try db.value("SELECT rootpage FROM sqlite_schema WHERE name = ?", table, as: Int64.self)
        }
        guard let root else { throw TestFault("there is no table \(table)") }
        return root - 1
    }

    private func damage(_ table: String, _ site: Site) throws {
        try Files.overwrite(
            site.database, at: try page(of: table, site) * 4096, with: [UInt8](repeating: 0xa5, count: 4096))
    }

    private func asides(_ site: Site) throws -> [String] {
        try Files.names(in: site.folder).filter { $0.contains(".damaged-") && !$0.hasSuffix("-wal") }
    }

    /// Complete, half-way, and one of which the torrent's own row is lost but for the backup.
    @Test(arguments: ["torrent", "bitfield", "metainfo", "file", "sqlite_schema"])
    func presentPiecesAreNotDownloadedAgainAfterRecovery(
        table: String
    ) async throws {
        let torrent = try SampleTorrent(length: 2 << 20, seed: 31)
        let half = try SampleTorrent("half.bin", length: 2 << 20, pieceLength: 16384, seed: 32)
        try await withSite { site in
            let (id, other) = (try site.add(torrent), try site.add(half))
            try await withPeers(torrent) { peers in
                try await withPeers(half, [.stopping(after: 64)]) { halfPeers in
                    // Each torrent knows its own peer.
                    try site.write { db throws(StoreError) in
                        for (id, peer) in [(id, peers[0]), (other, halfPeers[0])] {
                            try db.peers.save(id, [PeerUpdate(address: peer.address, source: .manual)], now: .now())
                        }
                    }
                    try await site.run { session in
                        try await site.untilComplete(id)
                        try await eventually("half of it to be recorded") {
                            try site.claimed(other, half).population >= 60
                        }
                    }
                    try site.write { db throws(StoreError) in
                        // As a run that was killed leaves it.
                        _ = try db.runs.begin(pid: 1, version: "x", bootID: "x", now: .now())
                        _ = try db.rotateBackups(now: .now())
                    }
                    let had = try site.claimed(other, half)
                    if table == "sqlite_schema" {
                        try site.write { db throws(StoreError) in _ = try db.checkpoint() }
                        try Files.overwrite(site.database, at: 0, with: [UInt8](repeating: 0, count: 4096))
                    } else {
                        try damage(table, site)
                    }
                    peers[0].forget()
                    halfPeers[0].forget()
                    halfPeers[0].behave(.good)
                    try await site.run { session in
                        #expect(session.opening.recovery?.lost == [])
                        for id in [id, other] { try await site.untilComplete(id) }
                    }
                    let log = try site.read { db throws(StoreError) in try db.events.rows(limit: 1000) }.map {
                        "\($0.torrent?.rawValue ?? 0) \($0.kind): \($0.detail)"
                    }
                    #expect(peers[0].servedBytes == 0, "\(log)")
                    #expect(halfPeers[0].served.filter { had[$0.piece] } == [], "\(log)")
                }
            }
            #expect(torrent.faults(in: site.output) == [] && half.faults(in: site.output) == [])
            #expect(try asides(site).count == 1)
            let events = try site.read { db throws(StoreError) in try db.events.rows(limit: 1000) }.filter {
                $0.kind == .recovered
            }
            #expect(events.count == 1)
            #expect(events.first?.detail.hasPrefix("the database was damaged (") == true)
            #expect(try site.events(.verified, of: id).count == 1)
            #expect(try site.read { db throws(StoreError) in try db.integrityFaults() } == [])
        }
    }

    /// Found while it runs: the engine comes to rest, and the next one mends it; nothing false is claimed in between.
    @Test func databaseDamageEndsTheRunAndTheNextRecovers() async throws {
        let torrent = try SampleTorrent(length: 4 << 20, seed: 33)
        try await withSite { site in
            let id = try site.add(torrent)
            // Enough that the table's first page isn't all of it.
            for n in 0..<40 {
                _ = try site.add(try SampleTorrent("other \(n).bin", length: 5, seed: UInt64(n))) { $0.isPaused = true }
            }
            try await withPeers(torrent, [.slow(40)]) { peers in
                try await site.run(peers: [peers[0].address]) { session in
                    try await eventually("pieces to come") { try site.claimed(id, torrent).population > 3 }
                    try damage("peer", site)
                    try damage("tracker", site)
                    try damage("torrent", site)
                    // SQLite has the pages in its memory until somebody else writes.
                    try await eventually("the damage to be found") {
                        do { try site.tell(.changed, id) } catch { return await session.damage != nil }
                        return await session.damage != nil
                    }
                    await session.waitUntilEnd()
                }
                peers[0].behave(.good)
                try await site.run(peers: [peers[0].address]) { session in
                    #expect(session.opening.recovery != nil)
                    #expect(torrent.geometry.pieceCount == 64)
                    try await site.untilComplete(id)
                }
            }
            #expect(torrent.faults(in: site.output) == [])
            #expect(try torrent.unfounded(site.claimed(id, torrent), in: site.output) == [])
        }
    }

    /// A backup is older than the disk: what it claims is looked at, what came after it is found, what has changed
    /// since isn't believed.
    @Test func piecesOfARestoredBackupAreChecked() async throws {
        let torrent = try SampleTorrent(length: 2 << 20, pieceLength: 16384, seed: 34)
        try await withSite { site in
            let id = try site.add(torrent)
            let backup = site.folder.appending("copy.db")
            try await withPeers(torrent, [.stopping(after: 64)]) { peers in
                try await site.run(peers: [peers[0].address]) { session in
                    try await eventually("half to come") { try site.claimed(id, torrent).population >= 60 }
                }
                try site.write { db throws(StoreError) in try db.backup(to: backup) }
                peers[0].behave(.good)
                try await site.run(peers: [peers[0].address]) { _ in try await site.untilComplete(id) }
                // A piece that the backup claims rots, and nothing shows it: the file has its old times.
                let path = torrent.path(0, in: site.output)
                let before = try Files.status(path)
                let rotten = try #require(
                    try Connection.open(backup, mode: .readOnly, now: .now()).pieces.have(of: id, count: 128).pieces
                        .first {
                            _ in true
                        })
                try Files.overwrite(path, at: torrent.geometry.offset(of: rotten), with: [1, 2, 3])
                try Files.setTimes(path, from: before)
                _ = try DatabaseRecovery.restore(site.database, from: backup, now: .now())
                #expect(try site.claimed(id, torrent).isEmpty)
                peers[0].forget()
                try await site.run(peers: [peers[0].address]) { _ in try await site.untilComplete(id) }
                #expect(peers[0].servedBytes == torrent.geometry.pieceLength, "the rotten piece alone")
            }
            #expect(torrent.faults(in: site.output) == [])
        }
    }
}
