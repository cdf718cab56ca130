import Engine
import Store
import Swarm
import SystemPackage
import TestSupport
import Testing
import Torrent

/// In which order pieces are asked for.
@Suite(.crowded) struct OrderTests {
    private static func firstAsked(_ peer: FakePeer) -> [Int] {
        var seen: Set<Int> = []
        return peer.requests.map(\.piece).filter { seen.insert($0).inserted }
    }

    @Test func sequentialDownloadRequestsPiecesInOrder() async throws {
        let torrent = try SampleTorrent(length: 2 << 20, seed: 41)
        try await withSite { site in
            let id = try site.add(torrent) { $0.isSequential = true }
            try await withPeers(torrent) { peers in
                try await site.download(id, from: peers)
                #expect(Self.firstAsked(peers[0]) == Array(0..<32))
            }
        }
    }

    @Test func standardDownloadRequestsPiecesOutOfOrder() async throws {
        let torrent = try SampleTorrent(length: 2 << 20, seed: 42)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in
                try await site.download(id, from: peers)
                #expect(Self.firstAsked(peers[0]) != Array(0..<32))
            }
        }
    }

    /// One peer has all, the others all but a few pieces: those few come first, once the first random pieces are there.
    @Test func rarestPiecesAreRequestedFirst() async throws {
        let torrent = try SampleTorrent(length: 64 * 16384, pieceLength: 16384, seed: 43)
        let rare: Set<Int> = [7, 30, 55]
        try await withSite { site in
            let id = try site.add(torrent)
            var common = Bitfield(fullCount: 64)
            for piece in rare { common.remove(PieceIndex(piece)) }
            // They tell what they have, and send nothing.
            let others = [
                try await FakePeer.start(torrent, .silent, have: common),
                try await FakePeer.start(torrent, .silent, have: common),
            ]
            let result = await Result {
                try await withPeers(torrent, [.slow(10)]) { peers in
                    try await site.run(peers: others.map(\.address)) { session in
                        try await eventually("the others to be known") {
                            await session.peers(of: id).map(\.havePieces) == [61, 61]
                        }
                        try site.tell(.connect, id, argument: "\(peers[0].address)")
                        try await site.untilComplete(id)
                    }
                    let order = Self.firstAsked(peers[0])
                    for piece in rare {
                        #expect((order.firstIndex(of: piece) ?? .max) < 20, "piece \(piece) in \(order)")
                    }
                }
            }
            for peer in others { await peer.stop() }
            try result.get()
        }
    }
}
