import Bencode
import Import
import Testing
import Torrent

@Suite struct LibtorrentResumeTests {
    @Test func everythingThatWeKnowIsCarriedOver() throws {
        let torrent = try LibtorrentResume.read(Samples.libtorrent, file: Samples.folder)
        #expect(torrent.file == Samples.folder)
        #expect(torrent.infoHash == InfoHash(Samples.hash))
        #expect(torrent.folder == "/data" && torrent.name == "shown")
        #expect(torrent.isPaused && torrent.isSequential)
        #expect(torrent.downloadLimit == nil && torrent.uploadLimit == 4096 && torrent.peerLimit == nil)
        #expect(torrent.renamed == [1: "folder/other.bin"] && torrent.wanted == [1: false])
        #expect(
            torrent.trackers == [["http://one.example/announce"], ["udp://two.example:1", "http://three.example/"]])
        #expect(torrent.webSeeds == ["http://seed.example/", "http://new.example/"])
        #expect(torrent.downloadedBytes == 111 && torrent.uploadedBytes == 222)
        #expect(torrent.addedAt == Timestamp(1_600_000_000) && torrent.completedAt == Timestamp(1_600_000_100))
        #expect(torrent.seedTime == .seconds(3600))
        #expect(torrent.peers.map(\.description) == ["10.0.0.1:6881"])
        #expect(torrent.bannedPeers.map(\.description) == ["10.0.0.2:80"])
    }

    /// Version 1 has a byte per piece; its lowest bit says that the piece is there.
    @Test func bytesPerPieceBecomeAClaim() throws {
        let torrent = try LibtorrentResume.read(Samples.libtorrent, file: nil)
        let claim = try #require(torrent.claim.pieces(of: try Samples.metainfo().geometry))
        #expect(claim.pieces.map(\.value) == [0, 1, 4])
    }

    @Test func bitsPerPieceBecomeAClaim() throws {
        let resume = Samples.dictionary(["file-version": 2, "pieces": .string([0b0110_1000]), "save_path": "/x"])
        let claim = try LibtorrentResume.read(resume, file: nil).claim
        #expect(try #require(claim.pieces(of: try Samples.metainfo().geometry)).pieces.map(\.value) == [1, 2, 4])
    }

    @Test func aClaimForAnotherNumberOfPiecesDoesntCount() throws {
        let resume = Samples.dictionary(["file-version": 2, "pieces": .string([0xff, 0xff]), "save_path": "/x"])
        #expect(try LibtorrentResume.read(resume, file: nil).claim.pieces(of: try Samples.metainfo().geometry) == nil)
    }

    /// The torrent is paused by the user only if the client doesn't manage it.
    @Test func aQueuedTorrentIsNotPaused() throws {
        let resume = Samples.dictionary(["paused": 1, "auto_managed": 1])
        #expect(try !LibtorrentResume.read(resume, file: nil).isPaused)
    }

    @Test func infoInTheResumeDataGivesATorrentWithTheSameHash() throws {
        let info = try Samples.metainfo()
        let raw = try Bencode.decode(Array(info.file[info.infoRange]))
        let resume = Samples.dictionary(["save_path": "/x", "info": raw])
        let file = try #require(try LibtorrentResume.read(resume, file: nil).file)
        #expect(try Metainfo(torrentFile: file).infoHash == info.infoHash)
    }

    @Test func zerosAreNoInfoHash() throws {
        let resume = Samples.dictionary(["save_path": "/x", "info-hash": .string(Array(repeating: 0, count: 20))])
        #expect(try LibtorrentResume.read(resume, file: Samples.folder).infoHash == nil)
    }

    @Test(arguments: [[], Array("nonsense".utf8), Array("le".utf8), Array("d4:save".utf8)] as [[UInt8]])
    func damagedDataIsOneSentence(bytes: [UInt8]) {
        #expect(throws: ForeignStateError.self) { try LibtorrentResume.read(bytes, file: nil) }
    }

    @Test func dataOfAnotherFormatIsRefused() {
        let other = Samples.dictionary(["file-format": "something else"])
        #expect(throws: ForeignStateError.self) { try LibtorrentResume.read(other, file: nil) }
    }
}
