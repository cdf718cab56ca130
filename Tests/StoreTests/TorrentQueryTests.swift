import DatabaseLab
import Store
import Testing
import Torrent

@Suite struct TorrentQueryTests {
    @Test func aTorrentIsRememberedWhole() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let info = try madeUp(
            seed: 5, files: 4, trackers: [["http://a/announce", "http://b/announce"], ["udp://c:1"]])
        var new = NewTorrent(metainfo: info, output: "/data/ünïcode", wanted: [true, false, true, false])
        new.extraTrackers = [["http://b/announce", "http://d/announce"]]
        new.settings.isSequential = true
        new.settings.limits = TorrentLimits(download: 1000, peers: 5)
        new.settings.seedGoal = .ratio(1.5)
        let id = try connection.insertTorrent(new, now: noon)
        let row = try #require(try connection.torrent(id))
        #expect(row.infoHash == info.infoHash && row.name == info.name && row.output == new.output)
        #expect(row.totalBytes == 4 * 16384 && row.pieceCount == 4 && row.pieceLength == 16384)
        #expect(row.settings == new.settings)
        #expect(row.wantedBytes == 2 * 16384 && row.completedBytes == 0 && !row.isComplete)
        #expect(row.state == .queued && row.addedAt == noon && row.completedAt == nil && !row.isRootSeen)
        #expect(try connection.wanted(of: id, count: 4) == [true, false, true, false])
        #expect(try connection.metainfo(of: id) == info.file)
        #expect(try connection.infoDictionary(of: id) == Array(info.file[info.infoRange]))
        #expect(
            try connection.pieceHashes(of: id, PieceIndex(1)..<PieceIndex(3)) == pieceHash(seed: 5, piece: 1)
                + pieceHash(seed: 5, piece: 2))
        #expect(try connection.pieceHashes(of: id, PieceIndex(4)..<PieceIndex(4)).isEmpty)
        #expect(
            try connection.trackers(of: id).map(\.url) == [
                "http://a/announce", "http://b/announce", "udp://c:1", "http://d/announce",
            ])
        #expect(try connection.trackers(of: id).map(\.tier) == [0, 0, 1, 2])
        #expect(try connection.torrent(info.infoHash) == row)
        #expect(try connection.torrents() == [row])
        #expect(try connection.incompleteTorrents() == [id])
        #expect(try connection.events(of: id, limit: 5).map(\.kind) == [.added])
    }

    @Test func theSameTorrentTwiceIsRefusedWithItsNumber() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add()
        let error = try failure { _ = try connection.add() }
        #expect(error.code == .alreadyPresent)
        #expect(error.torrent == id)
        #expect(try connection.torrents().count == 1)
    }

    @Test func aRemovedTorrentLeavesNothingButItsEventsAndItsNumber() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add { $0.wanted = [true, false, true] }
        let hash = try #require(try connection.torrent(id)).infoHash
        try connection.openPieces(id, pieces([1]), now: noon)
        try connection.upsertPeers(
            id, [PeerUpdate(address: try #require(PeerAddress("1.2.3.4:5")), source: .tracker)], now: noon)
        try connection.removeTorrent(id, now: noon)
        for table in ["torrent", "metainfo", "file", "bitfield", "partial_piece", "peer", "tracker", "live"] {
            #expect(try connection.number("SELECT count(*) FROM \(table)") == 0, "\(table)")
        }
        #expect(try connection.events(of: id, limit: 5).map(\.kind) == [.removed, .added])
        #expect(try connection.events(limit: 1).first?.infoHash == hash)
        #expect(try connection.add() > id)
        #expect(try failure { try connection.removeTorrent(id, now: noon) }.code == .notFound)
    }

    @Test func torrentsAreFoundByNumberHashAndName() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let ids = try (0..<40).map { try connection.add(seed: UInt64(100 + $0)) }
        for (n, id) in ids.enumerated() {
            let hash = try #require(try connection.torrent(id)).infoHash.description
            #expect(try connection.findTorrent("\(id)").id == id)
            #expect(try connection.findTorrent(hash).id == id)
            #expect(try connection.findTorrent(hash.uppercased()).id == id)
            for digits in [9, 10, 39] { #expect(try connection.findTorrent(String(hash.prefix(digits))).id == id) }
            #expect(try connection.findTorrent("torrent \(100 + n)").id == id)
        }
        for text in ["", "abc", "no such name", "41", "-1", "99999999999999999999", String(repeating: "0", count: 41)] {
            #expect(try failure { _ = try connection.findTorrent(text) }.code == .notFound, "\(text)")
        }
    }

    @Test func anAmbiguousNameIsRefusedWithTheCandidates() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let (a, b) = (try connection.add(seed: 1), try connection.add(seed: 2))
        try connection.execute(
            "UPDATE torrent SET name = 'same', info_hash = CAST(x'abcdef' || zeroblob(16) || char(64 + id) AS BLOB)")
        for text in ["same", "abcdef", "abcde"] {
            let error = try failure { _ = try connection.findTorrent(text) }
            #expect(error.code == .ambiguous)
            #expect(error.description.contains("\(a) (") && error.description.contains("\(b) ("))
        }
    }

    @Test func changesAreOfOneTorrentAndSayWhenItIsGone() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let (id, other) = (try connection.add(seed: 1), try connection.add(seed: 2))
        let before = try connection.torrent(other)
        try connection.setState(id, .error, error: "why")
        try connection.setPaused(id, true)
        try connection.setSequential(id, true)
        try connection.setLimits(id, TorrentLimits(download: 1, upload: 2, peers: 3))
        try connection.setSeedGoal(id, .time(.seconds(60)))
        try connection.place(id, onVolume: "uuid", mountPath: "/mnt", now: noon)
        let volume = try #require(try connection.volumes().first).id
        try connection.setRootSeen(id)
        try connection.setOutput(id, "/elsewhere")
        let row = try #require(try connection.torrent(id))
        #expect(row.state == .error && row.error == "why" && row.settings.isPaused && row.settings.isSequential)
        #expect(
            row.settings.limits == TorrentLimits(download: 1, upload: 2, peers: 3)
                && row.settings.seedGoal == .time(.seconds(60)))
        #expect(row.isRootSeen && row.volume == volume && row.output == "/elsewhere")
        for goal in [SeedGoal.none, .forever, .standard] {
            try connection.setSeedGoal(id, goal)
            #expect(try connection.torrent(id)?.settings.seedGoal == goal)
        }
        #expect(try connection.torrent(other) == before)
        #expect(try connection.incompleteTorrents() == [other])
        // What is complete and was never found to be is looked at too, unless it is paused.
        try connection.setSelection(other, wanted: [false, false, false], wantedBytes: 0, completedBytes: 0)
        #expect(try connection.incompleteTorrents() == [other])
        var record = ProgressRecord(torrent: other, verifiedAt: noon)
        record.completedAt = noon
        try connection.record([record])
        #expect(try connection.incompleteTorrents() == [other], "it waits for an engine all the same")
        try connection.setState(other, .complete)
        #expect(try connection.incompleteTorrents() == [])
        #expect(
            try connection.torrent(other)?.stateAtRest == .complete && connection.torrent(id)?.stateAtRest == .paused)
        #expect(try connection.torrents(in: .error).map(\.id) == [id])
        #expect(try failure { try connection.setPaused(TorrentID(99), true) }.code == .notFound)
        #expect(try failure { try connection.setLimits(id, TorrentLimits(download: 0)) }.code == .constraint)
    }

    @Test func aSelectionKeepsFingerprintsAndLeavesNoSilentRows() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add { $0.wanted = [false, false, true] }
        let print = FingerprintRow(index: 2, size: 16384, mtimeNs: .max, inode: -1, device: 3)
        let part = FingerprintRow(index: FingerprintRow.partFile, size: 1, mtimeNs: 2, inode: 3, device: 4)
        var record = ProgressRecord(torrent: id, verifiedAt: noon)
        record.files = [print, part]
        record.fileBytes = [FileBytes(index: 2, completed: 16384)]
        try connection.record([record])
        #expect(try connection.fingerprints(of: id) == [part, print])
        try connection.setSelection(id, wanted: [true, false, false], wantedBytes: 16384, completedBytes: 0)
        #expect(try connection.wanted(of: id, count: 3) == [true, false, false])
        #expect(try connection.fingerprints(of: id) == [part, print])
        #expect(try connection.files(of: id).map(\.index) == [-1, 1, 2])
        #expect(try connection.torrent(id)?.wantedBytes == 16384)
        try connection.clearFingerprints(id, files: [2])
        #expect(try connection.fingerprints(of: id) == [part])
        try connection.clearFingerprints(id)
        #expect(try connection.fingerprints(of: id).isEmpty)
        #expect(try connection.files(of: id).map(\.index) == [1, 2])
    }

    /// The files that are wanted now may be in the part file, whether or not their bytes are missing.
    @Test func aCompleteTorrentWaitsForAnEngineAfterASelection() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add { $0.wanted = [false, false, true] }
        var record = ProgressRecord(torrent: id, verifiedAt: noon)
        (record.completedBytes, record.completedAt) = (16384, noon)
        try connection.record([record])
        try connection.setState(id, .seeding)
        #expect(try connection.incompleteTorrents() == [])
        try connection.setSelection(id, wanted: [false, true, true], wantedBytes: 16384, completedBytes: 16384)
        #expect(try connection.incompleteTorrents() == [id])
        try connection.setPaused(id, true)
        #expect(try connection.incompleteTorrents() == [])
    }

    @Test func moreTrackersThanTheLimitAreLeftOut() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let many = (0..<1000).map { ["http://t\($0)/announce"] }
        let id = try connection.add { $0.extraTrackers = many }
        #expect(try connection.trackers(of: id).count == Connection.trackerLimit)
    }
}
