import Disk
import Engine
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// What is only unreachable is never downloaded again, and nothing is made in its place (law 3 of the design).
@Suite(.crowded) struct OfflineTests {
    private static let away = "away"

    @Test func folderMissingAtStartMakesTheTorrentOffline() async throws {
        try await withTracker { tracker in
            let torrent = try SampleTorrent(length: 2 << 20, seed: 81, trackers: [[tracker.url]])
            try await withSite { site in
                let id = try site.add(torrent)
                try await withPeers(torrent, [.stopping(after: 70)]) { peers in
                    try await site.run(peers: [peers[0].address]) { session in
                        try await eventually("the blocks to come") {
                            await session.snapshot(id)?.downloadedBytes == 70 * 16384
                        }
                    }
                    let claimed = try site.claimed(id, torrent)
                    let announces = tracker.announces.count
                    try Files.rename(site.output, to: site.folder.appending(Self.away))
                    peers[0].forget()
                    peers[0].behave(.good)
                    try await site.run(peers: [peers[0].address]) { _ in
                        try await eventually("the state to say so") { try site.row(id).state == .offline }
                        try await site.untilSettled()
                        let text = try site.row(id).error ?? ""
                        #expect(text.contains(site.output.string), "\(text)")
                        #expect(!Files.exists(site.output), "the folder was made again")
                        #expect(peers[0].connections == 0)
                        #expect(tracker.announces.count == announces)
                        #expect(try site.claimed(id, torrent) == claimed)

                        try Files.rename(site.folder.appending(Self.away), to: site.output)
                        try await site.untilComplete(id)
                    }
                    #expect(peers[0].servedBytes == torrent.content.count - 70 * 16384)
                }
                #expect(try site.events(.verified, of: id) == [])
                #expect(try site.events(.offline, of: id).count == 1)
                #expect(try site.events(.online, of: id).count == 1)
                #expect(torrent.faults(in: site.output) == [])
            }
        }
    }

    /// Stopped while it is away: what is claimed stays claimed.
    @Test func claimsSurviveRunsWithAMissingFolder() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 82)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in try await site.download(id, from: peers) }
            try Files.rename(site.output, to: site.folder.appending(Self.away))
            for _ in 0..<2 {
                try await site.run {
                    $0.scope = .only([id])
                } _: { _ in
                    try await eventually("the state to say so") { try site.row(id).state == .offline }
                }
                #expect(try site.row(id).state == .offline)
                #expect(try site.claimed(id, torrent).isFull)
                #expect(!Files.exists(site.output))
            }
            try Files.rename(site.folder.appending(Self.away), to: site.output)
            try await site.run {
                $0.scope = .only([id])
            } _: { session in
                try await eventually("the torrent to seed") { await session.snapshot(id)?.state == .seeding }
            }
            #expect(try site.events(.verified, of: id) == [])
        }
    }

    @Test func downloadResumesWhenTheFolderReturns() async throws {
        let torrent = try SampleTorrent(length: 4 << 20, seed: 83)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent, [.slow(20)]) { peers in
                try await site.run(peers: [peers[0].address]) { _ in
                    try await eventually("something to be recorded") { try site.claimed(id, torrent).population >= 4 }
                    let before = try site.claimed(id, torrent)
                    try Files.rename(site.output, to: site.folder.appending(Self.away))
                    try await eventually("the state to say so") { try site.row(id).state == .offline }
                    try await site.untilSettled()
                    #expect(!Files.exists(site.output), "the folder was made again")
                    let claimed = try site.claimed(id, torrent)
                    #expect(before.isSubset(of: claimed))
                    try Files.rename(site.folder.appending(Self.away), to: site.output)
                    peers[0].behave(.good)
                    try await site.untilComplete(id)
                    // What was claimed is believed; what was being written when it went away may be looked at.
                    for event in try site.events(.verified, of: id) {
                        let count = event.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? .max
                        #expect(count <= torrent.geometry.pieceCount - claimed.population, "\(event)")
                    }
                }
                // Nothing that was recorded comes again; of the rest, what was in flight at most.
                #expect(peers[0].servedBytes <= torrent.content.count + (1 << 20))
            }
            #expect(torrent.faults(in: site.output) == [])
        }
    }

    /// The folder of a seed goes away: nobody is told that it has nothing, and it serves when it is back.
    @Test func seedingResumesWhenTheFolderReturns() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 84)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in try await site.download(id, from: peers) }
            try await site.run { seeder in
                try Files.rename(site.output, to: site.folder.appending(Self.away))
                let address = await seeder.address
                try await withSite { leecher in
                    let other = try leecher.add(torrent)
                    try await leecher.run(peers: [address]) { _ in
                        try await eventually("the seed to be offline") { try site.row(id).state == .offline }
                        #expect(try site.claimed(id, torrent).isFull)
                        try Files.rename(site.folder.appending(Self.away), to: site.output)
                        try await leecher.untilComplete(other)
                    }
                }
            }
            #expect(try site.events(.verified, of: id) == [])
        }
    }

    /// Another folder stands in its place, as an empty mount point does.
    @Test func emptyFolderOnTheSameDiskIsDownloadedAgain() async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 200_000), .init("b", 200_000)], seed: 85)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in try await site.download(id, from: peers) }
            try Files.rename(site.output, to: site.folder.appending(Self.away))
            try Files.makeFolders(site.output)
            // The same disk: whoever deleted the files and left the folder wants them again.
            try await withPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address)) {
                    $0.scope = .only([id])
                } _: { _ in
                    try await eventually("all to be checked") { try site.events(.verified, of: id).count == 1 }
                    try await eventually("the files") { torrent.faults(in: site.output).isEmpty }
                    try await site.untilComplete(id)
                }
            }
        }
    }

    /// A folder of which nothing is heard, as of a server that is gone: its torrent waits for it, and no other does.
    @Test func hangingFolderDoesNotBlockOtherTorrents() async throws {
        let (stuck, other) = (
            try SampleTorrent(length: 100_000, seed: 83), try SampleTorrent("other", length: 300_000, seed: 84)
        )
        try await withSite { site in
            let server = site.folder.appending("server")
            try Files.makeFolders(server)
            _ = try site.write { db throws(StoreError) in
                try db.torrents.insert(NewTorrent(metainfo: stuck.metainfo, output: server.string), now: .now())
            }
            let id = try site.add(other)
            let calls = FaultyDisk()
            calls.set { $0.hangsAt = server }
            try await withPeers(other) { peers in
                let watch = Task {
                    let result = await Result { try await site.untilComplete(id) }
                    calls.mend()
                    try result.get()
                }
                try await site.run(peers: peers.map(\.address), disk: try Disk(calls: calls)) { _ in
                    try await watch.value
                }
            }
        }
    }
}
