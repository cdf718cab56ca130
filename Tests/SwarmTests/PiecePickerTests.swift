import Swarm
import Testing
import Torrent

struct PiecePickerTests {
    @Test(arguments: 0..<30 as Range<UInt64>)
    func pickerMatchesANaivePicker(seed: UInt64) {
        var dice = SeededGenerator(seed: seed)
        var inner = SeededGenerator(seed: seed + 1000)
        let count = Int.random(in: 1...60, using: &dice)
        var picker = PiecePicker(pieceCount: count)
        var availability = [Int](repeating: 0, count: count)
        var candidates: Set<Int> = []
        var seeds = 0
        for _ in 0..<400 {
            let value = Int.random(in: 0..<count, using: &dice)
            let piece = PieceIndex(value)
            switch Int.random(in: 0..<8, using: &dice) {
            case 0, 1:
                picker.insert(piece, using: &inner)
                candidates.insert(value)
            case 2:
                picker.remove(piece)
                candidates.remove(value)
            case 3, 4, 5:
                picker.increment(piece, using: &inner)
                availability[value] += 1
            case 6:
                guard availability[value] > 0 else { continue }
                picker.decrement(piece, using: &inner)
                availability[value] -= 1
            default:
                if seeds > 0, Bool.random(using: &dice) {
                    picker.removeSeed()
                    seeds -= 1
                } else {
                    picker.addSeed()
                    seeds += 1
                }
            }
            #expect(picker.faults.isEmpty, "seed \(seed)")
            let eligible = Set((0..<count).filter { _ in Bool.random(using: &dice) })
            let possible = candidates.intersection(eligible).filter { availability[$0] + seeds > 0 }
            let rarest = picker.rarest { eligible.contains($0.value) }
            if let rarest {
                #expect(possible.contains(rarest.value), "seed \(seed)")
                #expect(availability[rarest.value] == possible.map { availability[$0] }.min(), "seed \(seed)")
            } else {
                #expect(possible.isEmpty, "seed \(seed)")
            }
            #expect(
                picker.first { eligible.contains($0.value) }?.value == candidates.intersection(eligible).min(),
                "seed \(seed)")
            #expect(picker.candidates.numbers == candidates.sorted(), "seed \(seed)")
            #expect(picker.availability(of: piece) == availability[value] + seeds, "seed \(seed)")
        }
    }

    @Test func equallyRarePiecesAreChosenEvenly() {
        var counts = [Int](repeating: 0, count: 10)
        for seed in 0..<2000 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            var picker = PiecePicker(pieceCount: 10)
            for value in 0..<10 { picker.insert(PieceIndex(value), using: &random) }
            for value in 0..<10 { picker.increment(PieceIndex(value), using: &random) }
            if let piece = picker.rarest(where: { _ in true }) { counts[piece.value] += 1 }
        }
        for count in counts { #expect((100...300).contains(count), "\(counts)") }
    }

    @Test func randomPickCoversAllCandidates() {
        var random = SeededGenerator(seed: 1)
        var picker = PiecePicker(pieceCount: 10)
        for value in 0..<10 { picker.insert(PieceIndex(value), using: &random) }
        var chosen: Set<Int> = []
        for _ in 0..<200 {
            if let piece = picker.random(using: &random, where: { $0.value % 2 == 0 }) { chosen.insert(piece.value) }
        }
        #expect(chosen == [0, 2, 4, 6, 8])
    }

    @Test func upcomingPiecesFollowThePickingPolicy() {
        var random = SeededGenerator(seed: 1)
        var picker = PiecePicker(pieceCount: 6)
        for value in 0..<6 { picker.insert(PieceIndex(value), using: &random) }
        for (value, times) in [(1, 1), (2, 3), (3, 2)] {
            for _ in 0..<times { picker.increment(PieceIndex(value), using: &random) }
        }
        #expect(picker.upcoming(2, .rarestFirst).map(\.value) == [1, 3])
        #expect(picker.upcoming(9, .rarestFirst).map(\.value) == [1, 3, 2])
        #expect(picker.upcoming(3, .sequential).map(\.value) == [0, 1, 2])
    }
}
