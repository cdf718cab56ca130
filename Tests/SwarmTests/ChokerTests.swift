import Swarm
import Testing
import Torrent

struct ChokerTests {
    /// Free slots go to interested peers at once; nobody loses one for it.
    @Test func freeSlotsAreFilledBetweenRounds() {
        let peers = (0..<4).map { number in
            Choker.Contender(
                key: PeerKey(UInt32(number)), isInterested: number != 1, isSnubbed: false, isUnchoked: number == 0,
                rate: 0, connectedAt: .origin)
        }
        let choker = Choker()
        #expect(choker.fill(peers, slots: 2) == [PeerKey(2)])
        #expect(choker.fill(peers, slots: 8) == [PeerKey(2), PeerKey(3)])
        #expect(choker.fill(peers, slots: 0).isEmpty)
    }

    private func contenders(_ rates: [Int], snubbed: Set<Int> = []) -> [Choker.Contender] {
        rates.enumerated().map { number, rate in
            Choker.Contender(
                key: PeerKey(UInt32(number + 1)), isInterested: rate >= 0, isSnubbed: snubbed.contains(number),
                isUnchoked: false, rate: max(rate, 0),
                connectedAt: .origin)
        }
    }

    private func numbers(_ keys: Set<PeerKey>) -> [Int] { keys.map { Int($0.value) - 1 }.sorted() }

    @Test func fewInterestedPeersAreAllUnchoked() {
        var choker = Choker()
        var random = SeededGenerator(seed: 1)
        let chosen = choker.choose(contenders([0, 5, 3, -1]), slots: 2, isSeeding: false, now: .origin, using: &random)
        #expect(numbers(chosen) == [0, 1, 2])
    }

    @Test func fastestPeersAndOneOptimisticAreUnchoked() {
        var choker = Choker()
        var random = SeededGenerator(seed: 1)
        let chosen = choker.choose(
            contenders([10, 90, 50, 70, 0, 30, -1]), slots: 3, isSeeding: false, now: .origin, using: &random)
        #expect(chosen.count == 4)
        #expect(Set(numbers(chosen)).isSuperset(of: [1, 2, 3]))
        #expect(!numbers(chosen).contains(6))
    }

    @Test func snubbedPeerEarnsNoSlot() {
        var choker = Choker()
        var random = SeededGenerator(seed: 3)
        let chosen = choker.choose(
            contenders([10, 90, 50, 70, 0], snubbed: [1]), slots: 2, isSeeding: false, now: .origin, using: &random)
        #expect(Set(numbers(chosen)).isSuperset(of: [2, 3]))
    }

    @Test func optimisticSlotRotates() {
        var choker = Choker()
        var random = SeededGenerator(seed: 1)
        var optimistic: [Int] = []
        for round in 0..<90 {
            let chosen = choker.choose(
                contenders([90, 80, 0, 0, 0, 0]), slots: 2, isSeeding: false, now: .origin + .seconds(round * 10),
                using: &random)
            optimistic.append(contentsOf: numbers(chosen.subtracting([PeerKey(1), PeerKey(2)])))
        }
        #expect(optimistic.count == 90)
        // It keeps its slot for three rounds, and everybody comes to it.
        #expect(stride(from: 0, to: 90, by: 3).allSatisfy { Set(optimistic[$0..<$0 + 3]).count == 1 })
        #expect(Set(optimistic) == [2, 3, 4, 5])
    }

    @Test func seedUnchokesEveryPeerInTurn() {
        var choker = Choker()
        var random = SeededGenerator(seed: 1)
        var turns = [Int](repeating: 0, count: 10)
        for round in 0..<60 {
            let now = Instant.origin + .seconds(round * 10)
            // Who was unchoked was faster since.
            let rates = turns.indices.map { 100 - $0 }
            for number in numbers(choker.choose(contenders(rates), slots: 4, isSeeding: true, now: now, using: &random))
            { turns[number] += 1 }
        }
        #expect(turns[0] == 60 && turns[1] == 60)
        #expect(turns.allSatisfy { $0 >= 5 }, "\(turns)")
    }
}
