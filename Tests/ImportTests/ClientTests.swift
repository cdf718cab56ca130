import Bencode
import Import
import Testing
import Torrent

@Suite struct QBittorrentTests {
    @Test func categoryAndTagsBecomeLabels() throws {
        let torrent = try QBittorrent.read(Samples.qBittorrent, file: Samples.folder)
        #expect(torrent.labels == ["films/old", "b", "a"] && torrent.name == "My film")
        #expect(torrent.seedGoal == .ratio(1.5))
        #expect(torrent.folder == "/final" && torrent.currentFolders == ["/data", "/final", "/data"])
    }

    /// Older versions wrote thousandths.
    @Test(
        arguments: [
            (1500, nil, .ratio(1.5)), (-2, nil, .standard), (-2000, nil, .standard), (-1, -1, .forever),
            (-1000, -1, .forever), (-2, 60, .time(.seconds(3600))),
        ] as [(Int64, Int64?, ForeignSeedGoal)])
    func seedGoalsAreTranslated(ratio: Int64, minutes: Int64?, goal: ForeignSeedGoal) throws {
        var row = QBittorrent.Row()
        row.resume = Samples.libtorrent
        (row.ratioLimit, row.seedingMinutes) = (ratio, minutes)
        #expect(try QBittorrent.read(row).seedGoal == goal)
    }

    @Test func aRowOfTheDatabaseIsReadLikeItsFiles() throws {
        var row = QBittorrent.Row()
        row.resume = Samples.libtorrent
        row.metadata = Samples.folder
        (row.category, row.tags, row.targetSavePath, row.isStopped) = ("c", "x,y", "/final/", false)
        row.queuePlace = 3
        let torrent = try QBittorrent.read(row)
        #expect(torrent.labels == ["c", "x", "y"] && torrent.folder == "/final" && !torrent.isPaused)
        #expect(torrent.queuePlace == 3 && torrent.file == Samples.folder)
    }

    @Test func theQueueIsReadLineByLine() {
        let hashes = ["\(String(repeating: "ab", count: 20))", "no hash", "\(String(repeating: "cd", count: 20))"]
        #expect(
            QBittorrent.queue(Array(hashes.joined(separator: "\n").utf8)).map(\.description) == [hashes[0], hashes[2]])
    }
}

@Suite struct TransmissionTests {
    @Test func everythingThatWeKnowIsCarriedOver() throws {
        let torrent = try Transmission.read(Samples.transmission, file: Samples.folder)
        #expect(torrent.folder == "/final" && torrent.currentFolders == ["/final", "/unfinished"])
        #expect(torrent.labels == ["linux", "iso"] && torrent.wanted == [1: false] && !torrent.isPaused)
        #expect(torrent.uploadLimit == 2000 && torrent.downloadLimit == nil && torrent.peerLimit == 50)
        #expect(torrent.seedGoal == .ratio(2.5))
        #expect(torrent.uploadedBytes == 5 && torrent.downloadedBytes == 6 && torrent.wastedBytes == 7)
        #expect(torrent.addedAt == Timestamp(1_600_000_000) && torrent.completedAt == nil)
        #expect(torrent.claim.extent == .everything && torrent.claim.times == [0: 1_500_000_000, 2: 1_500_000_002])
        #expect(torrent.omitted == ["priorities of files"])
    }

    /// Version 5 writes snake case.
    @Test func newNamesOfKeysAreUnderstood() throws {
        let resume = Samples.dictionary([
            "destination": "/x", "incomplete_dir": "/y", "added_date": 1_600_000_000, "max_peers": 7,
            "speed_limit_up": ["speed_Bps": 2000, "use_speed_limit": 1],
            "ratio_limit": ["ratio_limit": "1.0", "ratio_mode": 1],
        ])
        let torrent = try Transmission.read(resume, file: nil)
        #expect(torrent.currentFolders == ["/x", "/y"] && torrent.peerLimit == 7 && torrent.uploadLimit == 2000)
        #expect(torrent.seedGoal == .ratio(1) && torrent.addedAt == Timestamp(1_600_000_000))
    }

    /// Blocks lie over the whole torrent; 70,000 bytes are 5 blocks.
    @Test func blocksBecomePieces() throws {
        let resume = Samples.dictionary(["progress": ["blocks": .string([0b1101_0000])]])
        let claim = try Transmission.read(resume, file: nil).claim
        #expect(try #require(claim.pieces(of: try Samples.metainfo().geometry)).pieces.map(\.value) == [0, 1, 3])
    }

    /// Pieces of 32 KiB have two blocks.
    @Test(arguments: [(bits: UInt8(0b1100_0000), isLoose: false), (0b1110_0000, true), (0b0100_0000, true), (0, false)])
    func blocksOfIncompletePiecesAreSeen(bits: UInt8, isLoose: Bool) throws {
        let geometry = try #require(Geometry(totalBytes: 70_000, pieceLength: 32768))
        var claim = ForeignClaim()
        claim.extent = .blocks([bits])
        let pieces = try #require(claim.pieces(of: geometry))
        #expect(claim.hasBlocks(besides: pieces, of: geometry) == isLoose)
    }
}

@Suite struct RTorrentTests {
    @Test func theThreeFilesAreOneTorrent() throws {
        let torrent = try RTorrent.read(
            Samples.folder, state: Samples.rtorrentState, resume: Samples.rtorrentResume)
        #expect(torrent.ownFolder == "/data/renamed" && torrent.folder == nil && !torrent.isPaused)
        #expect(torrent.labels == ["Linux ISOs"] && torrent.uploadedBytes == 44 && torrent.downloadedBytes == 55)
        #expect(torrent.wanted == [1: false] && torrent.claim.times == [0: 1_500_000_000])
        #expect(torrent.trackers == [["http://tracker.example/announce"], ["http://added.example/"]])
        // Piece 1 was written without a sync.
        let claim = try #require(torrent.claim.pieces(of: try Samples.metainfo().geometry))
        #expect(claim.pieces.map(\.value) == [0, 2])
    }

    @Test func aDamagedPartLeavesTheOthers() throws {
        let torrent = try RTorrent.read(Samples.folder, state: Samples.rtorrentState, resume: Array("d3:".utf8))
        #expect(torrent.ownFolder == "/data/renamed" && torrent.claim.extent == .unknown)
        #expect(torrent.omitted.contains { $0.contains(".libtorrent_resume") })
    }

    /// Old versions keep both dictionaries in the .torrent.
    @Test func embeddedStateIsReadAndTakenOut() throws {
        var root = try #require(try Bencode.decode(Samples.folder).dictionary)
        root["rtorrent"] = try Bencode.decode(Samples.rtorrentState)
        root["libtorrent_resume"] = try Bencode.decode(Samples.rtorrentResume)
        let torrent = try RTorrent.read(Bencode.encode(.dictionary(root)), state: nil, resume: nil)
        #expect(torrent.ownFolder == "/data/renamed" && torrent.file == Samples.folder)
    }

    @Test(arguments: [(0, .nothing), (5, .everything)] as [(Int64, ForeignClaim.Extent)])
    func aNumberStandsForAllPiecesOrNone(number: Int64, extent: ForeignClaim.Extent) throws {
        let resume = Samples.dictionary(["bitfield": .integer(number)])
        #expect(try RTorrent.read(Samples.single, state: nil, resume: resume).claim.extent == extent)
    }
}

@Suite struct DelugeTests {
    @Test func resumeDataOfEachTorrentIsFound() throws {
        let state = try Deluge(Samples.deluge)
        let hash = try #require(InfoHash(Samples.hash))
        #expect(state.torrents == [hash])
        let torrent = try state.read(hash, file: Samples.folder)
        #expect(torrent.folder == "/data" && torrent.omitted.contains("labels"))
    }

    @Test func damagedEntriesAreLeftOut() throws {
        let state = try Deluge(Samples.dictionary(["no hash": "x", String(repeating: "ab", count: 20): 7]))
        #expect(state.torrents.isEmpty)
    }
}

@Suite struct Aria2Tests {
    @Test(arguments: [0, 1] as [UInt8]) func controlFilesOfBothVersionsAreRead(version: UInt8) throws {
        let control = try Aria2.ControlFile(Samples.aria2Control(version: version))
        #expect(control.infoHash == InfoHash(Samples.hash) && control.uploadedBytes == 99)
        #expect(control.totalBytes == 70000 && control.pieceLength == 16384 && control.incompletePieces == 1)
        #expect(
            try #require(control.claim.pieces(of: try Samples.metainfo().geometry)).pieces.map(\.value) == [0, 2])
        // It is a claim for no other torrent.
        #expect(control.claim.pieces(of: try Samples.metainfo(Samples.single).geometry) == nil)
    }

    @Test func everyCutOfAControlFileIsRefused() {
        let whole = Samples.aria2Control()
        // The last 17 bytes are a piece that is being downloaded, which isn't read.
        for length in 0..<whole.count - 13 {
            #expect(throws: ForeignStateError.self, "\(length)") { try Aria2.ControlFile(Array(whole.prefix(length))) }
        }
    }

    @Test func sessionsAreReadLineByLine() throws {
        let downloads = try Aria2.session(Samples.aria2Session)
        #expect(
            downloads.map(\.sources.first) == [
                "/torrents/folder.torrent", "magnet:?xt=urn:btih:\(String(repeating: "cd", count: 20))",
            ])
        let torrent = downloads[0].torrent(file: Samples.folder)
        #expect(torrent.folder == "/downloads" && torrent.isPaused && torrent.seedGoal == .ratio(2))
        #expect(torrent.wanted == [1: false] && torrent.unwantedFrom == 3 && torrent.uploadLimit == 102_400)
        #expect(torrent.renamed == [0: "x/renamed.txt"])
    }

    @Test func aCompressedSessionIsNamed() {
        #expect(throws: ForeignStateError.self) { try Aria2.session([0x1f, 0x8b, 8]) }
    }
}
