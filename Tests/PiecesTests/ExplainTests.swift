import Foundation
import Library
import Store
import SystemPackage
import Testing
import Torrent

/// What `pieces explain` says, for each thing that can be the matter.
struct ExplainTests {
    typealias Kind = Explanation.Kind

    /// What the database says, and the causes that follow, in their order.
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        var isRunning = true
        var trackers = true
        var place: Explanation.Place?
        let causes: [Kind]
        var words = ""
        var without = "\0"
        var change: @Sendable (Connection, TorrentID) throws -> Void = { _, _ in }

        var testDescription: String { name }
    }

    static let now = Timestamp(1_800_000_000)

    static func live(_ id: TorrentID, rate: Int64 = 0, peers: Int = 0) -> LiveRow {
        LiveRow(
            torrent: id, downloadRate: rate, uploadRate: 0, peersConnected: peers, seeders: 0, leechers: peers,
            timeLeft: .seconds(90), at: now)
    }

    static func peer(_ port: UInt16, _ flags: LivePeerRow.Flags) -> LivePeerRow {
        LivePeerRow(
            address: address(port), isIncoming: false, client: nil, pieces: 1, flags: flags, downloadRate: 0,
            uploadRate: 0, downloadedBytes: 0,
            uploadedBytes: 0, requests: 0)
    }

    static func address(_ port: UInt16) -> PeerAddress { PeerAddress(.v4(0x7f00_0001), port: port) }

    static func remember(_ db: Connection, _ id: TorrentID, failures: Int) throws {
        var update = PeerUpdate(address: address(9), source: .tracker)
        update.failures = failures
        try db.peers.save(id, [update], now: now)
    }

    static func tracker(_ db: Connection, _ id: TorrentID, _ change: (inout TrackerRow) -> Void) throws {
        var row = try #require(try db.trackers.rows(of: id).first)
        row.lastAnnounceAt = now
        change(&row)
        try db.trackers.save(row)
    }

    static func seeds(_ db: Connection, _ id: TorrentID, _ urls: [String], _ change: (inout WebSeedRow) -> Void) throws
    {
        try db.webSeeds.add(torrent: id, urls: urls, origin: .user)
        var rows = try db.webSeeds.rows(of: id)
        for index in rows.indices {
            rows[index].liveAt = now
            change(&rows[index])
        }
        try db.webSeeds.save(rows, of: id)
    }

    /// A torrent that seeds, is dormant and lost a piece.
    static func damage(_ db: Connection, _ id: TorrentID, _ kind: DamageRow.Kind, isHeld: Bool) throws {
        try db.execute("UPDATE torrent SET state = 'seeding', completed_bytes = wanted_bytes - 16384")
        let piece = NewDamage(
            piece: PieceIndex(0), kind: kind, isHeld: isHeld, path: "set/a", fileOffset: 0, bytes: 16384)
        try db.damage.add([piece], of: id, now: now)
    }

    static func say(_ db: Connection, _ report: SlotReport) throws {
        try db.runs.saveSlots(try db.runs.begin(pid: 1, version: "1", bootID: "b", now: now), report)
    }

    static let cases = [
        Case(name: "no engine", isRunning: false, causes: [.noEngine, .noPeers], words: "no engine has run yet"),
        Case(
            name: "paused, no engine", isRunning: false, causes: [.paused, .noEngine, .noPeers], words: "it is paused"
        ) { db, id in
            try db.torrents.setPaused(id, true)
        },
        Case(name: "offline", causes: [.offline, .announceWaits, .noPeers], words: "it can't be seen") { db, id in
            try db.torrents.setState(id, .offline, error: "it can't be seen")
        },
        Case(name: "error", causes: [.error, .announceWaits, .noPeers], words: "the disk is full") { db, id in
            try db.torrents.setState(id, .error, error: "the disk is full")
        },
        Case(
            name: "read-only, and served", causes: [.error],
            words: "nothing is downloaded or repaired: the torrent is read-only, and 1 piece is missing",
            without: "retries automatically"
        ) { db, id in
            try db.torrents.setState(
                id, .error, error: "the torrent is read-only, and 1 piece is missing", code: .readOnly)
        },
        Case(
            name: "an error with the same words", causes: [.error, .announceWaits, .noPeers],
            words: "it stopped with an error: x: pieces serves what is there; y"
        ) { db, id in
            try db.torrents.setState(id, .error, error: "x: pieces serves what is there; y")
        },
        Case(
            name: "an edit is kept", causes: [.damaged], words: "`pieces repair 1 --overwrite-edits`"
        ) { db, id in try damage(db, id, .edit, isHeld: true) },
        Case(
            name: "an edit is kept, and more is missing", causes: [.damaged, .announceWaits, .noPeers]
        ) { db, id in
            try damage(db, id, .edit, isHeld: true)
            try db.execute("UPDATE torrent SET completed_bytes = 0")
        },
        Case(
            name: "rot without a source", causes: [.damaged, .announceWaits, .noPeers],
            words: "`pieces webseeds 1 --add URL` adds one", without: "`pieces trackers` add"
        ) { db, id in
            try damage(db, id, .rot, isHeld: false)
            try db.damage.setState(id, [PieceIndex(0)], .unavailable)
        },
        Case(
            name: "a web seed and no trackers", trackers: false, causes: [.notReported, .noPeers]
        ) { db, id in
            try db.torrents.setState(id, .downloading, error: nil)
            try db.webSeeds.add(torrent: id, urls: ["http://w/"], origin: .user)
        },
        Case(
            name: "downloading from web seeds alone", causes: [.downloading],
            words: "it is downloading at 12.0 MiB/s from 2 web seeds (12.0 MiB/s), without peers"
        ) { db, id in
            try db.torrents.setState(id, .downloading, error: nil)
            try db.live.save([live(id, rate: 12 << 20)])
            try seeds(db, id, ["http://v/", "http://w/"]) { $0.liveRate = 6 << 20 }
        },
        Case(
            name: "its web seed fails", trackers: false,
            causes: [.webSeedsFail, .noTrackers, .noPeers],
            words: "its web seed fails: http://w/: it answered 503"
        ) { db, id in
            try db.torrents.setState(id, .downloading, error: nil)
            try db.live.save([live(id)])
            try seeds(db, id, ["http://w/"]) { $0.lastError = "it answered 503" }
        },
        Case(
            name: "its web seed lacks a file", trackers: false, causes: [.webSeedLacksFile, .noPeers],
            words: "the web seed http://w/ can't deliver"
        ) { db, id in
            try db.torrents.setState(id, .downloading, error: nil)
            try db.live.save([live(id)])
            try seeds(db, id, ["http://w/"]) { _ in }
            try db.webSeeds.save(
                [WebSeedFileRow(url: "http://w/", index: 0, lacking: "404", location: nil, at: now)], of: id)
        },
        Case(name: "nothing wanted", causes: [.nothingWanted], words: "pieces select 1") { db, id in
            try db.torrents.setSelection(id, wanted: [false, false], wantedBytes: 0, completedBytes: 0)
        },
        Case(name: "complete", causes: [.complete]) { db, id in
            try db.execute("UPDATE torrent SET completed_bytes = wanted_bytes")
        },
        Case(name: "complete, and offline", causes: [.offline], words: "it can't be seen") { db, id in
            try db.execute("UPDATE torrent SET completed_bytes = wanted_bytes")
            try db.torrents.setState(id, .offline, error: "it can't be seen")
        },
        Case(name: "complete, and in error", causes: [.error], words: "a link is in the way") { db, id in
            try db.execute("UPDATE torrent SET completed_bytes = wanted_bytes")
            try db.torrents.setState(id, .error, error: "a link is in the way")
        },
        Case(name: "complete, and somebody looked", place: .reachable, causes: [.complete]) { db, id in
            try db.execute("UPDATE torrent SET completed_bytes = wanted_bytes")
        },
        Case(
            name: "complete, and partly on another disk since",
            place: .offline(reason: "it is on another disk", allowsRelocation: true),
            causes: [.offline],
            words: "pieces verify 1 --relocated"
        ) { db, id in try db.execute("UPDATE torrent SET completed_bytes = wanted_bytes") },
        Case(
            name: "complete, and away since",
            place: .offline(reason: "it is on another disk", allowsRelocation: false), causes: [.offline],
            words: "nothing is downloaded again", without: "--relocated"
        ) { db, id in try db.execute("UPDATE torrent SET completed_bytes = wanted_bytes") },
        Case(
            name: "the folder hangs", place: .silent, causes: [.offline, .announceWaits, .noPeers],
            words: "does not respond: /x"),
        Case(
            name: "back since", place: .reachable, causes: [.offline, .announceWaits, .noPeers], words: "it is back now"
        ) { db, id in
            try db.torrents.setState(id, .offline, error: "it can't be seen")
        },
        Case(
            name: "seeding for a time", causes: [.complete, .seeding],
            words: "it has seeded for 1 h of 3 d: 2 d 23 h left"
        ) { db, id in
            try db.execute("UPDATE torrent SET completed_bytes = wanted_bytes")
            try db.torrents.setSeedGoal(id, .time(.seconds(3 * 86400)))
            try db.seedTimes.raise(id, to: .seconds(3600))
        },
        Case(
            name: "seeded for long enough", causes: [.complete, .seeding], words: "for 1 h of 1 h: its goal is reached"
        ) { db, id in
            try db.execute("UPDATE torrent SET completed_bytes = wanted_bytes")
            try db.torrents.setSeedGoal(id, .time(.seconds(3600)))
            try db.seedTimes.raise(id, to: .seconds(3600))
        },
        // Of the two files one is wanted, and half of its bytes were uploaded.
        Case(
            name: "seeding to a ratio", causes: [.complete, .seeding], words: "a ratio of 0.50 of 2.00: 24.0 KiB left"
        ) { db, id in
            try db.torrents.setSelection(id, wanted: [true, false], wantedBytes: 16384, completedBytes: 16384)
            try db.execute("UPDATE torrent SET uploaded_bytes = 8192")
            try db.torrents.setSeedGoal(id, .ratio(2))
        },
        Case(
            name: "queued behind others", causes: [.queued, .announceWaits, .noPeers],
            words: "1 other torrent is downloading"
        ) { db, _ in
            _ = try db.torrents.insert(NewTorrent(metainfo: try made("other", trackers: false), output: "/x"), now: now)
            try db.torrents.setState(TorrentID(rawValue: 2), .downloading, error: nil)
        },
        Case(
            name: "queued, all slots in use", causes: [.queued, .announceWaits, .noPeers],
            words:
                "it is waiting for one of 2 download slots, at place 1 of 7; in use by other and 1 other it starts automatically"
        ) { db, _ in
            _ = try db.torrents.insert(NewTorrent(metainfo: try made("other", trackers: false), output: "/x"), now: now)
            try db.torrents.setState(TorrentID(rawValue: 2), .downloading, error: nil)
            try say(db, SlotReport(downloads: SlotUse(limit: 2, active: 2, waiting: 7)))
        },
        Case(
            name: "queued for a check", causes: [.queued, .announceWaits, .noPeers],
            words: "it is waiting for the only check slot; in use by other"
        ) { db, id in
            _ = try db.torrents.insert(NewTorrent(metainfo: try made("other", trackers: false), output: "/x"), now: now)
            try db.torrents.setState(TorrentID(rawValue: 2), .checking, error: nil)
            try db.pieces.addWriteIntents(id, [PieceIndex(0)], now: now)
            try say(db, SlotReport(downloads: SlotUse(limit: 2), checks: SlotUse(limit: 1, active: 1, waiting: 1)))
        },
        Case(
            name: "queued, engine of others", causes: [.queued, .announceWaits, .noPeers],
            words: "works only on the torrents that its command named"
        ) { db, _ in try say(db, SlotReport(isOfNamedOnly: true, downloads: SlotUse(limit: 50, active: 1))) },
        Case(name: "checking", causes: [.checking, .announceWaits, .noPeers]) { db, id in
            try db.torrents.setState(id, .checking, error: nil)
        },
        Case(name: "not heard of", causes: [.notReported, .announceWaits, .noPeers]) { db, id in
            try db.torrents.setState(id, .downloading, error: nil)
        },
        Case(name: "downloading", causes: [.downloading], words: "from 2 peers, 1 min 30 s left") { db, id in
            try db.torrents.setState(id, .downloading, error: nil)
            try db.live.save([live(id, rate: 1 << 20, peers: 2)])
        },
        Case(name: "limited", causes: [.downloading, .limited], words: "--download none") { db, id in
            try db.torrents.setState(id, .downloading, error: nil)
            try db.torrents.setLimits(id, TorrentLimits(download: 1 << 20))
            try db.live.save([live(id, rate: 1 << 20, peers: 2)])
        },
        Case(name: "choked", causes: [.choked], words: "all of them choke us") { db, id in
            try db.torrents.setState(id, .downloading, error: nil)
            try db.live.save([live(id, peers: 2)])
            try db.live.savePeers(id, [peer(1, [.weAreInterested, .itChokes]), peer(2, [])])
            try remember(db, id, failures: 0)
            try tracker(db, id) { $0.seeders = 3 }
        },
        Case(name: "nothing new", causes: [.nothingNew]) { db, id in
            try db.torrents.setState(id, .downloading, error: nil)
            try db.live.save([live(id, peers: 1)])
            try db.live.savePeers(id, [peer(1, [])])
            try remember(db, id, failures: 0)
            try tracker(db, id) { $0.seeders = 3 }
        },
        Case(name: "silent", causes: [.silent]) { db, id in
            try db.torrents.setState(id, .downloading, error: nil)
            try db.live.save([live(id, peers: 1)])
            try db.live.savePeers(id, [peer(1, .weAreInterested)])
            try remember(db, id, failures: 0)
            try tracker(db, id) { $0.seeders = 3 }
        },
        Case(name: "no tracker", trackers: false, causes: [.noTrackers, .noPeers]) { db, id in
            try db.torrents.setState(id, .downloading, error: nil)
            try db.live.save([live(id)])
        },
        Case(
            name: "trackers fail", causes: [.trackersFail, .noPeers],
            words: "http://t.example/announce: no such torrent"
        ) { db, id in
            try db.torrents.setState(id, .downloading, error: nil)
            try db.live.save([live(id)])
            try tracker(db, id) {
                $0.failures = 2
                $0.lastError = "no such torrent"
            }
        },
        Case(name: "nobody has it", causes: [.noPeerHasIt, .noPeers]) { db, id in
            try db.torrents.setState(id, .downloading, error: nil)
            try db.live.save([live(id)])
            try tracker(db, id) { $0.seeders = 0 }
        },
        Case(name: "unreachable", causes: [.peersUnreachable], words: "1 peer known") { db, id in
            try db.torrents.setState(id, .downloading, error: nil)
            try db.live.save([live(id)])
            try tracker(db, id) { $0.seeders = 1 }
            try remember(db, id, failures: 3)
        },
        Case(
            name: "super-seeding", causes: [.complete, .superSeeding],
            words: "the connected peers have 1 of 2 pieces between them"
        ) { db, id in
            try db.execute("UPDATE torrent SET state = 'seeding', completed_bytes = wanted_bytes")
            var report = live(id, peers: 2)
            report.spreadPieces = 1
            try db.live.save([report])
        },
        Case(
            name: "super-seeding has ended", causes: [.complete, .superSeeding],
            words: "it needn't super-seed: other peers"
        ) { db, id in
            try db.execute("UPDATE torrent SET state = 'seeding', completed_bytes = wanted_bytes, super_seed = 1")
            try db.live.save([live(id, peers: 2)])
        },
        Case(name: "banned", causes: [.peersBanned], words: "poisoned") { db, id in
            try db.torrents.setState(id, .downloading, error: nil)
            try db.live.save([live(id)])
            try tracker(db, id) { $0.seeders = 1 }
            try db.peers.ban(id, address(9), until: now + .seconds(60), reason: "lied", now: now)
        },
    ]

    static func made(_ name: String, trackers: Bool) throws -> Metainfo {
        let hashes = String(repeating: "x", count: 40)
        let info =
            "d5:filesld6:lengthi16384e4:pathl1:aeed6:lengthi16384e4:pathl1:beee4:name\(name.utf8.count):\(name)12:piece lengthi16384e6:pieces40:\(hashes)e"
        let announce = trackers ? "8:announce25:http://t.example/announce" : ""
        return try Metainfo(torrentFile: Array("d\(announce)4:info\(info)e".utf8))
    }

    @Test(arguments: cases) func likeliestCauseComesFirst(_ one: Case) async throws {
        try await withProgram { program in
            let path = FilePath(program.folder.path + "/p.db")
            let connection = try Connection.open(path, mode: .readWriteCreate, now: Self.now)
            let id = try connection.torrents.insert(
                NewTorrent(metainfo: try Self.made("set", trackers: one.trackers), output: "/x"), now: Self.now)
            try one.change(connection, id)
            let engine = EngineState(isRunning: one.isRunning, pid: nil, since: nil)
            let row = try #require(try connection.torrents.row(id))
            var facts = try Explanation.Facts(row, engine, connection, now: Self.now)
            facts.place = one.place
            let causes = Explanation(facts).causes
            #expect(causes.map(\.kind) == one.causes)
            let text = causes.map { "\($0.sentence) \($0.advice ?? "")" }.joined(separator: " ")
            #expect(one.words.isEmpty || text.contains(one.words), "\(text)")
            #expect(!text.contains(one.without), "\(text)")
        }
    }

    /// The command itself, on a database that no engine works on.
    @Test func explainPrintsTextAndJSON() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--output", "down", "--paused")
            let text = try await program.succeed("explain", "set").output
            #expect(
                text.hasPrefix(
                    "set: paused, 0 B of 293 KiB\n1. it is paused\n   resume it with `pieces resume 1`\n2. "), "\(text)"
            )
            let object = try #require(try await program.succeed("explain", "1", "--json").json as? [String: Any])
            let causes = try #require(object["causes"] as? [[String: Any]])
            #expect(causes.first?["kind"] as? String == "paused" && object["state"] as? String == "paused")
            #expect(try await program.run("explain", "other").status == 1)
            // Without an engine a torrent is stopped, as in `status`; JSON keeps the state of the database.
            try await program.succeed("resume", "set")
            #expect(try await program.succeed("explain", "set").output.hasPrefix("set: stopped, 0 B of 293 KiB\n"))
            let resumed = try #require(try await program.succeed("explain", "1", "--json").json as? [String: Any])
            #expect(resumed["state"] as? String == "queued")
        }
    }
}
