import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Magnet links with the real program and with real clients.
@Suite(.crowded) struct MagnetTests {
    private static func torrent(seed: UInt64, trackers: [[String]] = []) throws -> SampleTorrent {
        try SampleTorrent(
            folder: "sample", [.init("a", 3_000_000), .init("sub/b", 2_000_000), .init("c", 77)], pieceLength: 16384,
            seed: seed, trackers: trackers)
    }

    private static func link(_ torrent: SampleTorrent, trackers: [String] = [], peers: [PeerAddress] = []) -> String {
        "\(MagnetLink(infoHash: torrent.infoHash, trackers: trackers, peers: peers.compactMap { MagnetPeer("\($0)") }))"
    }

    private static func download(_ pieces: Pieces, _ link: String) -> [String] {
        ["download", link, "--output", pieces.output.string, "--json"] + Pieces.network
    }

    // MARK: From and to real clients

    /// The link alone names the peer (`x.pe`): no tracker, nothing else.
    @Test func magnetIsDownloadedFromLibtorrent() async throws {
        let torrent = try Self.torrent(seed: 171)
        try await withTemporaryFolder { folder in
            try await withLibtorrentSeeding(torrent, in: folder) { seeder in
                let pieces = try Pieces(in: folder)
                let end = try await pieces.run(Self.download(pieces, Self.link(torrent, peers: [seeder])))
                #expect(end.exitCode == 0, "\(end)")
                #expect(torrent.faults(in: pieces.output) == [])
            }
        }
    }

    @Test func magnetIsServedToLibtorrent() async throws {
        let torrent = try Self.torrent(seed: 172)
        let program = try await Libtorrent.program()
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await pieces.adopt(torrent)
            try await pieces.beside(["run", "--json"] + Pieces.network) { running in
                let data = try folder.appending("libtorrent data").makingFolder()
                let arguments = try Libtorrent.arguments(
                    "fetch", Self.link(torrent, peers: [try await running.address()]), data: data,
                    port: try Machine.freePort(), in: folder)
                let end = try await program.run(arguments, in: folder)
                #expect(end.exitCode == 0, "\(end)")
                #expect(torrent.faults(in: data) == [])
            }
        }
    }

    @Test func magnetIsDownloadedFromAria2() async throws {
        let torrent = try Self.torrent(seed: 173)
        try await withTemporaryFolder { folder in
            try await withAria2Seeding(torrent, in: folder) { seeder in
                let pieces = try Pieces(in: folder)
                let end = try await pieces.run(Self.download(pieces, Self.link(torrent, peers: [seeder])))
                #expect(end.exitCode == 0, "\(end)")
                #expect(torrent.faults(in: pieces.output) == [])
            }
        }
    }

    /// aria2 finds us by a tracker, takes the metadata alone, and saves it.
    @Test func metadataIsServedToAria2() async throws {
        let program = try RealProgram.require("aria2c", package: "aria2")
        try await withTracker { tracker in
            let torrent = try Self.torrent(seed: 174, trackers: [[tracker.url]])
            try await withTemporaryFolder { folder in
                let pieces = try Pieces(in: folder)
                try await pieces.adopt(torrent)
                try await pieces.beside(["run", "--json"] + Pieces.network) { running in
                    tracker.answer { [address = try await running.address()] in $0.peers = [address] }
                    let data = try folder.appending("aria2 data").makingFolder()
                    let link = FilePath(Self.link(torrent, trackers: [tracker.url]))
                    var arguments = Aria2.arguments(
                        link, data: data, port: try Machine.freePort(),
                        ["--bt-metadata-only=true", "--bt-save-metadata=true"])
                    arguments[arguments.count - 1] = Self.link(torrent, trackers: [tracker.url])
                    let end = try await program.run(arguments, in: folder)
                    #expect(end.exitCode == 0, "\(end)")
                    let saved = try Files.read(data.appending("\(torrent.infoHash).torrent"))
                    #expect(try Metainfo(torrentFile: saved).infoHash == torrent.infoHash)
                }
            }
        }
    }

    @Test func magnetIsDownloadedFromTransmission() async throws {
        let torrent = try Self.torrent(seed: 175)
        try await withTemporaryFolder { folder in
            let data = try folder.appending("transmission data").makingFolder()
            try torrent.write(to: data)
            try await withTransmission(torrent, data: data, in: folder) { seeder in
                let pieces = try Pieces(in: folder)
                let end = try await pieces.run(Self.download(pieces, Self.link(torrent, peers: [seeder])))
                #expect(end.exitCode == 0, "\(end)")
                #expect(torrent.faults(in: pieces.output) == [])
            }
        }
    }

    // MARK: The program

    /// A tracker is asked before the size is known, and hears that something is left.
    @Test func trackerIsAskedForPeersOfALink() async throws {
        let torrent = try Self.torrent(seed: 176)
        try await withTracker { tracker in
            try await withTemporaryFolder { folder in
                try await withMetadataPeers(torrent) { peers in
                    tracker.answer { [address = peers[0].address] in $0.peers = [address] }
                    let pieces = try Pieces(in: folder)
                    let link = Self.link(torrent, trackers: [tracker.url])
                    let end = try await pieces.run(Self.download(pieces, link))
                    #expect(end.exitCode == 0, "\(end)")
                    #expect(tracker.announces.first?.left == 16384)
                    #expect(torrent.faults(in: pieces.output) == [])
                }
            }
        }
    }

    /// `add --paused` brings the list of files, and `select` and `resume` go on from there.
    @Test func metadataIsFetchedBeforeTheFilesAreChosen() async throws {
        let torrent = try Self.torrent(seed: 177)
        try await withTemporaryFolder { folder in
            try await withMetadataPeers(torrent) { peers in
                let pieces = try Pieces(in: folder)
                let link = Self.link(torrent, peers: [peers[0].address])
                let added = try await pieces.run(["add", "--paused", link, "--output", pieces.output.string])
                #expect(added.exitCode == 0, "\(added)")
                let status = try #require(try await pieces.status())
                #expect(status["state"] as? String == "metadata")
                #expect(status["total_bytes"] is NSNull && status["progress"] is NSNull)
                #expect(try await pieces.run(["files", "1"]).exitCode == 1)
                try await pieces.beside(["run", "--json"] + Pieces.network) { _ in
                    try await eventually("the metadata to be there") {
                        try await pieces.status()?["state"] as? String == "paused"
                    }
                    #expect(peers[0].pieceRequests == 0)
                    #expect(try await pieces.run(["select", link, "c"]).exitCode == 0)
                    #expect(try await pieces.run(["resume", link]).exitCode == 0)
                    try await eventually("the file to be there") {
                        torrent.faults(in: pieces.output, wanted: [2]).isEmpty
                    }
                }
                let exported = pieces.folder.appending("out.torrent")
                #expect(try await pieces.run(["export", "1", exported.string]).exitCode == 0)
                #expect(try Metainfo(torrentFile: Files.read(exported)).infoHash == torrent.infoHash)
            }
        }
    }

    /// Metadata with the right hash of which no torrent can be made: one sentence, exit code 1, and no second fetch.
    @Test func unusableMetadataIsReportedAndNotFetchedAgain() async throws {
        let torrent = try Self.torrent(seed: 181)
        let info = Array("d6:lengthi5e4:name1:a12:piece lengthi0e6:pieces0:e".utf8)
        let infoHash = InfoHash(SHA1.hash(info))
        try await withTemporaryFolder { folder in
            try await withMetadataPeers(torrent, info: info) { peers in
                let pieces = try Pieces(in: folder)
                let link =
                    "\(MagnetLink(infoHash: infoHash, peers: [MagnetPeer("\(peers[0].address)")].compactMap(\.self)))"
                for _ in 0..<2 {
                    let end = try await pieces.run(Self.download(pieces, link))
                    #expect(end.exitCode == 1 && end.errors.contains("pieces can't use it"), "\(end)")
                }
                #expect(peers[0].requests == [0])
                #expect(try await pieces.status()?["state"] as? String == "error")
                let paused = try await pieces.run(["pause", "1"])
                #expect(paused.exitCode == 0, "\(paused)")
                let why = try await pieces.run(["explain", "1"])
                #expect(why.output.contains("pieces can't use it") && !why.output.contains("resume"), "\(why)")
                #expect(try await pieces.run(["resume", "1"]).exitCode == 0)
                #expect(try await pieces.status()?["state"] as? String == "error")
            }
        }
    }

    /// Another torrent has other content for the path, which only the metadata shows: nothing is written, and the
    /// sentence is that of `add`.
    @Test func pathOfAnotherTorrentIsRefusedWhenTheMetadataArrives() async throws {
        let first = try SampleTorrent("same.bin", length: 100_000, pieceLength: 16384, seed: 182)
        let second = try SampleTorrent("same.bin", length: 100_000, pieceLength: 16384, seed: 183)
        try await withTemporaryFolder { folder in
            try await withMetadataPeers(second) { peers in
                let pieces = try Pieces(in: folder)
                let file = try pieces.file(of: first)
                let added = try await pieces.run(["add", file.string, "--paused", "--output", pieces.output.string])
                #expect(added.exitCode == 0, "\(added)")
                let end = try await pieces.run(Self.download(pieces, Self.link(second, peers: [peers[0].address])))
                #expect(end.exitCode == 1 && end.errors.contains("also a file of torrent 1 (same.bin)"), "\(end)")
                #expect(peers[0].pieceRequests == 0)
                let why = try await pieces.run(["explain", "2"])
                #expect(why.output.contains("also a file of torrent 1 (same.bin)"), "\(why)")
                #expect(try await pieces.run(["remove", "1"]).exitCode == 0)
                #expect(try await pieces.run(["resume", "2"]).exitCode == 0)
                let again = try await pieces.run(["download", "2", "--json"] + Pieces.network)
                #expect(again.exitCode == 0, "\(again)")
                #expect(second.faults(in: pieces.output) == [])
            }
        }
    }

    /// The same when the user gives the .torrent.
    @Test func pathOfAnotherTorrentIsRefusedWhenTheTorrentFileIsAdded() async throws {
        let first = try SampleTorrent("same.bin", length: 100_000, pieceLength: 16384, seed: 184)
        let second = try SampleTorrent("same.bin", length: 100_000, pieceLength: 16384, seed: 185)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let one = try pieces.file(of: first)
            let two = folder.appending("two.torrent")
            try Files.write(second.file, to: two)
            let output = ["--output", pieces.output.string]
            #expect(try await pieces.run(["add", one.string, "--paused"] + output).exitCode == 0)
            #expect(try await pieces.run(["add", Self.link(second)] + output).exitCode == 0)
            let refused = try await pieces.run(["add", two.string])
            #expect(
                refused.exitCode == 1 && refused.errors.contains("also a file of torrent 1 (same.bin)"), "\(refused)")
            let move = try await pieces.run(["move", "2", folder.appending("elsewhere").string])
            #expect(move.exitCode == 0, "\(move)")
        }
    }

    /// The program is killed after each block of metadata: no block that was stored is requested again.
    @Test func metadataSurvivesAKillAfterEachBlock() async throws {
        let torrent = try SampleTorrent(length: 16384 * 8000, pieceLength: 16384, seed: 178)
        let count = (torrent.metainfo.infoRange.count + 16383) / 16384
        try await withTemporaryFolder { folder in
            try await withMetadataPeers(torrent, [.stopping(after: 0)]) { peers in
                let (peer, pieces) = (peers[0], try Pieces(in: folder))
                let link = Self.link(torrent, peers: [peer.address])
                #expect(
                    try await pieces.run(["add", "--paused", link, "--output", pieces.output.string]).exitCode == 0)
                for stored in 0..<count {
                    let before = peer.requests.count
                    try await pieces.beside(["run", "--json"] + Pieces.network) { running in
                        try await eventually("block \(stored) to be requested") { peer.requests.count > before }
                        let news = peer.requests.dropFirst(before)
                        #expect(news.allSatisfy { $0 >= stored }, "\(news) after \(stored) were stored")
                        peer.serve(1)
                        try await eventually("block \(stored) to be stored") {
                            let db = try Connection.open(pieces.database, mode: .readOnly, now: .now())
                            let here = try db.value("SELECT count(*) FROM metadata_block", as: Int.self) ?? 0
                            let hasArrived = try db.torrents.row(TorrentID(1))?.hasMetadata ?? false
                            return here > stored || hasArrived
                        }
                        running.send(SIGKILL)
                        _ = try await running.end()
                    }
                }
                #expect(peer.served == Array(0..<count))
                try await pieces.beside(["run", "--json"] + Pieces.network) { _ in
                    try await eventually("the torrent to be paused with its metadata") {
                        try await pieces.status()?["state"] as? String == "paused"
                    }
                }
                #expect(peer.served == Array(0..<count))
            }
        }
    }
}
