import Testing
import Torrent

struct BitfieldTests {
    @Test(arguments: [0, 1, 7, 8, 9, 63, 64, 65, 127, 128, 1000])
    func fullAndEmptyBitfieldsAreCorrect(count: Int) {
        let full = Bitfield(fullCount: count)
        #expect(full.isFull)
        #expect(full.population == count)
        #expect(full.pieces.map(\.value) == Array(0..<count))
        #expect(Bitfield(wire: full.bytes, count: count) == full)
        let empty = Bitfield(count: count)
        #expect(empty.isEmpty)
        #expect(empty.bytes == Array(repeating: 0, count: (count + 7) / 8))
    }

    @Test func pieceZeroIsTheHighestBit() {
        var bits = Bitfield(count: 10)
        bits[PieceIndex(0)] = true
        bits[PieceIndex(9)] = true
        #expect(bits.bytes == [0x80, 0x40])
    }

    @Test(
        arguments: [
            ([0xff], 7), ([0x01], 7), ([0xff, 0x20], 10), ([], 1), ([0, 0], 8), ([0], 0), ([0], -1),
            ([255, 255, 255, 255, 255, 255, 255, 255, 255], 71),
        ] as [([UInt8], Int)])
    func wrongLengthAndSpareBitsAreRejected(bytes: [UInt8], count: Int) {
        #expect(Bitfield(wire: bytes, count: count) == nil)
    }

    @Test(
        arguments: [
            ([0xff], 7, [0xfe]), ([0x01], 7, [0x00]), ([0xff, 0xff], 10, [0xff, 0xc0]), ([0xff], 8, [0xff]),
            ([], 0, []),
        ] as [([UInt8], Int, [UInt8])])
    func spareBitsOfAPeerAreCleared(bytes: [UInt8], count: Int, cleared: [UInt8]) {
        #expect(Bitfield(fromPeer: bytes, count: count)?.bytes == cleared)
    }

    @Test(arguments: [([], 1), ([0, 0], 8), ([0], 0), ([0], -1)] as [([UInt8], Int)])
    func wrongLengthOfAPeerIsRejected(bytes: [UInt8], count: Int) {
        #expect(Bitfield(fromPeer: bytes, count: count) == nil)
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func bitfieldBehavesLikeASet(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let count = Int.random(in: 1...300, using: &generator)
        var models: [Set<Int>] = [[], []]
        var fields = [Bitfield(count: count), Bitfield(count: count)]
        for _ in 0..<200 {
            let which = Int.random(in: 0...1, using: &generator)
            let piece = Int.random(in: 0..<count, using: &generator)
            if Bool.random(using: &generator) {
                #expect(fields[which].insert(PieceIndex(piece)) == models[which].insert(piece).inserted)
            } else {
                #expect(fields[which].remove(PieceIndex(piece)) == (models[which].remove(piece) != nil))
            }
        }
        func check(_ field: Bitfield, _ model: Set<Int>) {
            #expect(field.pieces.map(\.value) == model.sorted(), "seed \(seed)")
            #expect(field.population == model.count, "seed \(seed)")
            #expect(Bitfield(wire: field.bytes, count: count) == field, "seed \(seed)")
        }
        let (a, b) = (fields[0], fields[1])
        var union = a
        union.formUnion(b)
        check(union, models[0].union(models[1]))
        check(a.intersection(b), models[0].intersection(models[1]))
        check(a.subtracting(b), models[0].subtracting(models[1]))
        #expect(a.isSubset(of: b) == models[0].isSubset(of: models[1]))
        #expect(a.isSubset(of: union))
        #expect(a.intersects(b) == !models[0].isDisjoint(with: models[1]))
        for first in 0...count {
            for end in Set([first, min(first + 1, count), (first + count) / 2, count]) {
                let range = PieceIndex(first)..<PieceIndex(end)
                #expect(a.population(in: range) == models[0].count { (first..<end).contains($0) }, "seed \(seed)")
            }
        }
    }
}
