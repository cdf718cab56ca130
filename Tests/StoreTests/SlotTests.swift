import CSQLite
import DatabaseLab
import Store
import SystemPackage
import Testing
import Torrent

/// Who waits, in which order, and what an engine says of its slots.
struct SlotTests {
    @Test func slotReportRoundTrips() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection(.readWriteCreate)
        #expect(try db.runs.lastSlots() == nil)
        let run = try db.runs.begin(pid: 1, version: "1", bootID: "b", now: noon)
        #expect(try db.runs.lastSlots()?.report == SlotReport())
        let report = SlotReport(
            isOfNamedOnly: true, downloads: SlotUse(limit: 50, active: 50, waiting: 150), seeds: SlotUse(active: 3),
            checks: SlotUse(limit: 8, waiting: 2))
        try db.runs.saveSlots(run, report)
        let last = try #require(try db.runs.lastSlots())
        #expect(last.report == report && last.at == noon)
    }

    @Test func yieldedTorrentsComeAfterTheOthers() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection(.readWriteCreate)
        let ids = try (0..<5).map { n throws in
            try db.torrents.insert(NewTorrent(metainfo: try madeUp(seed: UInt64(n) + 1), output: "/data"), now: noon)
        }
        try db.queue.setTurn(ids[0], 2)
        try db.queue.setTurn(ids[2], 1)
        try db.torrents.setState(ids[1], .downloading)
        #expect(try db.queue.yielded().map(\.id) == [ids[2], ids[0]])
        #expect(try db.queue.yielded().map(\.turn) == [1, 2])
        #expect(try [3, 4, 2, 0].map { try db.queue.place(of: ids[$0]) } == [1, 2, 3, 4])
        try db.queue.setTurn(ids[0], nil)
        #expect(try db.queue.place(of: ids[0]) == 1)
        // What can only be damage is left out.
        try db.queue.setTurn(ids[3], .max)
        #expect(try db.queue.yielded().map(\.id) == [ids[2]])
        #expect(try db.torrents.rows(in: .queued, limit: 2).map(\.id) == [ids[0], ids[2]])
        #expect(try db.torrents.rows(in: .queued, after: ids[2], limit: 9).map(\.id) == [ids[3], ids[4]])
        #expect(try db.torrents.count(in: .queued) == 4)
    }

    /// Torrents in other states aren't looked at.
    @Test func torrentsByStateUseTheIndex() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection(.readWriteCreate)
        let sql = "SELECT * FROM torrent AS t WHERE state = 'complete' AND id > 7 ORDER BY id LIMIT 500"
        let plan = try db.plan(sql)
        #expect(plan.count == 1 && plan[0].contains("torrent_by_state"), "\(plan)")
    }
}
