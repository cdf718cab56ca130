import DatabaseLab
import Store
import Testing
import Torrent

/// Runs, events, intents, settings, volumes and live rows.
@Suite struct EngineRecordTests {
    @Test func aRunTellsHowTheOneBeforeEnded() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        #expect(try connection.lastRun() == nil)
        let first = try connection.beginRun(pid: 7, version: "1.0", bootID: "boot", now: noon)
        try connection.heartbeat(first, now: noon + .seconds(5))
        let running = try #require(try connection.lastRun())
        #expect(
            running.id == first && running.pid == 7 && running.stoppedAt == nil && !running.isClean
                && running.heartbeatAt == noon + .seconds(5))
        try connection.endRun(first, clean: true, now: noon + .seconds(9))
        let ended = try #require(try connection.lastRun())
        #expect(
            ended.isClean && ended.stoppedAt == noon + .seconds(9) && ended.bootID == "boot" && ended.version == "1.0")
        for _ in 0..<3 { _ = try connection.beginRun(pid: 8, version: "1.0", bootID: "boot", now: noon) }
        #expect(try connection.lastRun()?.pid == 8)
    }

    @Test func eventsAreAppendOnly() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add()
        try connection.appendEvent(.rot, "piece 3", torrent: id, now: noon)
        try connection.appendEvent(.started, "version 1", now: noon)
        let events = try connection.events(limit: 9)
        #expect(events.map(\.kind) == [.started, .rot, .added])
        #expect(events[1].infoHash == (try connection.torrent(id)?.infoHash))
        #expect(try connection.events(of: id, limit: 1).map(\.detail) == ["piece 3"])
        #expect(try failure { try connection.execute("UPDATE event SET detail = ''") }.code == .constraint)
        try connection.pruneEvents()
        #expect(try connection.events(limit: 9).count == 3)
    }

    /// The log stays bounded in a life of years, too.
    @Test func oldEventsAreForgottenAsOthersCome() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let limit = Connection.eventLimit
        try connection.execute(
            """
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 + 5000)
            INSERT INTO event (at, kind, detail) SELECT ?2, 'failed', 'piece ' || i FROM n
            """, limit, noon)
        for _ in 0..<Connection.eventsBetweenPrunes { try connection.appendEvent(.failed, "newer", now: noon) }
        let count = try connection.first("SELECT count(*) FROM event") { (row) throws(StoreError) in
            try row.next(Int.self)
        }
        let kept = try #require(count)
        #expect((limit..<limit + Int(Connection.eventsBetweenPrunes)).contains(kept))
    }

    @Test func intentsAreTakenOnce() throws {
        let folder = try TemporaryFolder()
        let (command, engine) = (try folder.connection(), try folder.connection())
        try command.appendIntent(.verify, torrent: TorrentID(5), now: noon)
        try command.appendIntent(IntentVerb(rawValue: "from the future"), argument: "x", now: noon)
        let taken = try engine.takeIntents()
        #expect(taken.map(\.verb) == [.verify, IntentVerb(rawValue: "from the future")])
        #expect(taken.map(\.torrent) == [TorrentID(5), nil])
        #expect(taken.map(\.argument) == [nil, "x"])
        #expect(try engine.takeIntents().isEmpty)
        #expect(try command.takeIntents().isEmpty)
    }

    @Test func settingsAndVolumes() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        try connection.set("a", "1")
        try connection.set("a", "2")
        try connection.set("b", "")
        #expect(try connection.settings().map(\.value) == ["2", ""])
        try connection.set("a", nil)
        #expect(try connection.setting("a") == nil)
        let id = try connection.saveVolume(identity: "uuid", mountPath: "/a", now: noon)
        #expect(try connection.saveVolume(identity: "uuid", mountPath: "/b", now: noon + .seconds(1)) == id)
        #expect(try connection.volume(id)?.mountPath == "/b")
        #expect(try connection.volumes().count == 1)
    }

    @Test func liveRowsAreReplacedAndGrowStale() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add()
        func live(_ torrent: TorrentID, _ rate: Int64) -> LiveRow {
            LiveRow(
                torrent: torrent, downloadRate: rate, uploadRate: 2, peersConnected: 3, seeders: 4, leechers: 5,
                timeLeft: .seconds(6), at: noon)
        }
        try connection.saveLive([live(id, 1), live(TorrentID(99), 1)])
        try connection.saveLive([live(id, 7)])
        let row = try #require(try connection.live(of: id))
        #expect(row == live(id, 7))
        #expect(row.isFresh(noon + LiveRow.lifetime) && !row.isFresh(noon + LiveRow.lifetime + .seconds(1)))
        #expect(try connection.number("SELECT count(*) FROM live") == 1)
        try connection.clearLive()
        #expect(try connection.live(of: id) == nil)
    }

    @Test func timesSaturate() {
        #expect(Timestamp(.max) + .seconds(1) == Timestamp(.max))
        #expect(Timestamp(.min) + .seconds(-1) == Timestamp(.min))
        #expect(Timestamp(.max) - Timestamp(-1) == .seconds(Int64.max))
        #expect(noon + .seconds(3) - noon == .seconds(3))
    }
}
