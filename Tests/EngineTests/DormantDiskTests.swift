import Disk
import Engine
import Store
import Swarm
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Nobody is told of a sleeping seed whose disk is away: its state says why, and it sleeps on until the disk is back
/// (laws 3 and 5 of the design).
@Suite(.crowded) struct DormantDiskTests {
    /// Torrents whose files are there, on the volume that the database has them on.
    private func seeds(_ count: Int, at site: Site, _ tracker: FakeTracker) throws -> [TorrentID] {
        let torrents = try (0..<count).map {
            try SampleTorrent("seed-\($0).bin", length: 20_000, seed: 700 + UInt64($0), trackers: [[tracker.url]])
        }
        let ids = try site.addComplete(torrents)
        try place(ids, at: site, on: try #require(Volume.holding(site.output)?.identity))
        return ids
    }

    private func place(_ ids: [TorrentID], at site: Site, on volume: String) throws {
        try site.write { db throws(StoreError) in
            for id in ids {
                try db.volumes.place(id, on: VolumeSighting(identity: volume, mountPath: "/"), now: .now())
            }
        }
    }

    private func takeAway(_ site: Site) throws { try Files.rename(site.output, to: site.folder.appending("away")) }

    private func bringBack(_ site: Site) throws { try Files.rename(site.folder.appending("away"), to: site.output) }

    private func areOffline(_ ids: [TorrentID], _ site: Site) throws -> Bool {
        try ids.allSatisfy { try site.row($0).state == .offline }
    }

    @Test func torrentOnAMissingDiskIsNotAnnounced() async throws {
        try await withTracker { tracker in
            try await withSite { site in
                let ids = try seeds(2, at: site, tracker)
                try takeAway(site)
                let begin = Timestamp.now()
                for _ in 0..<2 {
                    try await site.run { session in
                        try await eventually("the states to say so") { try areOffline(ids, site) }
                        #expect(await session.snapshots().isEmpty)
                    }
                }
                for id in ids {
                    #expect(try site.row(id).error?.contains(site.output.string) == true)
                    #expect(try site.events(.offline, of: id).count == 1)
                }
                // It is looked at again in five minutes, not in each second.
                #expect(
                    try site.trackers(ids).joined().allSatisfy {
                        try #require($0.nextAnnounceAt) >= begin + .seconds(300)
                    })
                #expect(tracker.events == [] && !Files.exists(site.output))
            }
        }
    }

    @Test func torrentIsAnnouncedWhenItsDiskReturns() async throws {
        try await withTracker { tracker in
            try await withSite { site in
                let ids = try seeds(2, at: site, tracker)
                try takeAway(site)
                try await site.run { session in
                    try await eventually("the states to say so") { try areOffline(ids, site) }
                    try bringBack(site)
                    try site.letTimePass(for: ids)
                    try await eventually("both to be announced and to seed") {
                        try site.letTimePass(for: ids)
                        return try tracker.announces.count >= 2 && ids.allSatisfy { try site.row($0).state == .seeding }
                    }
                    #expect(await session.snapshots().isEmpty)
                }
                for id in ids {
                    #expect(try site.row(id).error == nil)
                    #expect(try site.events(.online, of: id).count == 1 && site.events(.verified, of: id) == [])
                }
            }
        }
    }

    @Test func missingDiskActivatesNoTorrent() async throws {
        try await withTracker { tracker in
            try await withSite { site in
                let ids = try seeds(150, at: site, tracker)
                try takeAway(site)
                try await site.run { session in
                    try await eventually("the states to say so") {
                        #expect(await session.snapshots().isEmpty)
                        return try areOffline(ids, site)
                    }
                    #expect(await session.snapshots().isEmpty)
                }
                #expect(tracker.events == [])
            }
        }
    }

    /// An empty mount point: awake a torrent finds out that its files aren't there, and sleeps again.
    @Test func torrentsOnAnotherVolumeStayOffline() async throws {
        try await withTracker { tracker in
            try await withSite { site in
                let ids = try seeds(5, at: site, tracker)
                let volume = try #require(Volume.holding(site.output)?.identity)
                try site.write { db throws(StoreError) in
                    for id in ids {
                        var record = ProgressRecord(torrent: id, verifiedAt: .now())
                        record.files = [
                            FingerprintRow(index: 0, FileFingerprint(size: 20_000, mtimeNs: 1, inode: 1, device: .max))
                        ]
                        _ = try db.pieces.record([record])
                    }
                }
                try place(ids, at: site, on: "another")
                try takeAway(site)
                try Files.makeFolders(site.output)
                try await site.run { session in
                    func areLeftAlone(since moment: Timestamp) async throws -> Bool {
                        let isPutOff = try site.trackers(ids).joined().allSatisfy {
                            ($0.nextAnnounceAt ?? moment) >= moment + .seconds(300)
                        }
                        let awake = await session.snapshots().count
                        let underWay = await session.announces.count
                        return isPutOff && awake + underWay == 0
                    }
                    let begin = Timestamp.now()
                    try await eventually("all to have looked for their files") {
                        try await areLeftAlone(since: begin) && areOffline(ids, site)
                    }
                    // They have looked there: as long as it is the same volume, none wakes for the next hour.
                    let looks = await session.machine.soughtUntil(ids)
                    #expect(looks.count == ids.count)
                    try site.letTimePass(for: ids)
                    try await eventually("all to be put off") { try await areLeftAlone(since: begin) }
                    #expect(await session.machine.soughtUntil(ids) == looks)
                    for id in ids { #expect(try site.events(.offline, of: id).count == 1) }
                    // Theirs is there again.
                    try place(ids, at: site, on: volume)
                    try site.letTimePass(for: ids)
                    try await eventually("all to be announced and to seed") {
                        try tracker.announces.count == ids.count
                            && ids.allSatisfy { try site.row($0).state == .seeding }
                    }
                    #expect(await session.snapshots().isEmpty)
                }
            }
        }
    }

    /// A look at a disk that hangs holds up a stop no longer than a goodbye does.
    @Test func hangingDiskDoesNotDelayTheStop() async throws {
        try await withTracker { tracker in
            try await withSite { site in
                let ids = try seeds(2, at: site, tracker)
                let calls = FaultyDisk()
                calls.set { $0.hangs = true }
                try await site.run(disk: try Disk(calls: calls)) {
                    $0.goodbyeTime = .milliseconds(500)
                } _: { session in
                    let result = await Result {
                        try await eventually("both to be looked at") {
                            await session.announces.count == ids.count
                        }
                        await session.stop()
                        #expect(await session.announces.count == ids.count)
                    }
                    calls.mend()
                    try await eventually("the looks to end") { await session.announces.isEmpty }
                    try result.get()
                }
                #expect(tracker.events == [])
            }
        }
    }
}

extension SessionMachine {
    /// Until when these torrents aren't searched for again.
    fileprivate func soughtUntil(_ ids: [TorrentID]) -> [Instant] { ids.compactMap { soughtUntil($0) } }
}

extension Site {
    /// As if so much time had passed that the torrents are due.
    fileprivate func letTimePass(for ids: [TorrentID]) throws {
        try write { db throws(StoreError) in
            for id in ids {
                for var row in try db.trackers.rows(of: id) where row.lastAnnounceAt == nil {
                    row.nextAnnounceAt = .now()
                    try db.trackers.save(row)
                }
            }
        }
    }
}
