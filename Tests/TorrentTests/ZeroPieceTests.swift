import Bencode
import Testing
import Torrent

/// Pieces that are nothing but padding: their hash decides whether they are zeros.
struct ZeroPieceTests {
    /// A torrent of pieces of 32 KiB: data, two of padding, data, and a short last one of padding.
    private func metainfo(lies: Set<Int> = [], attribute: String = "p") throws -> Metainfo {
        let length = 32768
        let lengths = [(length, false), (2 * length, true), (length, false), (100, true)]
        var info = BencodeDictionary()
        info["files"] = .list(
            lengths.enumerated().map { number, file in
                var entry = BencodeDictionary()
                if file.1 {
                    entry["attr"] = .text(attribute)
                    if attribute == "l" { entry["symlink path"] = .list([.text("elsewhere")]) }
                }
                entry["length"] = .integer(Int64(file.0))
                entry["path"] = .list([.text("\(number)")])
                return .dictionary(entry)
            })
        info["name"] = "t"
        info["piece length"] = .integer(Int64(length))
        info["pieces"] = .string(
            (0..<5).flatMap { number in
                lies.contains(number)
                    ? [UInt8](repeating: 7, count: 20) : Array(SHA1.hash(zeros: number == 4 ? 100 : length))
            })
        var root = BencodeDictionary()
        root["info"] = .dictionary(info)
        return try Metainfo(torrentFile: Bencode.encode(.dictionary(root)))
    }

    @Test func paddingPiecesArePresentFromTheStart() throws {
        // The data pieces hash as zeros do, and yet somebody has to write them.
        #expect(Array(try metainfo().zeroPieces.pieces) == [1, 2, 4].map { PieceIndex($0) })
    }

    @Test func paddingPieceWithAnotherHashIsNotZero() throws {
        #expect(Array(try metainfo(lies: [2]).zeroPieces.pieces) == [1, 4].map { PieceIndex($0) })
        #expect(try metainfo(lies: [1, 2, 4], attribute: "l").zeroPieces.isEmpty)
    }

    @Test(arguments: [0, 1, 63, 64, 65, 16384, 65535, 65536, 65537, 200_000])
    func zerosHashLikeTheirBytes(count: Int) {
        #expect(SHA1.hash(zeros: count) == SHA1.hash([UInt8](repeating: 0, count: count)))
    }
}
