import Disk
import Engine
import Store
import System
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A database that was restored on another machine believes nothing of its payload until that is found there.
@Suite(.crowded) struct OtherMachineTests {
    /// Writes the database as if another machine had used it last.
    private func pretendOtherMachine(_ site: Site) throws {
        try site.write { db throws(StoreError) in
            try db.settings.set("machine", "another")
            _ = try db.execute("UPDATE volume SET machine = 'another'")
        }
    }

    @Test func emptyFolderOfTheSameNameIsNotDeletedPayload() async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 200_000), .init("b", 100_000)], seed: 801)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in
                try await site.download(id, from: peers)
                peers[0].forget()
                try pretendOtherMachine(site)
                // The disk stayed behind; here there is an empty folder on a device with the same number.
                let away = site.folder.appending("away")
                try Files.rename(site.output, to: away)
                try Files.makeFolders(site.output)
                try await site.run(peers: peers.map(\.address)) {
                    $0.scope = .only([id])
                } _: { _ in
                    try await eventually("it to be offline") { try site.row(id).state == .offline }
                    try await site.untilSettled()
                    #expect(try site.claimed(id, torrent).isFull && Files.names(in: site.output) == [])
                    #expect(peers[0].servedBytes == 0)
                    // The disk arrives.
                    try Files.remove(site.output)
                    try Files.rename(away, to: site.output)
                    try await eventually("it to seed") { try site.row(id).state == .seeding }
                }
            }
            #expect(try site.events(.verified, of: id).isEmpty, "nothing had to be hashed")
            let rows = try site.read { db throws(StoreError) in try db.volumes.rows() }
            #expect(rows.allSatisfy { !$0.isForeign }, "\(rows)")
        }
    }

    /// One torrent that is found proves its volume, and the others come back without being activated.
    @Test func volumeThatIsFoundBringsItsTorrentsBack() async throws {
        let torrents = try (0..<20).map { try SampleTorrent("t\($0).bin", length: 100_000, seed: 810 + UInt64($0)) }
        try await withSite { site in
            var ids: [TorrentID] = []
            for torrent in torrents { ids.append(try site.add(torrent)) }
            for torrent in torrents { try torrent.write(to: site.output) }
            try await site.run { _ in for id in ids { try await site.untilComplete(id) } }
            try pretendOtherMachine(site)
            try await site.run { session in
                let states = try ids.map { try site.row($0).state }
                #expect(states.allSatisfy { $0 == .offline })
                // None has a tracker to wait for: the first look at the volume is theirs.
                for id in ids { try await eventually("\(id) to seed") { try site.row(id).state == .seeding } }
                #expect(await session.snapshots().count < ids.count)
            }
        }
    }
}
