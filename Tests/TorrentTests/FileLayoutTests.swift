import Testing
import Torrent

private func layout(_ lengths: [Int64]) throws -> FileLayout {
    try #require(
        FileLayout(files: lengths.enumerated().map { FileEntry(path: ["t", "\($0.offset)"], length: $0.element) }))
}

struct FileLayoutTests {
    @Test func segmentsSkipEmptyFiles() throws {
        let layout = try layout([0, 10, 0, 0, 5, 0])
        #expect(
            Array(layout.segments(offset: 0, length: 15)) == [
                Segment(file: 1, fileOffset: 0, length: 10), Segment(file: 4, fileOffset: 0, length: 5),
            ])
        #expect(
            Array(layout.segments(offset: 8, length: 3)) == [
                Segment(file: 1, fileOffset: 8, length: 2), Segment(file: 4, fileOffset: 0, length: 1),
            ])
        #expect(Array(layout.segments(offset: 10, length: 5)) == [Segment(file: 4, fileOffset: 0, length: 5)])
        #expect(Array(layout.segments(offset: 15, length: 0)) == [])
        #expect(Array(layout.segments(offset: 3, length: 0)) == [])
        #expect(Array(try self.empty().segments(offset: 0, length: 0)) == [])
    }

    private func empty() throws -> FileLayout { try layout([0, 0]) }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func layoutMatchesAMapOfEveryByte(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let lengths = (0..<Int.random(in: 1...30, using: &generator)).map { _ in
            Bool.random(using: &generator) ? Int64.random(in: 0...60, using: &generator) : 0
        }
        let layout = try layout(lengths)
        let owners = layout.files.flatMap { file in (0..<file.length).map { (file.index, $0) } }
        #expect(layout.totalBytes == Int64(owners.count))
        for _ in 0..<20 {
            let start = Int.random(in: 0...owners.count, using: &generator)
            let length = Int.random(in: 0...owners.count - start, using: &generator)
            var seen: [(Int, Int64)] = []
            for segment in layout.segments(offset: Int64(start), length: length) {
                #expect(segment.length > 0)
                seen += (0..<Int64(segment.length)).map { (segment.file, segment.fileOffset + $0) }
            }
            #expect(seen.elementsEqual(owners[start..<start + length], by: ==), "seed \(seed)")
        }
        let geometry = try #require(
            Geometry(totalBytes: layout.totalBytes, pieceLength: Int.random(in: 1...40, using: &generator)))
        for piece in geometry.pieces {
            let at = Int(geometry.offset(of: piece))
            let touched = Set(owners[at..<at + geometry.length(of: piece)].map(\.0))
            let files = layout.files(of: piece, geometry: geometry)
            #expect(Set(files.filter { lengths[$0] > 0 }) == touched, "seed \(seed)")
            for file in layout.files where !file.isEmpty {
                #expect(
                    layout.pieces(of: file.index, geometry: geometry).contains(piece) == touched.contains(file.index),
                    "seed \(seed)")
            }
        }
        #expect(layout.files.allSatisfy { !$0.isEmpty || layout.pieces(of: $0.index, geometry: geometry).isEmpty })
        var some = Bitfield(count: geometry.pieceCount)
        for piece in geometry.pieces where Bool.random(using: &generator) { some.insert(piece) }
        for file in layout.files {
            let inside = owners.enumerated().count { $1.0 == file.index && some[PieceIndex($0 / geometry.pieceLength)] }
            #expect(layout.bytes(of: file.index, in: some, geometry: geometry) == Int64(inside), "seed \(seed)")
        }
    }

    @Test(arguments: [[-1], [Int64.max, 1], [5, -5], [.max, .max]] as [[Int64]])
    func impossibleLengthsAreRejected(lengths: [Int64]) {
        #expect(FileLayout(files: lengths.map { FileEntry(path: ["f"], length: $0) }) == nil)
    }

    @Test func padFilesKeepTheirPaths() throws {
        let pad = FileEntry(path: ["t", ".pad", "1"], length: 1, isPad: true)
        let layout = try #require(FileLayout(files: [pad, FileEntry(path: ["t", ".pad"], length: 2), pad]))
        #expect(layout.files.map(\.displayPath) == ["t/.pad/1", "t/.pad", "t/.pad/1"])
        #expect(layout.files.map(\.offset) == [0, 1, 3])
        #expect(layout.files.map(\.index) == [0, 1, 2])
    }

    @Test func onlyBlocksFullyInsideAPadFileArePadding() throws {
        let block = Int64(Geometry.blockLength)
        // A piece of four blocks: one and a half of data, the rest padding; then two pieces of padding alone and a last
        // piece of data.
        let files = [
            FileEntry(path: ["t", "a"], length: block * 3 / 2),
            FileEntry(path: ["t", "pad1"], length: block * 5 / 2, isPad: true),
            FileEntry(path: ["t", "pad2"], length: block * 8, isPad: true), FileEntry(path: ["t", "b"], length: 100),
        ]
        let layout = try #require(FileLayout(files: files))
        let geometry = try #require(Geometry(totalBytes: layout.totalBytes, pieceLength: 4 * Geometry.blockLength))
        #expect(layout.paddedBlocks(geometry: geometry) == [PieceIndex(0): [2, 3]])
        #expect(layout.piecesOfPadding(geometry: geometry) == [PieceIndex(1)..<PieceIndex(3)])
    }

    /// Against a look at every block of the pieces at both ends of each pad file.
    @Test(arguments: 0..<60 as Range<UInt64>)
    func paddedBlocksMatchACheckOfEveryBlock(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let block = Int64(Geometry.blockLength)
        let files = (0..<12).map { n in
            let length =
                Int64.random(in: 0...3, using: &generator) * block + Int64.random(in: -1...1, using: &generator)
            return FileEntry(path: ["\(n)"], length: max(0, length), isPad: Bool.random(using: &generator))
        }
        let layout = try #require(FileLayout(files: files))
        let pieceLength =
            Int(block) * Int.random(in: 1...4, using: &generator) + Int.random(in: -1...1, using: &generator)
        let geometry = try #require(Geometry(totalBytes: layout.totalBytes, pieceLength: pieceLength))
        var expected: [PieceIndex: [Int]] = [:]
        for file in layout.files where file.isPad && !file.isEmpty {
            let pieces = layout.pieces(of: file.index, geometry: geometry)
            for piece in Set([pieces.lowerBound, pieces.upperBound.advanced(by: -1)]) {
                let inside = (0..<geometry.blockCount(of: piece)).filter { block in
                    let start = geometry.offset(of: piece) + Int64(block * Geometry.blockLength)
                    let end = start + Int64(geometry.length(of: BlockRef(piece: piece, block: block)))
                    return file.offset <= start && end <= file.end
                }
                if !inside.isEmpty, inside.count < geometry.blockCount(of: piece) {
                    expected[piece, default: []] += inside
                }
            }
        }
        #expect(layout.paddedBlocks(geometry: geometry) == expected, "seed \(seed)")
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func paddingPiecesMatchAMapOfEveryByte(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let files = (0..<Int.random(in: 1...12, using: &generator)).map { number in
            FileEntry(
                path: ["t", "\(number)"], length: Int64.random(in: 0...40, using: &generator),
                isPad: Bool.random(using: &generator))
        }
        let layout = try #require(FileLayout(files: files))
        let geometry = try #require(
            Geometry(totalBytes: layout.totalBytes, pieceLength: Int.random(in: 1...12, using: &generator)))
        let isPadding = layout.files.flatMap { Array(repeating: $0.isPad, count: Int($0.length)) }
        let expected = geometry.pieces.filter { piece in
            let start = Int(geometry.offset(of: piece))
            return isPadding[start..<start + geometry.length(of: piece)].allSatisfy(\.self)
        }
        #expect(layout.piecesOfPadding(geometry: geometry).flatMap { Array($0) } == expected, "seed \(seed)")
    }
}
