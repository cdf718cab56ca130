import DatabaseLab
import Store
import Testing
import Torrent

@Suite struct TorrentQueryTests {
    @Test func torrentIsStoredCompletely() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let info = try madeUp(
            seed: 5, files: 4, trackers: [["http://a/announce", "http://b/announce"], ["udp://c:1"]])
        var new = NewTorrent(metainfo: info, output: "/data/ünïcode", wanted: [true, false, true, false])
        new.extraTrackers = [["http://b/announce", "http://d/announce"]]
        new.settings.isSequential = true
        new.settings.limits = TorrentLimits(download: 1000, peers: 5)
        new.settings.seedGoal = .ratio(1.5)
        let id = try connection.torrents.insert(new, now: noon)
        let row = try #require(try connection.torrents.row(id))
        #expect(row.infoHash == info.infoHash && row.name == info.name && row.output == new.output)
        #expect(row.totalBytes == 4 * 16384 && row.pieceCount == 4 && row.pieceLength == 16384)
        #expect(row.settings == new.settings)
        #expect(row.wantedBytes == 2 * 16384 && row.completedBytes == 0 && !row.isComplete)
        #expect(row.state == .queued && row.addedAt == noon && row.completedAt == nil && !row.isRootSeen)
        #expect(try connection.files.wanted(of: id, count: 4) == [true, false, true, false])
        #expect(try connection.metainfos.file(of: id) == info.file)
        #expect(try connection.metainfos.infoDictionary(of: id) == Array(info.file[info.infoRange]))
        #expect(
            try connection.metainfos.pieceHashes(of: id, PieceIndex(1)..<PieceIndex(3)) == pieceHash(seed: 5, piece: 1)
                + pieceHash(seed: 5, piece: 2))
        #expect(try connection.metainfos.pieceHashes(of: id, PieceIndex(4)..<PieceIndex(4)).isEmpty)
        #expect(
            try connection.trackers.rows(of: id).map(\.url) == [
                "http://a/announce", "http://b/announce", "udp://c:1", "http://d/announce",
            ])
        #expect(try connection.trackers.rows(of: id).map(\.tier) == [0, 0, 1, 2])
        #expect(try connection.torrents.row(info.infoHash) == row)
        #expect(try connection.torrents.rows() == [row])
        #expect(try connection.torrents.incomplete() == [id])
        #expect(try connection.events.rows(of: id, limit: 5).map(\.kind) == [.added])
    }

    /// Each setting is changed alone, so that a column that is read or written in another's place shows.
    @Test func everySettingIsStoredInItsColumn() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let changes: [(inout TorrentSettings) -> Void] = [
            { $0.isPaused = true }, { $0.isSequential = true }, { $0.allocatesFull = true },
            { $0.limits.download = 1 }, { $0.limits.upload = 2 }, { $0.limits.peers = 3 },
            { $0.seedGoal = .none }, { $0.seedGoal = .ratio(4) }, { $0.seedGoal = .time(.seconds(5)) },
            { $0.superSeeds = true }, { $0.superSeeds = false }, { $0.isReadOnly = true },
        ]
        for (seed, change) in zip(UInt64(10)..., changes) {
            var settings = TorrentSettings()
            change(&settings)
            var new = NewTorrent(metainfo: try madeUp(seed: 2 * seed), output: "/data")
            new.settings = settings
            let added = try connection.torrents.insert(new, now: noon)
            #expect(try connection.torrents.row(added)?.settings == settings, "inserted")
            let id = try connection.add(seed: 2 * seed + 1)
            try connection.torrents.setSettings(id, from: TorrentSettings(), to: settings)
            #expect(try connection.torrents.row(id)?.settings == settings, "changed")
            try connection.torrents.setSettings(id, from: settings, to: TorrentSettings())
            #expect(try connection.torrents.row(id)?.settings == TorrentSettings(), "changed back")
        }
        let properties =
            Mirror(reflecting: TorrentSettings()).children.count
            + Mirror(reflecting: TorrentLimits()).children.count - 1
        #expect(properties == 9, "a setting was added to TorrentSettings or TorrentLimits: change it here too")
    }

    @Test func duplicateTorrentIsRejectedWithItsNumber() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add()
        let error = try failure { _ = try connection.add() }
        #expect(error.code == .alreadyPresent)
        #expect(error.torrent == id)
        #expect(try connection.torrents.rows().count == 1)
    }

    @Test func removedTorrentLeavesOnlyItsEventsAndNumber() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add { $0.wanted = [true, false, true] }
        let hash = try #require(try connection.torrents.row(id)).infoHash
        try connection.pieces.addWriteIntents(id, pieces([1]), now: noon)
        try connection.peers.save(
            id, [PeerUpdate(address: try #require(PeerAddress("1.2.3.4:5")), source: .tracker)], now: noon)
        try connection.torrents.remove(id, now: noon)
        for table in ["torrent", "metainfo", "file", "bitfield", "partial_piece", "peer", "tracker", "live"] {
            #expect(try connection.number("SELECT count(*) FROM \(table)") == 0, "\(table)")
        }
        #expect(try connection.events.rows(of: id, limit: 5).map(\.kind) == [.removed, .added])
        #expect(try connection.events.rows(limit: 1).first?.infoHash == hash)
        #expect(try connection.add() > id)
        #expect(try failure { try connection.torrents.remove(id, now: noon) }.code == .notFound)
    }

    @Test func torrentsAreFoundByNumberHashAndName() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let ids = try (0..<40).map { try connection.add(seed: UInt64(100 + $0)) }
        for (n, id) in ids.enumerated() {
            let hash = try #require(try connection.torrents.row(id)).infoHash.description
            #expect(try connection.torrents.find("\(id)").id == id)
            #expect(try connection.torrents.find(hash).id == id)
            #expect(try connection.torrents.find(hash.uppercased()).id == id)
            for digits in [9, 10, 39] { #expect(try connection.torrents.find(String(hash.prefix(digits))).id == id) }
            #expect(try connection.torrents.find("torrent \(100 + n)").id == id)
        }
        for text in ["", "abc", "no such name", "41", "-1", "99999999999999999999", String(repeating: "0", count: 41)] {
            #expect(try failure { _ = try connection.torrents.find(text) }.code == .notFound, "\(text)")
        }
    }

    @Test func ambiguousNameIsRejectedWithTheCandidates() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let (a, b) = (try connection.add(seed: 1), try connection.add(seed: 2))
        try connection.execute(
            "UPDATE torrent SET name = 'same', info_hash = CAST(x'abcdef' || zeroblob(16) || char(64 + id) AS BLOB)")
        for text in ["same", "abcdef", "abcde"] {
            let error = try failure { _ = try connection.torrents.find(text) }
            #expect(error.code == .ambiguous)
            #expect(error.description.contains("\(a) (") && error.description.contains("\(b) ("))
        }
    }

    @Test func namesAreFoundByBeginningAndGlob() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let ids = try (1...4).map { try connection.add(seed: UInt64($0)) }
        for (id, name) in zip(ids, ["Debian 12", "debian 13", "12 songs", "100% [x]"]) {
            try connection.execute("UPDATE torrent SET name = ? WHERE id = ?", name, id)
        }
        let cases: [(String, [Int])] = [
            ("Deb", [0]), ("debian 1", [1]), ("DEBIAN 13", [1]), ("100%", [3]), ("12 s", [2]), ("100% [x]", [3]),
            ("*1*", [0, 1, 2, 3]), ("?ebian*", [0, 1]), ("12*", [2]),
        ]
        for (text, found) in cases {
            #expect(try connection.torrents.findAll(text).map(\.id) == found.map { ids[$0] }, "\(text)")
            if found.count == 1 { #expect(try connection.torrents.find(text).id == ids[found[0]]) }
        }
        // A number that no torrent has must not name another torrent by its beginning.
        for text in ["12", "DEB%", "x*"] {
            #expect(try failure { _ = try connection.torrents.findAll(text) }.code == .notFound, "\(text)")
        }
        #expect(try failure { _ = try connection.torrents.findAll("DEBIAN") }.code == .ambiguous)
        #expect(try failure { _ = try connection.torrents.find("*1*") }.code == .ambiguous)
        #expect(try connection.torrents.names(beginning: "d", limit: 9) == ["debian 13"])
        #expect(try connection.torrents.names(beginning: "", limit: 2) == ["Debian 12", "debian 13"])
    }

    @Test func changesAffectOnlyTheirTorrent() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let (id, other) = (try connection.add(seed: 1), try connection.add(seed: 2))
        let before = try connection.torrents.row(other)
        try connection.torrents.setState(id, .error, error: "why")
        try connection.torrents.setPaused(id, true)
        let settings = try #require(try connection.torrents.row(id)).settings
        var changed = settings
        changed.isSequential = true
        try connection.torrents.setSettings(id, from: settings, to: changed)
        try connection.torrents.setLimits(id, TorrentLimits(download: 1, upload: 2, peers: 3))
        try connection.torrents.setSeedGoal(id, .time(.seconds(60)))
        try connection.volumes.place(id, on: VolumeSighting(identity: "uuid", mountPath: "/mnt"), now: noon)
        let volume = try #require(try connection.volumes.rows().first).id
        try connection.torrents.setRootSeen(id)
        try connection.torrents.setOutput(id, "/elsewhere")
        let row = try #require(try connection.torrents.row(id))
        #expect(row.state == .error && row.error == "why" && row.settings.isPaused && row.settings.isSequential)
        #expect(
            row.settings.limits == TorrentLimits(download: 1, upload: 2, peers: 3)
                && row.settings.seedGoal == .time(.seconds(60)))
        #expect(row.isRootSeen && row.volume == volume && row.output == "/elsewhere")
        for goal in [SeedGoal.none, .forever, .standard] {
            try connection.torrents.setSeedGoal(id, goal)
            #expect(try connection.torrents.row(id)?.settings.seedGoal == goal)
        }
        #expect(try connection.torrents.row(other) == before)
        #expect(try connection.torrents.incomplete() == [other])
        // What is complete and was never found to be is looked at too, unless it is paused.
        try connection.torrents.setSelection(other, wanted: [false, false, false], wantedBytes: 0, completedBytes: 0)
        #expect(try connection.torrents.incomplete() == [other])
        var record = ProgressRecord(torrent: other, verifiedAt: noon)
        record.completedAt = noon
        try connection.pieces.record([record])
        #expect(try connection.torrents.incomplete() == [other], "it waits for an engine all the same")
        try connection.torrents.setState(other, .complete)
        #expect(try connection.torrents.incomplete() == [])
        #expect(
            try connection.torrents.row(other)?.stateAtRest == .complete
                && connection.torrents.row(id)?.stateAtRest == .paused)
        #expect(try connection.torrents.rows(in: .error).map(\.id) == [id])
        #expect(try failure { try connection.torrents.setPaused(TorrentID(99), true) }.code == .notFound)
        #expect(try failure { try connection.torrents.setLimits(id, TorrentLimits(download: 0)) }.code == .constraint)
    }

    @Test func selectionKeepsFingerprintsAndDropsEmptyRows() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add { $0.wanted = [false, false, true] }
        let print = FingerprintRow(index: 2, FileFingerprint(size: 16384, mtimeNs: .max, inode: .max, device: 3))
        let part = FingerprintRow(
            index: FingerprintRow.partFile, FileFingerprint(size: 1, mtimeNs: 2, inode: 3, device: 4))
        var record = ProgressRecord(torrent: id, verifiedAt: noon)
        record.files = [print, part]
        record.fileBytes = [FileBytes(index: 2, completed: 16384)]
        try connection.pieces.record([record])
        #expect(try connection.files.fingerprints(of: id) == [part, print])
        try connection.torrents.setSelection(id, wanted: [true, false, false], wantedBytes: 16384, completedBytes: 0)
        #expect(try connection.files.wanted(of: id, count: 3) == [true, false, false])
        #expect(try connection.files.fingerprints(of: id) == [part, print])
        #expect(try connection.files.rows(of: id).map(\.index) == [-1, 1, 2])
        #expect(try connection.torrents.row(id)?.wantedBytes == 16384)
        try connection.files.clearFingerprints(id, files: [2])
        #expect(try connection.files.fingerprints(of: id) == [part])
        try connection.files.clearFingerprints(id)
        #expect(try connection.files.fingerprints(of: id).isEmpty)
        #expect(try connection.files.rows(of: id).map(\.index) == [1, 2])
    }

    /// The files that are wanted now may be in the part file, whether or not their bytes are missing.
    @Test func selectionQueuesACompleteTorrentForTheEngine() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add { $0.wanted = [false, false, true] }
        var record = ProgressRecord(torrent: id, verifiedAt: noon)
        (record.completedBytes, record.completedAt) = (16384, noon)
        try connection.pieces.record([record])
        try connection.torrents.setState(id, .seeding)
        #expect(try connection.torrents.incomplete() == [])
        try connection.torrents.setSelection(
            id, wanted: [false, true, true], wantedBytes: 16384, completedBytes: 16384)
        #expect(try connection.torrents.incomplete() == [id])
        try connection.torrents.setPaused(id, true)
        #expect(try connection.torrents.incomplete() == [])
    }

    @Test func trackersBeyondTheLimitAreDropped() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let many = (0..<1000).map { ["http://t\($0)/announce"] }
        let id = try connection.add { $0.extraTrackers = many }
        #expect(try connection.trackers.rows(of: id).count == TrackerTable.limit)
    }
}
