import Engine
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// What a running engine says of itself in the database.
@Suite(.crowded) struct HeartbeatTests {
    @Test func openConnectionsAreListedInTheDatabase() async throws {
        let torrent = try SampleTorrent(length: 4 << 20, seed: 61)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent, [.slow(4)]) { peers in
                try await site.run(peers: [peers[0].address]) { _ in
                    try await eventually(
                        try
                            "a line for the connection: \(site.read { db throws(StoreError) in try db.live.peers(of: id) })"
                    ) {
                        let rows = try site.read { db throws(StoreError) in try db.live.peers(of: id) }
                        return rows.contains { row in
                            row.address == peers[0].address && !row.isIncoming && row.downloadRate > 0
                                && row.downloadedBytes > 0
                                && row.pieces == torrent.geometry.pieceCount
                                && row.flags == [.weChoke, .weAreInterested]
                        }
                    }
                }
            }
            #expect(try site.read { db throws(StoreError) in try db.live.peers(of: id) } == [])
        }
    }

    @Test func volumeOfThePayloadIsRecorded() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 62)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent, [.good]) { peers in
                try await site.download(id, from: peers)
            }
            let volumes = try site.read { db throws(StoreError) in try db.volumes.rows() }
            #expect(volumes.count == 1)
            #expect(volumes.first.map { site.output.string.hasPrefix($0.mountPath) && !$0.identity.isEmpty } == true)
            #expect(try site.row(id).volume == volumes.first?.id)
        }
    }
}
