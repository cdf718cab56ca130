import Engine
import Store
import Swarm
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Files that are not wanted, and pieces that lie across their borders.
@Suite(.crowded) struct SelectionTests {
    /// Three files; the first and the last piece of the second are shared with its neighbours.
    private static func torrent() throws -> SampleTorrent {
        try SampleTorrent(
            folder: "sample", [.init("first", 200_000), .init("second", 200_000), .init("sub/third", 200_000)], seed: 31
        )
    }

    @Test func skippedFilesAreNotCreated() async throws {
        let torrent = try Self.torrent()
        try await withSite { site in
            let id = try site.add(torrent, wanted: [false, true, false])
            try await withPeers(torrent) { peers in
                try await site.download(id, from: peers)
                #expect(peers[0].servedBytes <= 200_000 + 2 * 65536)
            }
            #expect(torrent.faults(in: site.output, wanted: [1]) == [])
            #expect(try site.row(id).completedBytes == 200_000)
            // The neighbours' bytes are kept aside, out of sight.
            #expect(try Files.names(in: site.output) == [".\(torrent.infoHash).parts", "sample"])
            #expect(try Files.names(in: site.output.appending("sample")) == ["second"])
        }
    }

    @Test(arguments: [true, false]) func fileSelectedLaterIsDownloaded(isRunning: Bool) async throws {
        let torrent = try Self.torrent()
        try await withSite { site in
            let id = try site.add(torrent, wanted: [false, true, false])
            try await withPeers(torrent) { peers in
                if isRunning {
                    try await site.run(peers: peers.map(\.address)) { _ in
                        try await site.untilComplete(id)
                        try site.select(id, torrent, [false, true, true])
                        try site.tell(.changed, id)
                        try await eventually("the third file") {
                            torrent.faults(in: site.output, wanted: [1, 2]).isEmpty
                        }
                        try await site.untilComplete(id)
                    }
                } else {
                    try await site.download(id, from: peers)
                    try site.select(id, torrent, [false, true, true])
                    try await site.download(id, from: peers)
                }
                #expect(torrent.faults(in: site.output, wanted: [1, 2]) == [])
                #expect(try site.row(id).completedBytes == 400_000)
                // What was kept aside of it needn't come again.
                #expect(Set(peers[0].served).count == peers[0].served.count)
            }
            #expect(try site.events(.verified, of: id) == [])
        }
    }

    /// The files were being put in their places when the engine died: what is there isn't what the part file has.
    @Test func interruptedPromotionIsRepeated() async throws {
        let torrent = try Self.torrent()
        try await withSite { site in
            let id = try site.add(torrent, wanted: [false, true, false])
            try await withPeers(torrent) { peers in
                try await site.download(id, from: peers)
                try site.select(id, torrent, [true, true, true])
                try site.write { db throws(StoreError) in try db.files.announce(id, [0, 2]) }
                try Files.write(Array(repeating: 0, count: 200_000), to: torrent.path(0, in: site.output))
                try Files.makeFolders(torrent.path(2, in: site.output).removingLastComponent())
                try Files.write([1, 2, 3], to: torrent.path(2, in: site.output))
                try await site.download(id, from: peers)
                #expect(Set(peers[0].served).count == peers[0].served.count)
            }
            #expect(torrent.faults(in: site.output) == [])
        }
    }

    @Test func selectingAllFilesDownloadsTheRest() async throws {
        let torrent = try Self.torrent()
        try await withSite { site in
            let id = try site.add(torrent, wanted: [false, true, false])
            try await withPeers(torrent) { peers in
                try await site.download(id, from: peers)
                try site.select(id, torrent, [true, true, true])
                try await site.download(id, from: peers)
                #expect(Set(peers[0].served).count == peers[0].served.count)
            }
            #expect(torrent.faults(in: site.output) == [])
            #expect(try site.claimed(id, torrent).isFull)
            // And the whole of it can be served: nothing is hashed, and nothing is asked for.
            try await withPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await site.untilSettled()
                    #expect(peers[0].requests.isEmpty)
                }
            }
            #expect(try site.events(.verified, of: id) == [])
        }
    }

    @Test func deselectedFileIsNotDownloaded() async throws {
        let torrent = try SampleTorrent(
            folder: "sample", [.init("first", 500_000), .init("second", 3_000_000)], seed: 33)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent, [.slow(15)]) { peers in
                try await site.run(peers: peers.map(\.address)) { session in
                    try await eventually("the download to begin") {
                        await session.snapshot(id).map { $0.have.population > 0 } ?? false
                    }
                    try site.select(id, torrent, [true, false])
                    try site.tell(.changed, id)
                    try await site.untilComplete(id)
                }
                #expect(peers[0].servedBytes < 2_500_000)
            }
            // What is there of the other stays where it is.
            #expect(torrent.faults(in: site.output).allSatisfy { $0.hasPrefix("sample/second") })
        }
    }

    /// The file lies wholly in pieces that are there already.
    @Test(arguments: [true, false]) func smallFileIsPromotedFromPresentPieces(isRunning: Bool) async throws {
        let torrent = try SampleTorrent(
            folder: "sample", [.init("first", 1000), .init("second", 64536), .init("third", 100_000)], seed: 34)
        try await withSite { site in
            let id = try site.add(torrent, wanted: [false, true, true])
            try await withPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await site.untilComplete(id)
                    guard isRunning else { return }
                    try site.select(id, torrent, [true, true, true])
                    try site.tell(.changed, id)
                    try await eventually("the first file") { torrent.faults(in: site.output).isEmpty }
                }
                if !isRunning { try site.select(id, torrent, [true, true, true]) }
            }
            try await site.run {
                $0.scope = .only([id])
            } _: { session in
                try await eventually("the torrent to seed") { await session.snapshot(id)?.state == .seeding }
            }
            #expect(torrent.faults(in: site.output) == [])
            #expect(try site.events(.verified, of: id) == [])
        }
    }

    /// Pad files are neither requested nor written, whoever has them wanted.
    @Test func padFilesAreNeitherRequestedNorWritten() async throws {
        let torrent = try SampleTorrent(
            folder: "sample", [.init("a", 1000), .pad(65536 * 2 - 1000), .init("b", 65536)], seed: 32)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in
                try await site.download(id, from: peers)
                #expect(!peers[0].requests.contains { $0.piece == 1 }, "a piece of nothing but padding")
            }
            #expect(torrent.faults(in: site.output) == [])
            #expect(try Files.names(in: site.output.appending("sample")) == ["a", "b"])
        }
    }

    /// Pieces of nothing but padding are had by nature: they are recorded with the others, and who has the rest has
    /// all, as peers see it.
    @Test func paddingPiecesArePresentFromTheStart() async throws {
        let torrent = try SampleTorrent(
            folder: "sample", [.init("a", 1000), .pad(65536 * 3 - 1000), .init("b", 65536), .pad(65536 + 5)], seed: 35)
        try await withSite { one in
            try await withSite { two in
                let ids = (try one.add(torrent), try two.add(torrent))
                try await withPeers(torrent) { peers in try await one.download(ids.0, from: peers) }
                let row = try one.row(ids.0)
                #expect(row.piecesHave == 6 && row.pieceCount == 6)
                try await one.run { session in
                    try await two.run(peers: [await session.address]) { other in
                        try await eventually("a seed to be seen") {
                            await other.peers(of: ids.1).contains(where: \.isSeed)
                        }
                        try await two.untilComplete(ids.1)
                        try await eventually("all to be recorded") { try two.claimed(ids.1, torrent).isFull }
                    }
                }
                #expect(torrent.faults(in: two.output) == [])
                // Nothing is looked at for it, now or later.
                for (site, id) in [(one, ids.0), (two, ids.1)] { #expect(try site.events(.verified, of: id) == []) }
            }
        }
    }
}

extension Site {
    /// What `pieces select` writes.
    func select(_ id: TorrentID, _ torrent: SampleTorrent, _ wanted: [Bool]) throws {
        let geometry = torrent.geometry
        try write { db throws(StoreError) in
            let have = try db.pieces.have(of: id, count: geometry.pieceCount)
            guard let selection = FileSelection(layout: torrent.metainfo.layout, wanted: wanted) else { return }
            try db.torrents.setSelection(
                id, wanted: wanted, wantedBytes: selection.wantedBytes,
                completedBytes: selection.bytes(in: have, geometry: geometry))
        }
    }
}
