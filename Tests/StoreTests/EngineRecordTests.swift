import DatabaseLab
import Store
import Testing
import Torrent

/// Runs, events, intents, settings, volumes and live rows.
@Suite struct EngineRecordTests {
    @Test func lastRunShowsHowItEnded() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        #expect(try connection.runs.last() == nil)
        let first = try connection.runs.begin(pid: 7, version: "1.0", bootID: "boot", now: noon)
        try connection.runs.heartbeat(first, now: noon + .seconds(5))
        let running = try #require(try connection.runs.last())
        #expect(
            running.id == first && running.pid == 7 && running.stoppedAt == nil && !running.isClean
                && running.heartbeatAt == noon + .seconds(5))
        try connection.runs.end(first, clean: true, now: noon + .seconds(9))
        let ended = try #require(try connection.runs.last())
        #expect(
            ended.isClean && ended.stoppedAt == noon + .seconds(9) && ended.bootID == "boot" && ended.version == "1.0")
        for _ in 0..<3 { _ = try connection.runs.begin(pid: 8, version: "1.0", bootID: "boot", now: noon) }
        #expect(try connection.runs.last()?.pid == 8)
    }

    @Test func eventsAreAppendOnly() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add()
        try connection.events.append(.rot, "piece 3", torrent: id, now: noon)
        try connection.events.append(.started, "version 1", now: noon)
        let events = try connection.events.rows(limit: 9)
        #expect(events.map(\.kind) == [.started, .rot, .added])
        #expect(events[1].infoHash == (try connection.torrents.row(id)?.infoHash))
        #expect(try connection.events.rows(of: id, limit: 1).map(\.detail) == ["piece 3"])
        #expect(try failure { try connection.execute("UPDATE event SET detail = ''") }.code == .constraint)
        try connection.events.prune()
        #expect(try connection.events.rows(limit: 9).count == 3)
    }

    /// The log stays bounded in a life of years, too.
    @Test func oldEventsArePruned() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let limit = EventTable.limit
        try connection.execute(
            """
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 + 5000)
            INSERT INTO event (at, kind, detail) SELECT ?2, 'failed', 'piece ' || i FROM n
            """, limit, noon)
        for _ in 0..<EventTable.betweenPrunes { try connection.events.append(.failed, "newer", now: noon) }
        let count = try connection.value("SELECT count(*) FROM event", as: Int.self)
        let kept = try #require(count)
        #expect((limit..<limit + Int(EventTable.betweenPrunes)).contains(kept))
    }

    /// An engine that dies in a removal is followed by one that ends it.
    @Test func removalsStayUntilTheyAreDone() throws {
        let folder = try TemporaryFolder()
        let (command, engine) = (try folder.connection(), try folder.connection())
        let ids = try (1...3).map { try command.add(seed: $0) }
        for (id, verb) in zip(ids, [IntentVerb.remove, .removeData, .removeData]) {
            try command.intents.append(verb, torrent: id, now: noon)
        }
        try command.intents.append(.verify, torrent: ids[0], now: noon)
        #expect(try engine.intents.take().count == 4)
        try engine.torrents.remove(ids[1], now: noon)
        try engine.intents.endRemoval(of: ids[2])
        let left = try engine.intents.take()
        #expect(left.map(\.torrent) == [ids[0]])
        #expect(left.map(\.verb) == [.remove])
    }

    @Test func intentsAreTakenOnce() throws {
        let folder = try TemporaryFolder()
        let (command, engine) = (try folder.connection(), try folder.connection())
        try command.intents.append(.verify, torrent: TorrentID(5), now: noon)
        try command.intents.append(IntentVerb(rawValue: "from the future"), argument: "x", now: noon)
        let taken = try engine.intents.take()
        #expect(taken.map(\.verb) == [.verify, IntentVerb(rawValue: "from the future")])
        #expect(taken.map(\.torrent) == [TorrentID(5), nil])
        #expect(taken.map(\.argument) == [nil, "x"])
        #expect(try engine.intents.take().isEmpty)
        #expect(try command.intents.take().isEmpty)
    }

    @Test func settingsAndVolumesAreStored() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        try connection.settings.set("a", "1")
        try connection.settings.set("a", "2")
        try connection.settings.set("b", "")
        #expect(try connection.settings.rows().map(\.value) == ["2", ""])
        try connection.settings.set("a", nil)
        #expect(try connection.settings.value("a") == nil)
        let id = try connection.volumes.save(identity: "uuid", mountPath: "/a", now: noon)
        #expect(try connection.volumes.save(identity: "uuid", mountPath: "/b", now: noon + .seconds(1)) == id)
        #expect(try connection.volumes.row(id)?.mountPath == "/b")
        #expect(try connection.volumes.rows().count == 1)
    }

    @Test func liveRowsAreReplacedAndExpire() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add()
        func live(_ torrent: TorrentID, _ rate: Int64) -> LiveRow {
            LiveRow(
                torrent: torrent, downloadRate: rate, uploadRate: 2, peersConnected: 3, seeders: 4, leechers: 5,
                timeLeft: .seconds(6), at: noon)
        }
        try connection.live.save([live(id, 1), live(TorrentID(99), 1)])
        try connection.live.save([live(id, 7)])
        let row = try #require(try connection.live.row(of: id))
        #expect(row == live(id, 7))
        #expect(row.isFresh(noon + LiveRow.lifetime) && !row.isFresh(noon + LiveRow.lifetime + .seconds(1)))
        #expect(try connection.number("SELECT count(*) FROM live") == 1)
        try connection.live.clear()
        #expect(try connection.live.row(of: id) == nil)
    }

    @Test func timestampsSaturate() {
        #expect(Timestamp(.max) + .seconds(1) == Timestamp(.max))
        #expect(Timestamp(.min) + .seconds(-1) == Timestamp(.min))
        #expect(Timestamp(.max) - Timestamp(-1) == .seconds(Int64.max))
        #expect(noon + .seconds(3) - noon == .seconds(3))
    }
}
