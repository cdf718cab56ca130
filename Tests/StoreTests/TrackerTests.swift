import DatabaseLab
import Store
import Testing
import Torrent

@Suite struct TrackerTests {
    @Test func trackerRoundTrips() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add()
        var tracker = try #require(try connection.trackers.rows(of: id).first)
        #expect(tracker.nextAnnounceAt == noon && !tracker.isStarted && tracker.interval == nil)
        tracker.trackerID = [0, 255]
        (tracker.nextAnnounceAt, tracker.minAnnounceAt) = (noon + .seconds(1800), noon + .seconds(60))
        (tracker.interval, tracker.minInterval) = (.seconds(1800), .seconds(60))
        (tracker.failures, tracker.lastError, tracker.warning) = (1, "late", "slow")
        (tracker.seeders, tracker.leechers, tracker.downloads) = (10, 20, 30)
        (tracker.lastAnnounceAt, tracker.lastSuccessAt, tracker.lastScrapeAt, tracker.isStarted) = (
            noon, noon, noon, true
        )
        try connection.trackers.save(tracker)
        #expect(try connection.trackers.rows(of: id) == [tracker])
    }

    @Test func mostOverdueCompleteTorrentComesFirst() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let ids = try (0..<6).map { try connection.add(seed: UInt64($0)) }
        let incomplete = try connection.add(seed: 6)
        try connection.execute("UPDATE torrent SET completed_bytes = wanted_bytes WHERE id <> ?", incomplete)
        for (n, id) in ids.enumerated() {
            var tracker = try #require(try connection.trackers.rows(of: id).first)
            tracker.nextAnnounceAt = n == 5 ? nil : noon + .seconds(100 - n * 10)
            try connection.trackers.save(tracker)
        }
        try connection.torrents.setPaused(ids[3], true)
        var early = try #require(try connection.trackers.rows(of: incomplete).first)
        early.nextAnnounceAt = noon + .seconds(200)
        try connection.trackers.save(early)
        #expect(try connection.trackers.dueTorrents(now: noon + .seconds(80), limit: 9) == [ids[4], ids[2]])
        #expect(
            try connection.trackers.dueTorrents(now: noon + .seconds(300), limit: 9) == [
                ids[4], ids[2], ids[1], ids[0],
            ])
        #expect(try connection.trackers.dueTorrents(now: noon, limit: 9).isEmpty)
        try connection.trackers.postponeAnnounces(of: ids[4], until: noon + .seconds(1000))
        #expect(try connection.trackers.dueTorrents(now: noon + .seconds(300), limit: 1) == [ids[2]])
        #expect(try connection.trackers.nextAnnounce() == noon + .seconds(80))
    }

    @Test func clockSetBackDoesNotDelayAnnounces() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let ids = try (0..<3).map { try connection.add(seed: UInt64($0)) }
        try connection.execute("UPDATE torrent SET completed_bytes = wanted_bytes")
        for (id, (next, interval)) in zip(ids, [(3600, 1800), (10 * 365 * 86400, 1800), (10 * 365 * 86400, nil)]) {
            var tracker = try #require(try connection.trackers.rows(of: id).first)
            tracker.nextAnnounceAt = noon + .seconds(next)
            tracker.interval = interval.map { .seconds($0) }
            try connection.trackers.save(tracker)
        }
        try connection.trackers.hastenFarAnnounces(longest: .seconds(86400), now: noon)
        #expect(
            try ids.map { try connection.trackers.rows(of: $0).first?.nextAnnounceAt }
                == [3600, 1800, 0].map { noon + .seconds($0) })
    }

    @Test func addedTrackersFollowTheExistingOnes() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add()
        let added = try connection.trackers.add(
            id, tiers: [["http://a.example/announce"], ["http://x/announce", "http://y/announce"]], now: noon)
        #expect(added == ["http://x/announce", "http://y/announce"])
        #expect(
            try connection.trackers.rows(of: id).map(\.url) == [
                "http://a.example/announce", "http://x/announce", "http://y/announce",
            ])
        #expect(try connection.trackers.rows(of: id).map(\.tier) == [0, 1, 1])
        #expect(try connection.trackers.rows(of: id).map(\.position) == [0, 0, 1])
    }

    @Test func addedTrackersBeyondTheLimitAreDropped() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add()
        let many = (0..<300).map { ["http://t\($0)/announce"] }
        #expect(try connection.trackers.add(id, tiers: many, now: noon).count == TrackerTable.limit - 1)
        #expect(try connection.trackers.add(id, tiers: many, now: noon) == [])
        #expect(try connection.trackers.rows(of: id).count == TrackerTable.limit)
    }
}
