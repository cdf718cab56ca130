import Engine
import Store
import Swarm
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Torrents that sleep are announced, and wake for those alone who want something.
@Suite(.crowded) struct DormantTorrentTests {
    private func samples(_ count: Int, trackers: [[String]]) throws -> [SampleTorrent] {
        try (0..<count).map {
            try SampleTorrent("sample-\($0).bin", length: 40_000, seed: 400 + UInt64($0), trackers: trackers)
        }
    }

    @Test func announcingActivatesNoTorrent() async throws {
        try await withTracker { tracker in
            let torrents = try samples(120, trackers: [[tracker.url, "http://127.0.0.1:9/never"]])
            try await withSite { site in
                let ids = try site.addComplete(torrents)
                // Both are strangers to us, and one of them is asked first.
                try site.write { db throws(StoreError) in
                    for id in ids {
                        for var row in try db.trackers.rows(of: id) where row.url == tracker.url {
                            row.lastSuccessAt = Timestamp(1)
                            row.lastAnnounceAt = Timestamp(1)
                            try db.trackers.save(row)
                        }
                    }
                }
                let start = Timestamp.now()
                try await site.run { session in
                    try await eventually("all to be announced and saved") {
                        try site.trackers(ids).allSatisfy { $0[0].isStarted }
                    }
                    #expect(await session.snapshots().isEmpty)
                    // Nobody is due: the other of the tier waits as long as the first.
                    #expect(
                        try site.read { db throws(StoreError) in
                            try db.trackers.dueTorrents(now: start + .seconds(1700), limit: 1)
                        } == [])
                    let later = try site.read { db throws(StoreError) in
                        try db.trackers.dueTorrents(now: start + .seconds(2000), limit: 1000)
                    }
                    #expect(later.count == ids.count)
                }
                #expect(tracker.events.count == ids.count && Set(tracker.events) == ["started"])
                #expect(tracker.announces.allSatisfy { $0.left == 0 })
            }
        }
    }

    /// The tracker names somebody who lacks something: the torrent wakes and dials it.
    @Test(arguments: [1, nil] as [Int?]) func reportedLeecherActivatesOnlyItsTorrent(leechers: Int?) async throws {
        var answer = FakeTracker.Answer()
        answer.leechers = 0
        try await withTracker(answer) { idle in
            try await withTracker { lively in
                let wanted = try SampleTorrent("wanted.bin", length: 300_000, seed: 410, trackers: [[lively.url]])
                try await withSite { seeds in
                    let ids = try seeds.addComplete(try samples(5, trackers: [[idle.url]]) + [wanted])
                    try await withSite { leeches in
                        let leech = try leeches.add(wanted)
                        try await leeches.run { other in
                            let address = await other.address
                            lively.answer {
                                $0.leechers = leechers
                                $0.peers = [address]
                            }
                            idle.answer { $0.peers = [address] }
                            try await seeds.run { session in
                                try await leeches.untilComplete(leech)
                                try await eventually("all to be announced") { idle.announces.count == 5 }
                                #expect(await session.snapshots().map(\.id) == [ids[5]])
                            }
                        }
                        #expect(wanted.faults(in: leeches.output) == [])
                    }
                }
            }
        }
    }

    /// One tracker that is dead is asked for all of them now and then, and not once by each.
    @Test func deadTrackerHostIsNotAskedForEveryTorrent() async throws {
        let torrents = try samples(40, trackers: [["http://127.0.0.1:9/announce"]])
        try await withSite { site in
            let ids = try site.addComplete(torrents)
            try await site.run { session in
                try await eventually("all to have been tried") {
                    try site.trackers(ids).allSatisfy { $0[0].failures > 0 }
                }
                #expect(await session.snapshots().isEmpty)
            }
            let rows = try site.trackers(ids).map { $0[0] }
            #expect(rows.allSatisfy { $0.lastError?.contains("cannot be reached") == true }, "\(rows[0])")
            #expect(rows.allSatisfy { ($0.nextAnnounceAt?.rawValue ?? 0) > ($0.lastAnnounceAt?.rawValue ?? 0) })
        }
    }

    /// What trackers are being asked ends with the session: nothing of it comes back to a loop that isn't there any
    /// more.
    @Test func pendingAnnouncesEndWithTheSession() async throws {
        var answer = FakeTracker.Answer()
        answer.isDeaf = true
        try await withTracker(answer) { tracker in
            let torrents = try samples(40, trackers: [[tracker.url]])
            try await withSite { site in
                let ids = try site.addComplete(torrents)
                try await site.run { session in
                    try await eventually("all to be asked for") {
                        let waiting = await session.announces.count
                        return waiting == torrents.count && !tracker.announces.isEmpty
                    }
                    let failures = try site.trackers(ids).joined().map(\.failures)
                    await session.stop()
                    #expect(await session.announces.isEmpty)
                    // A tracker that doesn't answer for half a minute has failed: nobody waited for that.
                    #expect(try site.trackers(ids).joined().map(\.failures) == failures)
                }
            }
        }
    }

    /// Counts that are being asked for when the session ends are given up, too.
    @Test func pendingScrapesEndWithTheSession() async throws {
        var answer = FakeTracker.Answer()
        answer.leechers = nil
        try await withTracker(answer) { tracker in
            let torrents = try samples(2, trackers: [[tracker.url]])
            try await withSite { site in
                _ = try site.addComplete(torrents)
                try await site.run { session in
                    try await eventually("all to be announced") {
                        await session.environment.announces.uncounted[tracker.url]?.count == torrents.count
                    }
                    tracker.answer { $0.isDeaf = true }
                    try await eventually("the counts to be asked for") {
                        await !session.environment.announces.scrapes.isEmpty
                    }
                    await session.stop()
                    #expect(await session.environment.announces.scrapes.isEmpty)
                }
            }
        }
    }

    /// A new run is a rawPeer to the trackers: it has another peer id.
    @Test func everyRunAnnouncesStarted() async throws {
        try await withTracker { tracker in
            try await withSite { site in
                let ids = try site.addComplete(try samples(1, trackers: [[tracker.url]]))
                for n in 1...2 {
                    try await site.run { _ in
                        try await eventually("announce \(n)") {
                            try site.trackers(ids)[0][0].isStarted && tracker.announces.count == n
                        }
                    }
                    try site.write { db throws(StoreError) in
                        var row = try db.trackers.rows(of: ids[0])[0]
                        row.nextAnnounceAt = .now()
                        try db.trackers.save(row)
                    }
                }
                #expect(tracker.events == ["started", "started"])
            }
        }
    }

    /// The run before ended in the second in which this one began, just after it had announced.
    @Test func runStartedInTheSameSecondIsANewRun() async throws {
        try await withSite { site in
            let ids = try site.addComplete(try samples(1, trackers: [["http://127.0.0.1:9/announce"]]))
            var row = try site.trackers(ids)[0][0]
            row.lastAnnounceAt = Timestamp(100)
            row.isStarted = true
            var random = SeededGenerator(seed: 1)
            #expect(!Announcer(rows: [row], since: Timestamp(100), using: &random).trackers[0].isStarted)
            #expect(Announcer(rows: [row], since: Timestamp(99), using: &random).trackers[0].isStarted)
        }
    }

    /// A torrent that has seeded enough isn't announced any more.
    @Test func torrentPastItsSeedGoalIsNotAnnounced() async throws {
        try await withTracker { tracker in
            try await withSite { site in
                let ids = try site.addComplete(try samples(1, trackers: [[tracker.url]]))
                try site.write { db throws(StoreError) in try db.torrents.setSeedGoal(ids[0], .ratio(0)) }
                try await site.run { _ in
                    try await eventually("it to rest") { try site.row(ids[0]).state == .complete }
                }
                #expect(tracker.events.allSatisfy { $0 != "" })
                #expect(tracker.events.count <= 2, "\(tracker.events)")
            }
        }
    }
}
