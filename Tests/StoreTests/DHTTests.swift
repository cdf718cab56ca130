import DatabaseLab
import Store
import Testing
import Torrent

/// What is stored of the DHT.
@Suite struct DHTTests {
    private func node(_ n: Int, rtt: Int64? = 20, isVerified: Bool = true) -> DHTNodeRow {
        DHTNodeRow(
            family: .v4, address: PeerAddress(.v4(0x0a00_0000 + UInt32(n)), port: 6881),
            id: Array(repeating: UInt8(n & 255), count: 20), lastAnswer: noon, roundTrip: rtt.map { .milliseconds($0) },
            isVerified: isVerified)
    }

    @Test func stateRoundTrips() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        var row = DHTRow(family: .v6, nodeID: Array(repeating: 7, count: 20), at: noon)
        try db.dht.save(row)
        (row.externalAddress, row.externalVotes, row.problem, row.port) = ("2001:db8::1", 8, "none answers", 6881)
        (row.goodNodes, row.knownNodes, row.lookups, row.waiting, row.searched, row.announced) = (1, 2, 3, 4, 5, 6)
        (row.storedTorrents, row.storedPeers, row.sent, row.received, row.dropped) = (7, 8, 9, 10, 11)
        row.readOnly = .unreachable
        try db.dht.save(row)
        #expect(try db.dht.rows() == [row])
        #expect(try db.number("SELECT good_nodes FROM v1_dht WHERE family = 6") == 1)
        #expect(try db.number("SELECT external_votes FROM v1_dht WHERE read_only = 'unreachable'") == 8)
    }

    @Test func nodesAreReplacedAndLimited() throws {
        let folder = try TemporaryFolder(inMemory: true)
        let db = try folder.connection()
        try db.dht.save((1...600).map { node($0) }, of: .v4)
        #expect(try db.dht.nodeCount() == DHTTable.mostNodes)
        let few = [node(1, rtt: nil, isVerified: false), node(2, rtt: 90), node(3, rtt: 5), node(4, rtt: nil)]
        try db.dht.save(few, of: .v4)
        // The fastest that answered come first.
        #expect(try db.dht.nodes() == [few[2], few[1], few[3], few[0]])
        #expect(try db.number("SELECT count(*) FROM v1_dht_node WHERE verified = 1") == 3)
    }

    @Test func nearestNodesGoWithTheirTorrent() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        let id = try db.add()
        let near = DHTNearRow(family: .v4, nodes: Array(repeating: 3, count: 26))
        try db.dht.saveNear(id, near)
        try db.dht.saveNear(id, DHTNearRow(family: .v4, nodes: Array(repeating: 4, count: 52)))
        try db.dht.saveNear(TorrentID(99), near)
        #expect(try db.dht.near(id).map(\.nodes.count) == [52])
        #expect(try db.number("SELECT near_nodes FROM v1_dht_torrent WHERE due_at IS NULL") == 2)
        // What comes late of a torrent that turned out private is dropped.
        let secret = try db.add(seed: 2)
        try db.execute("UPDATE torrent SET private = 1 WHERE id = ?", secret)
        try db.dht.saveNear(secret, near)
        #expect(try db.dht.near(secret).isEmpty)
        #expect(try db.number("SELECT count(*) FROM v1_dht_torrent") == 1)
        try db.torrents.remove(id, now: noon)
        #expect(try db.number("SELECT count(*) FROM dht_near") == 0)
    }

    /// Torrents at rest: complete, seeding, and with a tracker that has or hasn't answered.
    private func rest(_ db: Connection, _ count: Int, working: Set<Int> = []) throws -> [TorrentID] {
        let ids = try (0..<count).map { try db.add(seed: UInt64($0)) }
        try db.execute("UPDATE torrent SET completed_bytes = wanted_bytes, state = 'seeding'")
        for n in working {
            var tracker = try #require(try db.trackers.rows(of: ids[n]).first)
            tracker.lastSuccessAt = noon
            try db.trackers.save(tracker)
        }
        return ids
    }

    @Test func torrentsWithoutAWorkingTrackerComeFirst() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        let ids = try rest(db, 6, working: [0, 1])
        func due(_ limit: Int, at moment: Timestamp = noon, except: Set<TorrentID> = []) throws -> [TorrentID] {
            try db.dht.takeDue(now: moment, limit: limit, again: .seconds(1500), except: except)
        }
        #expect(try db.dht.dueCount(now: noon, limit: 100) == 6)
        #expect(try due(3, except: [ids[3]]) == [ids[2], ids[4], ids[5]])
        #expect(try due(9) == [ids[3], ids[0], ids[1]])
        #expect(try due(9) == [] && db.dht.dueCount(now: noon, limit: 100) == 0)
        // Its tracker fails: it is as urgent as the others.
        try db.dht.plan(ids[0], announced: noon, due: noon + .seconds(5))
        try db.dht.plan(ids[1], announced: noon, due: noon + .seconds(5))
        var tracker = try #require(try db.trackers.rows(of: ids[1]).first)
        tracker.failures = 1
        try db.trackers.save(tracker)
        #expect(try due(1, at: noon + .seconds(5)) == [ids[1]])
        #expect(try db.dht.announcedAt(ids[1]) == noon && db.dht.announcedAt(ids[2]) == nil)
    }

    @Test func onlyPublicTorrentsAtRestAreDue() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        let ids = try rest(db, 6)
        try db.execute("UPDATE torrent SET private = 1 WHERE id = ?", ids[0])
        try db.torrents.setPaused(ids[1], true)
        try db.torrents.setState(ids[2], .offline, error: "away")
        try db.torrents.setState(ids[3], .downloading)
        try db.torrents.setState(ids[4], .error, error: "broken")
        #expect(try db.dht.takeDue(now: noon, limit: 9, again: .seconds(9), except: []) == [ids[5]])
    }

    @Test func clockThatWasSetBackSilencesNoTorrent() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        let ids = try rest(db, 2)
        try db.dht.plan(ids[0], announced: nil, due: noon + .seconds(9_000_000))
        try db.dht.plan(ids[1], announced: nil, due: noon + .seconds(100))
        try db.dht.hastenFar(longest: .seconds(1500), now: noon)
        #expect(try db.dht.dueAt(ids[0]) == noon && db.dht.dueAt(ids[1]) == noon + .seconds(100))
    }

    /// With 100,000 torrents, a start and a look for due ones read an index, not the torrents.
    @Test(arguments: [
        "SELECT id FROM torrent WHERE private = 0 AND paused = 0 AND state IN ('seeding', 'complete') AND dht_has_tracker = 0 AND dht_due_at <= 9 ORDER BY dht_due_at LIMIT 9",
        "UPDATE torrent SET dht_due_at = 1 WHERE private = 0 AND paused = 0 AND state IN ('seeding', 'complete') AND dht_has_tracker = 1 AND dht_due_at > 9",
        "SELECT count(*) FROM (SELECT 1 FROM torrent WHERE private = 0 AND paused = 0 AND state IN ('seeding', 'complete') AND dht_has_tracker IN (0, 1) AND dht_due_at <= 9 LIMIT 9)",
    ]) func dueTorrentsAreFoundByIndex(sql: String) throws {
        let folder = try TemporaryFolder(inMemory: true)
        let plan = try folder.connection().plan(sql)
        #expect(plan.contains { $0.contains("torrent_dht_due (dht_has_tracker=? AND dht_due_at") }, "\(plan)")
        #expect(!plan.contains { $0.contains("TEMP B-TREE") }, "\(plan)")
    }
}
