import Disk
import Engine
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// An unmounted disk leaves an empty mount point: nothing is concluded from what is missing there, and nothing is
/// written there (law 3 of the design).
@Suite(.crowded) struct UnmountedTests {
    private func withDisk(_ body: (Site, MountPoint) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let site = Site(folder: folder)
            try await MountPoint.with(at: site.output) { point in try await body(site, point) }
        }
    }

    private func isOffline(_ id: TorrentID, _ site: Site) throws -> Bool { try site.row(id).state == .offline }

    @Test func completeTorrentIsOfflineUntilItsDiskReturns() async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 100_000), .init("b", 100_000)], seed: 401)
        try await withDisk { site, point in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in
                try await site.download(id, from: peers)
                peers[0].forget()
                try point.unmount()
                try await site.run(peers: peers.map(\.address)) {
                    $0.scope = .only([id])
                } _: { _ in
                    try await eventually("it to be offline") { try isOffline(id, site) }
                    try point.mount()
                    try await eventually("it to seed") { try site.row(id).state == .seeding }
                }
                #expect(peers[0].servedBytes == 0)
            }
            #expect(try site.claimed(id, torrent).isFull && site.events(.verified, of: id) == [])
            #expect(try point.litter == [])
        }
    }

    /// Torrents at rest without a tracker have no announce at which it would be found out.
    @Test func torrentsAtRestGoOfflineWithTheirVolume() async throws {
        let torrents = try (0..<12).map { try SampleTorrent("t\($0).bin", length: 50_000, seed: 410 + UInt64($0)) }
        try await withSite { site in
            try await LoopVolume.with(in: site.folder) { disk in
                try await disk.mounted(at: site.output) {
                    var ids: [TorrentID] = []
                    for torrent in torrents { ids.append(try site.add(torrent)) }
                    for torrent in torrents { try torrent.write(to: site.output) }
                    func untilAll(_ state: TorrentState) async throws {
                        try await eventually("all to be \(state)") {
                            try ids.allSatisfy { try site.row($0).state == state }
                        }
                    }
                    try await site.run { _ in try await untilAll(.seeding) }
                    try await site.run { session in
                        try await untilAll(.seeding)
                        try disk.unmount(site.output)
                        try await untilAll(.offline)
                        #expect(await session.snapshots().isEmpty, "no torrent had to be activated")
                        try disk.mount(at: site.output)
                        try await untilAll(.seeding)
                    }
                    // The disk goes while no engine runs.
                    try disk.unmount(site.output)
                    try await site.run { _ in
                        try await untilAll(.offline)
                        try disk.mount(at: site.output)
                        try await untilAll(.seeding)
                    }
                    for (id, torrent) in zip(ids, torrents) { #expect(try site.claimed(id, torrent).isFull) }
                }
            }
            #expect(try Files.names(in: site.output) == [])
        }
    }

    /// An empty mount point is proof only for the torrents whose folder it is: one whose folder is a link, which now
    /// leads to another disk, has its files.
    @Test func torrentInALinkedFolderStaysOnlineWithoutItsOldVolume() async throws {
        let (there, linked) = (
            try SampleTorrent("there.bin", length: 50_000, seed: 430),
            try SampleTorrent("linked.bin", length: 50_000, seed: 431)
        )
        try await withSite { site in
            let (output, link, other) = (site.output, site.folder.appending("link"), site.folder.appending("other"))
            try await LoopVolume.with(in: site.folder) { disk in
                try await disk.mounted(at: output) {
                    try Files.makeFolders(output.appending("data"))
                    try Files.link(link, to: output.appending("data"))
                    let (first, second) = (try site.add(there), try site.add(linked, in: link))
                    try there.write(to: output)
                    try linked.write(to: output.appending("data"))
                    func states() throws -> [TorrentState] { try [first, second].map { try site.row($0).state } }
                    try await site.run { _ in
                        try await eventually("both to seed") { try states() == [.seeding, .seeding] }
                    }
                    // Meanwhile the user moved the files to another disk, and the link with them.
                    try Files.makeFolders(other)
                    try linked.write(to: other)
                    try Files.remove(link)
                    try Files.link(link, to: other)
                    try await site.run { _ in
                        try await eventually("both to seed") { try states() == [.seeding, .seeding] }
                        #expect(try site.row(second).volume == site.row(first).volume, "it rests")
                        try disk.unmount(output)
                        try await eventually("the volume to be noted") {
                            try site.read { db throws(StoreError) in try db.volumes.rows() }.contains {
                                $0.offlineSince != nil
                            }
                        }
                        try await eventually("the first to be offline") { try states() == [.offline, .seeding] }
                        #expect(try site.row(first).error?.contains("is an empty folder") == true)
                        // Both were looked at in one round, in which the second found its files.
                        try await site.untilSettled()
                        #expect(try states() == [.offline, .seeding])
                        #expect(try site.events(.offline, of: second) == [])
                    }
                }
            }
        }
    }

    @Test func incompleteTorrentWritesNothingBelowTheMountPoint() async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 1 << 20), .init("b", 1 << 20)], seed: 402)
        try await withDisk { site, point in
            let id = try site.add(torrent)
            try await withPeers(torrent, [.stopping(after: 70)]) { peers in
                try await site.run(peers: peers.map(\.address)) { session in
                    try await eventually("the blocks to come") {
                        await session.snapshot(id)?.downloadedBytes == 70 * 16384
                    }
                }
                let claimed = try site.claimed(id, torrent)
                peers[0].forget()
                peers[0].behave(.good)
                try point.unmount()
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await eventually("it to be offline") { try isOffline(id, site) }
                    #expect(peers[0].connections == 0)
                    #expect(try site.claimed(id, torrent) == claimed)
                    try point.mount()
                    try await site.untilComplete(id)
                }
                #expect(peers[0].servedBytes == torrent.content.count - 70 * 16384)
            }
            #expect(try point.litter == [])
        }
    }

    /// A file that was deleted is forgotten, and with it the device that it was on: the volume still tells that the
    /// disk is away.
    @Test func torrentWithoutFingerprintsRemembersItsVolume() async throws {
        let torrent = try SampleTorrent(length: 300_000, seed: 403)
        try await withDisk { site, point in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in
                try await site.download(id, from: peers)
                try Files.remove(torrent.path(0, in: point.disk))
                try site.write { db throws(StoreError) in
                    try db.pieces.markDamaged(id, pieces: Array(torrent.geometry.pieces), files: [0], completedBytes: 0)
                }
                peers[0].forget()
                try point.unmount()
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await eventually("it to be offline") { try isOffline(id, site) }
                    #expect(peers[0].connections == 0)
                    try point.mount()
                    try await site.untilComplete(id)
                }
            }
            #expect(try point.litter == [])
            #expect(torrent.faults(in: point.disk) == [])
        }
    }

    /// The disk goes under a running download, as `umount --lazy` takes it: files that are opened from then on are
    /// looked for on the right disk only.
    @Test func unmountDuringADownloadWritesNothingBelow() async throws {
        let files = (0..<60).map { SampleTorrent.File("f\($0)", 65536) }
        let torrent = try SampleTorrent(folder: "sample", files, seed: 404)
        try await withDisk { site, point in
            let id = try site.add(torrent) { $0.isSequential = true }
            try await withPeers(torrent, [.slow(20)]) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await eventually("something to be recorded") { try site.claimed(id, torrent).population >= 4 }
                    try point.unmount()
                    try await eventually("it to be offline") { try isOffline(id, site) }
                    #expect(try point.litter == [])
                    peers[0].behave(.good)
                    try point.mount()
                    try await site.untilComplete(id)
                }
            }
            #expect(torrent.faults(in: point.disk) == [])
            #expect(try point.litter == [])
        }
    }

    /// The disk of a seed comes back with another number under a running engine: its files are all there, and it serves
    /// them.
    @Test func diskThatReturnsWithAnotherNumberIsServed() async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 100_000), .init("b", 100_000)], seed: 405)
        try await withDisk { site, point in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in try await site.download(id, from: peers) }
            let moved = site.folder.appending("moved")
            try Files.copy(point.disk, to: moved)
            try point.unmount()
            try await site.run {
                $0.scope = .only([id])
            } _: { session in
                try await eventually("it to be offline") { try isOffline(id, site) }
                try point.lead(to: moved)
                try await eventually("it to seed") { try site.row(id).state == .seeding }
                let address = await session.address
                try await withSite { leecher in
                    let other = try leecher.add(torrent)
                    try await leecher.run(peers: [address]) { _ in try await leecher.untilComplete(other) }
                }
            }
            #expect(try site.claimed(id, torrent).isFull)
            #expect(try point.litter == [])
        }
    }

    /// Who deletes the data of a torrent that can't be reached would forget files that are still there.
    @Test func removalWithDataKeepsAnUnreachableTorrent() async throws {
        let torrent = try SampleTorrent(length: 100_000, seed: 406)
        try await withDisk { site, point in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in try await site.download(id, from: peers) }
            try point.unmount()
            try await site.run { session in
                // Intents are acted on in their order.
                try site.tell(.removeData, id)
                try site.tell(.stop)
                await session.waitUntilEnd()
            }
            #expect(try site.row(id).piecesHave == torrent.geometry.pieceCount)
            #expect(torrent.faults(in: point.disk) == [])
        }
    }
}
