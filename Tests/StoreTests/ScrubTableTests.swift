import DatabaseLab
import Store
import SystemPackage
import Testing
import Torrent

/// What is due, what is damaged, and what the user wants of scrubs.
struct ScrubTableTests {
    private static let day = Duration.seconds(86400)

    private func withTorrents<Value>(
        _ count: Int, ages: [Int], _ body: (Connection, [TorrentID]) throws -> Value
    ) throws -> Value {
        let connection = try Connection.scratch(now: noon)
        var ids: [TorrentID] = []
        for n in 0..<count {
            let id = try connection.torrents.insert(
                NewTorrent(metainfo: try madeUp(seed: UInt64(n + 1)), output: "/srv/\(n)"), now: noon)
            var record = ProgressRecord(torrent: id, verifiedAt: noon + (.zero - Self.day * ages[n]))
            record.newPieces = pieces(0..<3)
            record.completedBytes = 3 * 16384
            _ = try connection.pieces.record([record])
            ids.append(id)
        }
        return try body(connection, ids)
    }

    private func due(_ db: Connection, backlog: Duration = .zero, since: Timestamp? = nil, except: Set<TorrentID> = [])
        throws -> [TorrentID]
    {
        try db.scrubs.due(
            .init(now: noon, backlog: backlog, youngest: .zero, since: since), on: [nil], except: except, limit: 100
        ).map(\.torrent)
    }

    @Test func torrentsAreDueInTheOrderOfTheirDeadlines() throws {
        try withTorrents(4, ages: [28, 40, 5, 29]) { db, ids in
            let (none, all): (Set<TorrentID>, [TorrentID]) = ([], [ids[1], ids[3], ids[0], ids[2]])
            let plain = try due(db, except: none)
            #expect(plain == [ids[1], ids[3], ids[0]])
            let behind = try due(db, backlog: Self.day * 25)
            #expect(behind == all)
            let without = try due(db, except: [ids[3]])
            #expect(without == [ids[1], ids[0]])
            let now = try due(db, since: noon)
            #expect(now == all)
        }
    }

    @Test func ownPeriodsCountBeforeTheCommonOne() throws {
        try withTorrents(3, ages: [10, 10, 10]) { db, ids in
            #expect(try due(db).isEmpty)
            try db.scrubs.setPeriod(Self.day * 7, of: ids[1])
            #expect(try due(db) == [ids[1]])
            #expect(try db.scrubs.period(of: ids[1]) == Self.day * 7)
            #expect(try db.scrubs.period(of: ids[0]) == ScrubControl.standardPeriod)
            try db.scrubs.setPeriod(.zero, of: ids[1])
            #expect(try due(db, since: noon) == [ids[0], ids[2]])
            #expect(try db.scrubs.period(of: ids[1]) == nil)
            try db.scrubs.setPeriod(nil, of: ids[1])
            #expect(try due(db, since: noon).count == 3)
            var control = try db.scrubs.control()
            control.period = nil
            try db.scrubs.set(control)
            #expect(try due(db, since: noon).isEmpty)
        }
    }

    @Test func controlIsKept() throws {
        try withTorrents(0, ages: []) { db, _ in
            #expect(try db.scrubs.control() == ScrubControl())
            let control = ScrubControl(period: nil, rate: 5_000_000, isPaused: true, since: noon)
            try db.scrubs.set(control)
            #expect(try db.scrubs.control() == control)
            try db.scrubs.set(ScrubControl())
            #expect(try db.settings.rows().isEmpty)
        }
    }

    private func damage(_ piece: Int, _ kind: DamageRow.Kind = .rot, isHeld: Bool = false) -> NewDamage {
        NewDamage(
            piece: PieceIndex(piece), kind: kind, isHeld: isHeld, path: "file", fileOffset: 16384, bytes: 16384)
    }

    @Test func damageStandsUntilItIsReadBack() throws {
        try withTorrents(1, ages: [30]) { db, ids in
            let id = ids[0]
            try db.damage.add([damage(1), damage(2, .edit, isHeld: true)], of: id, now: noon)
            #expect(try db.damage.standing(of: id).map(\.state) == [.waiting, .held])
            var record = ProgressRecord(torrent: id, verifiedAt: noon)
            record.newPieces = pieces([1])
            record.repairedPieces = [
                RepairedPiece(
                    piece: PieceIndex(1), source: "a peer", firstBad: .init(path: "file", fileOffset: 16391),
                    badBytes: 3, badBits: 4)
            ]
            _ = try db.pieces.record([record])
            let written = try #require(try db.damage.standing(of: id).first)
            #expect(written.state == .written && written.source == "a peer" && written.fileOffset == 16391)
            #expect(written.badBytes == 3 && written.badBits == 4)
            try db.damage.repaired(pieces([1]), of: id, now: noon)
            #expect(try db.damage.standingCount() == 1)
            let sum = try #require(try db.damage.sums().first)
            #expect(sum.found == 2 && sum.repaired == 1 && sum.held == 1 && sum.standing == 1)
        }
    }

    @Test func suspectsAreRememberedAsRuns() throws {
        try withTorrents(1, ages: [30]) { db, ids in
            var pieces = Bitfield(count: 3)
            #expect(try db.damage.suspects(of: ids[0], count: 3).isEmpty)
            for set in [[0], [0, 2], [1, 2], [0, 1, 2], []] {
                pieces = Bitfield(count: 3)
                for piece in set { pieces.insert(PieceIndex(piece)) }
                try db.damage.setSuspects(ids[0], pieces)
                #expect(try db.damage.suspects(of: ids[0], count: 3) == pieces)
            }
            try db.settings.set("edits.\(ids[0])", "2-1,x,-5-7,1-9,1-1")
            #expect(try db.damage.suspects(of: ids[0], count: 3).population == 1)
            try db.torrents.remove(ids[0], now: noon)
            #expect(try db.settings.value("edits.\(ids[0])") == nil)
        }
    }

    /// The brake of a volume stops what is waiting there, and the word of the user frees it, volume by volume.
    @Test func heldVolumeRepairsNothing() throws {
        let db = try Connection.scratch(now: noon)
        try db.execute(
            "INSERT INTO volume (id, identity, mount_path, last_seen) VALUES (1, 'a', '/a', 0), (2, 'b', '/b', 0)")
        var ids: [TorrentID] = []
        for n in 1...2 {
            let id = try db.torrents.insert(
                NewTorrent(metainfo: try madeUp(seed: UInt64(n)), output: "/srv/\(n)"), now: noon)
            try db.execute("UPDATE torrent SET volume_id = ? WHERE id = ?", n, id)
            try db.damage.add([damage(0), damage(1), damage(2, .edit, isHeld: true)], of: id, now: noon)
            ids.append(id)
        }
        try db.damage.setState(ids[0], pieces([1]), .unavailable)
        #expect(try db.damage.hold(on: VolumeID(rawValue: 1)) == [ids[0]])
        #expect(try db.damage.standing(of: ids[0]).map(\.state) == [.held, .held, .held])
        #expect(try db.damage.standing(of: ids[1]).map(\.state) == [.waiting, .waiting, .held])
        for n in 1...2 { try db.scrubs.hold(VolumeID(rawValue: Int64(n)), reason: "many", now: noon) }
        #expect(try db.scrubs.release(VolumeID(rawValue: 2)) == [VolumeID(rawValue: 2)])
        #expect(try db.scrubs.row(VolumeID(rawValue: 1))?.heldReason == "many")
        #expect(try db.scrubs.release() == [VolumeID(rawValue: 1)])
        // Old counts are halved.
        try db.scrubs.add(VolumeID(rawValue: 1), readBytes: 1, pieces: 30_000, bad: 7, transients: 0, cursor: nil)
        let row = try #require(try db.scrubs.row(VolumeID(rawValue: 1)))
        #expect(row.countedPieces == 15_000 && row.countedBad == 3)
    }

    @Test func repairThatDoesNotLastIsCounted() throws {
        try withTorrents(1, ages: [30]) { db, ids in
            try db.damage.add([damage(0)], of: ids[0], now: noon)
            try db.damage.setState(ids[0], pieces([0]), .written)
            try db.damage.add([damage(0, isHeld: true)], of: ids[0], now: noon)
            let row = try #require(try db.damage.standing(of: ids[0]).first)
            #expect(row.tries == 1 && row.state == .held)
            #expect(try db.damage.rows(of: ids[0], limit: 10).count == 1)
            // The same piece may rot again after its repair.
            try db.damage.repaired(pieces([0]), of: ids[0], now: noon)
            try db.damage.add([damage(0)], of: ids[0], now: noon)
            #expect(try db.damage.rows(of: ids[0], limit: 10).count == 2)
        }
    }

    @Test func coverageCountsBytesByTheirPeriods() throws {
        try withTorrents(3, ages: [10, 40, 29]) { db, ids in
            try db.scrubs.setPeriod(.zero, of: ids[2])
            let coverage = try #require(try db.scrubs.coverage(now: noon)[nil])
            #expect(coverage.torrents == 3)
            #expect(coverage.bytes == 9 * 16384)
            #expect(coverage.policyBytes == 6 * 16384)
            #expect(coverage.coveredBytes == 3 * 16384)
            #expect(coverage.lag == Self.day * 10)
            #expect(coverage.oldest == noon + (.zero - Self.day * 40))
            #expect(coverage.dueBytes == 3 * 16384, "what is overdue")
            let since = noon + (.zero - Self.day * 20)
            #expect(try db.scrubs.coverage(now: noon, since: since)[nil]?.dueBytes == 3 * 16384)
            #expect(try db.scrubs.coverage(now: noon, since: noon)[nil]?.dueBytes == 6 * 16384, "what is read now")
            let cursor = ScrubVolumeRow.Cursor(torrent: ids[0], nextPiece: PieceIndex(2), pageBeganAt: noon)
            try db.scrubs.add(VolumeID(rawValue: 1), readBytes: 1, pieces: 2, bad: 0, transients: 0, cursor: cursor)
            #expect(try db.scrubs.coverage(now: noon, since: noon)[nil]?.dueBytes == 4 * 16384, "two were read")
            let later = noon + .seconds(1)
            #expect(try db.scrubs.coverage(now: noon, since: later)[nil]?.dueBytes == 6 * 16384, "read too early")
        }
    }

    @Test func removedTorrentTakesItsDamageAlong() throws {
        // A scratch database has no foreign keys.
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        let id = try db.add(seed: 1)
        try db.damage.add([damage(0)], of: id, now: noon)
        try db.scrubs.setPeriod(Self.day, of: id)
        try db.torrents.remove(id, now: noon)
        #expect(try db.damage.standingCount() == 0)
        #expect(try db.scrubs.ownPolicyCount() == 0)
    }
}
