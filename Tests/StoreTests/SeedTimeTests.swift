import DatabaseLab
import Store
import Testing
import Torrent

/// The time for which torrents were there for others.
@Suite struct SeedTimeTests {
    /// So many torrents that seed, in a database of their own.
    private func seeding(_ folder: TemporaryFolder, _ count: Int = 2) throws -> (Connection, [TorrentID]) {
        let db = try folder.connection()
        let ids = try (0..<count).map { n in
            let id = try db.torrents.insert(
                NewTorrent(metainfo: try madeUp(seed: UInt64(n), files: 1), output: "/data"), now: noon)
            try db.torrents.setState(id, .seeding)
            return id
        }
        return (db, ids)
    }

    private func times(_ db: Connection) throws -> [Int64] { try db.torrents.rows().map(\.seedTime.components.seconds) }

    @Test func timeBetweenHeartbeatsCounts() throws {
        let folder = try TemporaryFolder()
        let (db, ids) = try seeding(folder)
        try db.seedTimes.count(.seconds(100))
        // From now on: what was before the first beat that saw them seed is nobody's.
        #expect(try times(db) == [0, 0])
        try db.seedTimes.count(.seconds(2))
        try db.seedTimes.count(.seconds(2))
        #expect(try times(db) == [4, 4])
        // It ended at some time since the last beat.
        try db.torrents.setPaused(ids[0], true)
        try db.seedTimes.count(.seconds(2))
        try db.seedTimes.count(.seconds(2))
        #expect(try times(db) == [4, 8])
        // And begins at some time before the next.
        try db.torrents.setPaused(ids[0], false)
        try db.seedTimes.count(.seconds(2))
        #expect(try times(db) == [4, 10])
        try db.seedTimes.count(.seconds(2))
        #expect(try times(db) == [6, 12])
        var rows: [StatusRow] = []
        try db.status.forEachRow { row throws(StoreError) in rows.append(row) }
        #expect(rows.map(\.seedingSeconds) == [6, 12])
        #expect(try db.number("SELECT sum(seeding_seconds) FROM v1_torrent") == 18)
    }

    @Test(arguments: TorrentState.allCases) func onlySeedingTorrentsCount(state: TorrentState) throws {
        let folder = try TemporaryFolder()
        let (db, ids) = try seeding(folder)
        try db.torrents.setState(ids[1], state)
        for _ in 0..<4 { try db.seedTimes.count(.seconds(5)) }
        #expect(try times(db) == [15, state == .seeding ? 15 : 0])
        try db.torrents.setState(ids[0], state)
        for _ in 0..<4 { try db.seedTimes.count(.seconds(5)) }
        #expect(try times(db) == (state == .seeding ? [35, 35] : [15, 0]))
    }

    /// Nothing is written at a kill, and nothing counts until an engine beats again, of all torrents or of some.
    @Test func timeWithoutAnEngineDoesNotCount() throws {
        let folder = try TemporaryFolder()
        let (db, ids) = try seeding(folder)
        try db.seedTimes.count(.seconds(0))
        try db.seedTimes.count(.seconds(7))
        let again = try folder.connection()
        #expect(try times(again) == [7, 7])
        try again.seedTimes.count(.seconds(3), of: [ids[1]])
        try again.seedTimes.count(.seconds(0), of: [ids[0]])
        #expect(try times(again) == [7, 10])
        try again.seedTimes.count(.seconds(5))
        #expect(try times(again) == [12, 15])
    }

    /// An active torrent knows its time exactly; what is known already is never counted twice.
    @Test func exactTimeNeverLowersTheCount() throws {
        let folder = try TemporaryFolder()
        let (db, ids) = try seeding(folder)
        for _ in 0..<3 { try db.seedTimes.count(.seconds(4)) }
        try db.seedTimes.raise(ids[0], to: .seconds(11))
        try db.seedTimes.raise(ids[1], to: .seconds(2))
        #expect(try times(db) == [11, 8])
        try db.seedTimes.count(.seconds(4))
        #expect(try times(db) == [11, 8])
        try db.seedTimes.count(.seconds(4))
        #expect(try times(db) == [15, 12])
    }

    /// A folder that is found away may have been so since it was last seen.
    @Test(arguments: [(0, 20), (5, 15), (20, 0), (1000, 0)] as [(Int64, Int64)])
    func timeSinceTheFolderWasLastSeenIsSubtracted(unseen: Int64, left: Int64) throws {
        let folder = try TemporaryFolder()
        let (db, ids) = try seeding(folder)
        try db.seedTimes.count(.seconds(0))
        try db.seedTimes.count(.seconds(20))
        try db.seedTimes.end(ids[0], ago: .seconds(unseen))
        try db.torrents.setState(ids[0], .offline, error: "away")
        try db.seedTimes.count(.seconds(20))
        #expect(try times(db) == [left, 40])
    }

    /// The clock's row was lost with a damaged page: time goes on from what was noted of it.
    @Test func lostSeedClockResumes() throws {
        let folder = try TemporaryFolder()
        let (db, _) = try seeding(folder)
        try db.seedTimes.count(.seconds(0))
        try db.seedTimes.count(.seconds(20))
        try db.torrents.setState(TorrentID(1), .offline)
        try db.seedTimes.count(.seconds(20))
        try db.torrents.setState(TorrentID(1), .seeding)
        try db.seedTimes.count(.seconds(20))
        #expect(try times(db) == [20, 60])
        try db.execute("DELETE FROM seed_clock")
        #expect(try times(db) == [20, 0])
        for _ in 0..<2 { try db.seedTimes.count(.seconds(10)) }
        #expect(try times(db) == [40, 80])
    }

    /// A hundred thousand torrents that go on as they are cost a beat no more than one.
    @Test func heartbeatWritesOnlyChangedTorrents() throws {
        let folder = try TemporaryFolder()
        let (db, _) = try seeding(folder, 20)
        try db.seedTimes.count(.seconds(1))
        let before = try db.number("SELECT total_changes()")
        try db.seedTimes.count(.seconds(1))
        #expect(try db.number("SELECT total_changes()") - before == 1)
        for (sql, index) in [
            (
                "SELECT id FROM torrent INDEXED BY torrent_begins_seeding WHERE state = 'seeding' AND paused = 0 AND seed_mark IS NULL LIMIT 9",
                "torrent_begins_seeding"
            ),
            (
                "UPDATE torrent SET seed_mark = NULL WHERE seed_mark IS NOT NULL AND (state <> 'seeding' OR paused <> 0)",
                "torrent_ends_seeding"
            ),
        ] {
            let plan = try db.plan(sql)
            #expect(plan.contains { $0.contains(index) }, "\(plan)")
        }
    }

    @Test func restingTrackerHostsAreStored() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        let first = TrackerHostRow(server: "http://t.example:80", restsUntil: noon + .seconds(600), reason: "slow down")
        let second = TrackerHostRow(server: "udp://t.example:80", restsUntil: noon + .seconds(60), reason: "later")
        try db.trackerHosts.save(TrackerHostRow(server: first.server, restsUntil: noon, reason: "x"))
        for host in [first, second] { try db.trackerHosts.save(host) }
        #expect(try db.trackerHosts.resting(now: noon) == [first, second])
        #expect(try db.trackerHosts.resting(now: noon + .seconds(60)) == [first])
        #expect(try db.number("SELECT count(*) FROM tracker_host") == 1)
    }
}
