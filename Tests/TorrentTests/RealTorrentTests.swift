import Bencode
import Glibc
import Testing
import Torrent

/// .torrent files as they are found in the wild, when their folder is there: `PIECES_REAL_DATA`, or
/// `../shared/data/real` beside the package.
enum RealData {
    static let folder: String = {
        if let variable = getenv("PIECES_REAL_DATA") { return String(cString: variable) }
        return "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/../shared/data/real"
    }()

    static var isThere: Bool { access(folder + "/alice.torrent", R_OK) == 0 }

    static func read(_ name: String) throws -> [UInt8] {
        let file = try #require(fopen("\(folder)/\(name)", "rb"))
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            if count == 0 { return bytes }
            bytes += chunk[..<count]
        }
    }
}

@Suite(.enabled(if: RealData.isThere, "the folder with the real .torrent files is not there: set PIECES_REAL_DATA"))
struct RealTorrentTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let file: String
        let hash: String
        let pieces: Int
        let pieceLength: Int
        let bytes: Int64
        let files: Int

        var testDescription: String { file }
    }

    static let rows: [Row] = [
        Row(
            file: "alice", hash: "722fe65b2aa26d14f35b4ad627d20236e481d924", pieces: 10, pieceLength: 16384,
            bytes: 163_783, files: 1),
        Row(
            file: "leaves", hash: "d2474e86c95b19b8bcfdb92bc12c9d44667cfa36", pieces: 23, pieceLength: 16384,
            bytes: 362_017, files: 1),
        Row(
            file: "leaves-metadata", hash: "d2474e86c95b19b8bcfdb92bc12c9d44667cfa36", pieces: 23, pieceLength: 16384,
            bytes: 362_017, files: 1),
        Row(
            file: "numbers", hash: "89d97c2261a21b040cf11caa661a3ba7233bb7e6", pieces: 1, pieceLength: 16384, bytes: 6,
            files: 3),
        Row(
            file: "lots-of-numbers", hash: "114ead6243792ba56297edbb9a78dfba84d4fc00", pieces: 1, pieceLength: 16384,
            bytes: 12, files: 6),
        Row(
            file: "folder", hash: "b88da2caac6648e6c7d7687e3f89085f7e230e6b", pieces: 1, pieceLength: 16384, bytes: 15,
            files: 1),
        Row(
            file: "bunny", hash: "af8f10f30bf9aefecf3686922bfa0d5bd290a395", pieces: 830, pieceLength: 524_288,
            bytes: 434_839_491, files: 1),
        Row(
            file: "sintel", hash: "c334138ef5bfc2d568ea7324e0e2a3a7ec229bdd", pieces: 1310, pieceLength: 4_194_304,
            bytes: 5_490_455_272, files: 1),
        Row(
            file: "ubuntu-16.04-desktop-amd64.iso", hash: "4344503b7e797ebf31582327a5baae35b11bda01", pieces: 2835,
            pieceLength: 524_288,
            bytes: 1_485_881_344, files: 1),
        Row(
            file: "ubuntu-19.04-desktop-amd64.iso", hash: "d540fc48eb12f2833163eed6421d449dd8f1ce1f", pieces: 4000,
            pieceLength: 524_288,
            bytes: 2_097_152_000, files: 1),
        Row(
            file: "SXSW_2016_Showcasing_Artists_Part1", hash: "904167a3e7d7d1083ae170051a37648a5017f945", pieces: 3329,
            pieceLength: 2_097_152,
            bytes: 6_980_922_261, files: 1006),
    ]

    @Test(arguments: rows)
    func realTorrentsAreParsedCorrectly(row: Row) throws {
        let bytes = try RealData.read(row.file + ".torrent")
        let metainfo = try Metainfo(torrentFile: bytes)
        #expect(metainfo.infoHash.description == row.hash)
        #expect(metainfo.geometry == Geometry(totalBytes: row.bytes, pieceLength: row.pieceLength))
        #expect(metainfo.geometry.pieceCount == row.pieces)
        #expect(metainfo.layout.files.count == row.files)
        #expect(metainfo.file == bytes)
        #expect(Bencode.encode(try Bencode.decode(bytes)) == bytes)
    }

    @Test func namesAndTrackersOfRealTorrentsAreParsed() throws {
        let numbers = try Metainfo(torrentFile: try RealData.read("lots-of-numbers.torrent"))
        #expect(numbers.layout.files.map(\.displayPath).sorted().first == "lots-of-numbers/big numbers/10.txt")
        let ubuntu = try Metainfo(torrentFile: try RealData.read("ubuntu-16.04-desktop-amd64.iso.torrent"))
        #expect(
            ubuntu.trackers == [
                ["http://torrent.ubuntu.com:6969/announce"], ["http://ipv6.torrent.ubuntu.com:6969/announce"],
            ])
        let bunny = try Metainfo(torrentFile: try RealData.read("bunny.torrent"))
        #expect(
            bunny.webSeeds == [
                "http://distribution.bbb3d.renderfarming.net/video/mp4/bbb_sunflower_1080p_30fps_stereo_abl.mp4"
            ])
        #expect(bunny.creationDate == 1_387_309_701)
    }

    @Test func realPayloadMatchesItsPieceHashes() throws {
        let alice = try Metainfo(torrentFile: try RealData.read("alice.torrent"))
        let payload = try RealData.read("alice.txt")
        for piece in alice.geometry.pieces {
            let start = Int(alice.geometry.offset(of: piece))
            #expect(
                SHA1.hash(Array(payload[start..<start + alice.geometry.length(of: piece)])).elementsEqual(
                    alice.pieceHashes[piece]))
        }
    }

    @Test func torrentWithoutANameIsCalledByItsHash() throws {
        let metainfo = try Metainfo(torrentFile: try RealData.read("corrupt.torrent"))
        #expect(metainfo.name == metainfo.infoHash.description)
    }
}
