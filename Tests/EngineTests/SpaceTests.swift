import Disk
import Engine
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Space is planned before a download starts.
@Suite(.crowded) struct SpaceTests {
    // MARK: The rule

    @Test(
        arguments: [
            (100, 0, 0, 100, true), (100, 0, 0, 101, false), (100, 10, 0, 90, true), (100, 10, 0, 91, false),
            (100, 10, 50, 40, true), (100, 10, 50, 41, false), (5, 10, 0, 1, false), (5, 10, 0, 0, true),
        ] as [(Int64, Int64, Int64, Int64, Bool)])
    func downloadFitsIntoWhatIsFreeLessReserveAndPromises(
        free: Int64, reserve: Int64, promised: Int64, bytes: Int64, fits: Bool
    ) {
        let room = SpacePlan.Room(free: free, reserve: reserve, promised: promised)
        let sentence = room.shortage(of: bytes, in: "/srv")
        #expect((sentence == nil) == fits)
        if let sentence {
            #expect(sentence.contains("waits for space") && sentence.contains("/srv"))
            #expect(sentence.contains("reserve") == (reserve > 0) && sentence.contains("promised") == (promised > 0))
        }
    }

    // MARK: Real volumes

    private func fill(_ path: FilePath, leaving bytes: Int64) throws {
        let free = try #require(VolumeSpace(at: path)).freeBytes
        try Files.write([UInt8](repeating: 7, count: Int(free - bytes)), to: path.appending("filler"))
    }

    private func state(_ id: TorrentID, _ site: Site) throws -> TorrentState { try site.row(id).state }

    /// It waits without a file, says so, and starts by itself.
    @Test func torrentThatDoesNotFitWaitsAndStartsWhenThereIsRoom() async throws {
        let torrent = try SampleTorrent(folder: "large", [.init("a", 3 << 20), .init("b", 1 << 20)], seed: 601)
        let small = try SampleTorrent("small.bin", length: 300_000, seed: 602)
        try await withSite { site in
            try await withMountedMemory(at: site.output) {
                try fill(site.output, leaving: 2 << 20)
                let (id, other) = (try site.add(torrent), try site.add(small))
                try await withPeers(torrent) { peers in
                    try await withPeers(small) { more in
                        try await site.run(peers: (peers + more).map(\.address)) { _ in
                            try await eventually("it to wait") { try state(id, site) == .noSpace }
                            // What fits isn't held up.
                            try await site.untilComplete(other)
                            #expect(try Files.names(in: site.output) == ["filler", "small.bin"])
                            #expect(try site.row(id).error?.contains("4.00 MiB are missing") == true)
                            #expect(try site.events(.noSpace, of: id).count == 1)
                            try Files.remove(site.output.appending("filler"))
                            try await site.untilComplete(id)
                        }
                    }
                }
                #expect(torrent.faults(in: site.output) == [])
            }
        }
    }

    @Test func reserveOfTheVolumeStaysFree() async throws {
        let torrent = try SampleTorrent("file.bin", length: 1 << 20, seed: 603)
        try await withSite { site in
            try await withMountedMemory(at: site.output) {
                let id = try site.add(torrent)
                try await withPeers(torrent) { peers in
                    try await site.run(peers: peers.map(\.address)) {
                        $0.reserve = 1 << 40
                    } _: { _ in
                        try await eventually("it to wait") { try state(id, site) == .noSpace }
                        #expect(try site.row(id).error?.contains("in reserve") == true)
                        // The volume's own reserve goes before the setting.
                        let volume = try #require(Volume.holding(site.output))
                        try site.write { db throws(StoreError) in
                            let row = try db.volumes.save(
                                identity: volume.identity, mountPath: volume.mountPath, now: .now())
                            try db.volumes.setReserve(row, 1 << 20)
                        }
                        try await site.untilComplete(id)
                    }
                }
            }
        }
    }

    /// Two downloads that fit one by one, and not together: the second waits for the first, and then for room.
    @Test func activeDownloadsKeepTheirSpace() async throws {
        let (one, two) = (
            try SampleTorrent("one.bin", length: 3 << 20, seed: 604),
            try SampleTorrent("two.bin", length: 3 << 20, seed: 605)
        )
        try await withSite { site in
            try await withMountedMemory(at: site.output) {
                try fill(site.output, leaving: 4 << 20)
                let (first, second) = (try site.add(one), try site.add(two))
                try await withPeers(one, [.slow(20)]) { peers in
                    try await withPeers(two) { more in
                        try await site.run(peers: (peers + more).map(\.address)) { _ in
                            try await eventually("one to wait") {
                                try [first, second].contains { try state($0, site) == .noSpace }
                            }
                            #expect(try state(first, site) == .downloading || state(second, site) == .downloading)
                            let waiting = try state(first, site) == .noSpace ? first : second
                            #expect(try site.row(waiting).error?.contains("promised to other downloads") == true)
                            peers[0].behave(.good)
                            let active = waiting == first ? second : first
                            try await site.untilComplete(active)
                            #expect(try state(waiting, site) == .noSpace)
                            try Files.remove(site.output.appending("filler"))
                            try await site.untilComplete(waiting)
                        }
                    }
                }
            }
        }
    }

    /// Blocks that are reserved already aren't counted twice.
    @Test func allocatedBytesAreNotNeededAgain() async throws {
        let torrent = try SampleTorrent("full.bin", length: 3 << 20, seed: 606)
        try await withSite { site in
            try await withMountedMemory(at: site.output) {
                let id = try site.add(torrent) { $0.allocatesFull = true }
                try await withPeers(torrent, [.stopping(after: 20)]) { peers in
                    try await site.run(peers: peers.map(\.address)) { _ in
                        try await eventually("pieces") { try site.claimed(id, torrent).population >= 2 }
                    }
                    try fill(site.output, leaving: 64 << 10)
                    peers[0].behave(.good)
                    try await site.run(peers: peers.map(\.address)) { _ in try await site.untilComplete(id) }
                }
                #expect(torrent.faults(in: site.output) == [])
            }
        }
    }

    /// A folder that belongs on a volume isn't made where the volume isn't mounted.
    @Test func newTorrentWaitsForItsVolume() async throws {
        let known = try SampleTorrent("known.bin", length: 100_000, seed: 607)
        let torrent = try SampleTorrent("new.bin", length: 100_000, seed: 608)
        try await withSite { site in
            try await withMountedMemory(at: site.output) {
                let first = try site.add(known)
                try await withPeers(known) { peers in try await site.download(first, from: peers) }
                try unmountLazily(site.output)
                let id = try site.add(torrent)
                try await withPeers(torrent) { peers in
                    try await site.run(peers: peers.map(\.address)) { _ in
                        try await eventually("it to be offline") { try state(id, site) == .offline }
                        #expect(try site.row(id).error?.contains("not mounted") == true)
                        #expect(try Files.names(in: site.output) == [])
                    }
                }
            }
        }
    }
}
