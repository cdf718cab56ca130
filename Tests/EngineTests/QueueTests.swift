import Engine
import Foundation
import Store
import Swarm
import SystemPackage
import TestSupport
import Testing
import Torrent

/// More torrents than slots, in real sessions.
@Suite(.crowded) struct QueueTests {
    /// So many torrents that a seeder has; `PIECES_QUEUE=10000` names another number.
    private static let count = ProcessInfo.processInfo.environment["PIECES_QUEUE"].flatMap { Int($0) } ?? 150

    private func samples(_ range: Range<Int>, length: Int = 20_000, trackers: [[String]] = []) throws -> [SampleTorrent]
    {
        try range.map {
            try SampleTorrent(
                "queue-\($0).bin", length: length, pieceLength: 16384, seed: 9000 + UInt64($0), trackers: trackers)
        }
    }

    /// Adds all of them in one transaction, as `pieces add` does.
    private func add(_ torrents: [SampleTorrent], to site: Site) throws -> [TorrentID] {
        try site.write { db throws(StoreError) in
            try db.transaction { () throws(StoreError) in
                var ids: [TorrentID] = []
                for torrent in torrents {
                    let id = try db.torrents.insert(
                        NewTorrent(metainfo: torrent.metainfo, output: site.output.string), now: .now())
                    try db.intents.append(.added, torrent: id, now: .now())
                    ids.append(id)
                }
                return ids
            }
        }
    }

    private func completeCount(_ db: Connection) throws -> Int {
        try db.value("SELECT count(*) FROM torrent WHERE completed_at IS NOT NULL", as: Int.self) ?? 0
    }

    /// Rules for tests that don't wait for minutes.
    private static let hasty: SlotRules = {
        var rules = SlotRules()
        (rules.shortPatience, rules.patience, rules.restTime) = (.seconds(1), .seconds(2), .seconds(10))
        return rules
    }()

    /// Torrents that nobody has stand before those that somebody has, and some peers give nothing.
    @Test func everyAvailableTorrentIsDownloaded() async throws {
        let dead = try samples(0..<20)
        let good = try samples(20..<20 + Self.count)
        try await withSite { seeds in
            _ = try seeds.addComplete(good)
            try await seeds.run { seeder in
                let address = await seeder.address
                try await withSite { site in
                    let lost = try add(dead, to: site)
                    try await withPeers(dead[0], [.silent]) { silent in
                        let ids = try add(good, to: site)
                        let limit = Duration.seconds(max(300, Self.count / 2))
                        let db = try Connection.open(site.database, mode: .readOnly, now: .now())
                        try await site.run(peers: [address, silent[0].address]) {
                            $0.slots.downloads = 8
                            $0.slotRules = Self.hasty
                        } _: { session in
                            try await eventually(
                                "all to be complete: \(completeCount(db)) of \(ids.count)", within: limit
                            ) {
                                let downloads = await session.slotReport().downloads
                                #expect(downloads.active <= 8)
                                return try completeCount(db) == ids.count
                            }
                            // Those that nobody has share the slots, and wait for each other.
                            try await eventually("the dead alone to be left") {
                                let downloads = await session.slotReport().downloads
                                return downloads.active + downloads.waiting == lost.count && downloads.active == 8
                            }
                            let said = try await eventually("it to be told") {
                                let last = try site.read { db throws(StoreError) in try db.runs.lastSlots() }
                                return last.flatMap { $0.report.downloads.waiting == lost.count - 8 ? $0.report : nil }
                            }
                            #expect(
                                said.downloads.limit == 8 && said.checks.limit == 8 && said.seeds.limit == nil
                                    && !said.isOfNamedOnly)
                        }
                        for torrent in good { #expect(torrent.faults(in: site.output) == []) }
                        for id in lost { #expect(try !site.row(id).isComplete) }
                    }
                }
            }
        }
    }

    /// What may happen to the torrent that has the only slot.
    enum Ending: CaseIterable { case paused, removed, unwanted, completed, lost, stalled }

    @Test(arguments: Ending.allCases) func nextTorrentStartsWhenASlotBecomesFree(ending: Ending) async throws {
        let torrents = try samples(0..<2)
        try await withSite { site in
            try await withPeers(torrents[0], [.silent]) { holder in
                try await withPeers(torrents[1]) { other in
                    // In folders of their own, so that one can go away.
                    let ids = try torrents.enumerated().map { n, torrent in
                        let output = site.folder.appending("output-\(n)")
                        try Files.makeFolders(output)
                        return try site.write { db throws(StoreError) in
                            try db.torrents.insert(
                                NewTorrent(metainfo: torrent.metainfo, output: output.string), now: .now())
                        }
                    }
                    try await site.run(peers: [holder[0].address, other[0].address]) {
                        $0.slots.downloads = 1
                        // Nobody yields here but in the last case.
                        $0.slotRules.patience = ending == .stalled ? .seconds(1) : .seconds(3600)
                        $0.slotRules.shortPatience = ending == .lost ? .seconds(1) : .seconds(3600)
                    } _: { session in
                        try await eventually("the first to be asked for") { !holder[0].requests.isEmpty }
                        #expect(try site.row(ids[1]).state == .queued && other[0].requests.isEmpty)
                        switch ending {
                        case .paused:
                            try site.write { db throws(StoreError) in try db.torrents.setPaused(ids[0], true) }
                            try site.tell(.changed, ids[0])
                        case .removed: try site.tell(.remove, ids[0])
                        case .unwanted:
                            try site.select(ids[0], torrents[0], [false])
                            try site.tell(.changed, ids[0])
                        case .completed: holder[0].behave(.good)
                        case .lost:
                            try Files.rename(site.folder.appending("output-0"), to: site.folder.appending("away"))
                            // It sees that with the next write.
                            holder[0].behave(.good)
                            await holder[0].hangUp()
                        case .stalled: break
                        }
                        try await site.untilComplete(ids[1])
                        #expect(await session.slotReport().downloads.active <= 1)
                    }
                }
            }
        }
    }

    /// A torrent that waits is started for a peer that asks for it, in the place of one that moves nothing.
    @Test func peerRequestGivesAQueuedTorrentAStalledSlot() async throws {
        let torrents = try samples(0..<2)
        try await withSite { seeds in
            _ = try seeds.addComplete(torrents)
            try await withSite { site in
                try await withPeers(torrents[0], [.silent]) { silent in
                    let ids = try add(torrents, to: site)
                    try await site.run(peers: [silent[0].address]) {
                        $0.slots.downloads = 1
                        $0.slotRules.patience = .milliseconds(1)
                        $0.slotRules.shortPatience = .milliseconds(1)
                        $0.slotRules.restTime = .seconds(3600)
                    } _: { session in
                        // The second has had its turn, and nobody had it: the first has the slot again, for as long as
                        // nobody else is due.
                        try await eventually("both to have had a turn") {
                            let rows = try ids.map { try site.row($0) }
                            return await session.machine.lastTurn >= 1 && rows.contains { $0.state == .queued }
                        }
                        let waiting = try await eventually("one to wait") {
                            try ids.first { try site.row($0).state == .queued }
                        }
                        let address = await session.address
                        try await seeds.run { seeder in
                            try seeds.tell(
                                .connect, waiting == ids[0] ? TorrentID(1) : TorrentID(2), argument: "\(address)")
                            try await site.untilComplete(waiting)
                        }
                    }
                }
            }
        }
    }

    /// Torrents whose pieces are unverified are hashed a few at a time, and others download meanwhile.
    @Test func checksHaveTheirOwnSlots() async throws {
        let torrents = try samples(0..<12, length: 200_000)
        let other = try SampleTorrent("other.bin", length: 100_000, seed: 77)
        try await withSite { site in
            let ids = try add(torrents, to: site)
            for torrent in torrents { try torrent.write(to: site.output) }
            try site.write { db throws(StoreError) in
                for id in ids {
                    try db.torrents.setRootSeen(id)
                    try db.pieces.unverify(id)
                }
            }
            try await withPeers(other) { peers in
                let last = try site.add(other)
                try await site.run(peers: [peers[0].address]) {
                    $0.slots.downloads = 1
                    $0.slots.checks = 1
                } _: { session in
                    try await eventually("all to be complete") {
                        let report = await session.slotReport()
                        #expect(report.checks.active <= 1 && report.downloads.active <= 1, "\(report)")
                        return try (ids + [last]).allSatisfy { try site.row($0).completedAt != nil }
                    }
                }
                for id in ids {
                    #expect(try site.events(.verified, of: id).count == 1)
                    #expect(try site.row(id).downloadedBytes == 0)
                }
            }
        }
    }

    @Test func pausedTorrentIsNotQueued() async throws {
        let torrents = try samples(0..<3)
        try await withSite { site in
            let first = try site.add(torrents[0])
            try await site.run {
                $0.slots.downloads = 1
            } _: { session in
                try await eventually("the first to start") { try site.row(first).state == .downloading }
                let paused = try site.add(torrents[1]) { $0.isPaused = true }
                let waiting = try site.add(torrents[2])
                for id in [paused, waiting] { try site.tell(.added, id) }
                try await eventually("the last to wait") { await session.machine.isWaiting(waiting) }
                #expect(await !session.machine.isWaiting(paused))
                // Resumed, it waits behind the other, and its state says so.
                try site.write { db throws(StoreError) in try db.torrents.setPaused(paused, false) }
                try site.tell(.changed, paused)
                try await eventually("the resumed one to wait") { try site.row(paused).state == .queued }
                #expect(try site.read { db throws(StoreError) in try db.queue.place(of: waiting) } == 2)
                #expect(await session.slotReport().downloads == SlotUse(limit: 1, active: 1, waiting: 2))
            }
        }
    }

    /// A torrent that gave up its slot comes behind the others in the next run, too, until it has received something.
    @Test func queueOrderIsKeptForTheNextRun() async throws {
        let torrents = try samples(0..<3)
        try await withSite { site in
            let ids = try add(torrents, to: site)
            try await site.run {
                $0.slots.downloads = 1
                $0.slotRules = Self.hasty
                $0.slotRules.restTime = .seconds(3600)
            } _: { session in
                // The last stays: nobody else is due before an hour.
                try await eventually("two to have yielded") {
                    try site.read { db throws(StoreError) in try db.queue.yielded() }.count == 2
                }
                try await eventually("the third to be active") { await session.snapshots().map(\.id) == [ids[2]] }
            }
            #expect(
                try site.read { db throws(StoreError) in try db.queue.yielded() }.map(\.id) == Array(ids.prefix(2)))
            try await withPeers(torrents[0]) { peers in
                try await site.run(peers: [peers[0].address]) {
                    $0.slots.downloads = 1
                    $0.slotRules = Self.hasty
                } _: { session in
                    #expect(await session.snapshots().map(\.id) == [ids[2]])
                    try await site.untilComplete(ids[0])
                    try await eventually("it to have no turn any more") {
                        try site.read { db throws(StoreError) in try db.queue.yielded() }.allSatisfy {
                            $0.id != ids[0]
                        }
                    }
                }
            }
        }
    }

    // MARK: Seeds

    /// What an engine that didn't seed left at rest seeds in one that does, unless its own goal says otherwise.
    @Test func completeTorrentsAreSeeded() async throws {
        let torrents = try samples(0..<5)
        try await withTracker { tracker in
            try await withSite { site in
                let ids = try site.addComplete(torrents)
                try site.write { db throws(StoreError) in
                    for id in ids { try db.torrents.setState(id, .complete) }
                    try db.torrents.setSeedGoal(ids[1], .none)
                    try db.torrents.setSeedGoal(ids[2], .ratio(0))
                    try db.torrents.setPaused(ids[3], true)
                    try db.torrents.setState(ids[3], .paused)
                    try db.trackers.add(ids[4], tiers: [[tracker.url]], now: .now())
                    try db.execute("UPDATE tracker SET next_announce_at = NULL")
                }
                try await site.run { session in
                    try await eventually("two to seed") {
                        try [0, 4].allSatisfy { try site.row(ids[$0]).state == .seeding }
                    }
                    try await eventually("the tracker to be told") { tracker.events == ["started"] }
                    #expect(await session.snapshots().isEmpty)
                    #expect(
                        try [1, 2].allSatisfy { try site.row(ids[$0]).state == .complete }
                            && site.row(ids[3]).state == .paused)
                    // One word of the user's, and back.
                    try site.write { db throws(StoreError) in try db.torrents.setSeedGoal(ids[1], .forever) }
                    try site.tell(.changed, ids[1])
                    try await eventually("the second to seed") { try site.row(ids[1]).state == .seeding }
                    try site.write { db throws(StoreError) in try db.torrents.setSeedGoal(ids[0], .none) }
                    try site.tell(.changed, ids[0])
                    try await eventually("the first to rest") { try site.row(ids[0]).state == .complete }
                    try site.write { db throws(StoreError) in try db.torrents.setPaused(ids[3], false) }
                    try site.tell(.changed, ids[3])
                    try await eventually("the resumed one to seed") { try site.row(ids[3]).state == .seeding }
                }
                try await site.run {
                    $0.seedGoal = .none
                } _: { _ in
                    try site.write { db throws(StoreError) in try db.torrents.setState(ids[4], .complete) }
                    try site.tell(.changed, ids[4])
                    try await eventually("the word to be taken") {
                        try site.read { db throws(StoreError) in try db.queuedIntents() } == 0
                    }
                    #expect(try site.row(ids[4]).state == .complete)
                }
            }
        }
    }

    @Test func seedsHaveTheirOwnSlots() async throws {
        let torrents = try samples(0..<3, length: 400_000)
        try await withSite { seeds in
            _ = try seeds.addComplete(torrents)
            try await seeds.run {
                $0.slots.seeds = 1
                $0.slotRules.patience = .seconds(1)
                $0.slotRules.turn = .seconds(2)
                $0.slotRules.restTime = .seconds(1)
                $0.slotRules.seedReservation = .seconds(2)
            } _: { seeder in
                let address = await seeder.address
                try await withSite { leeches in
                    let ids = try add(torrents, to: leeches)
                    try await leeches.run(peers: [address]) { _ in
                        // None of the seeds keeps the slot for itself.
                        try await eventually("all to be complete") {
                            try ids.allSatisfy { try leeches.row($0).completedAt != nil }
                        }
                    }
                }
            }
        }
    }
}

extension Connection {
    /// How many words of commands nobody has taken yet.
    fileprivate func queuedIntents() throws(StoreError) -> Int {
        try value("SELECT count(*) FROM intent", as: Int.self) ?? 0
    }
}
