import Swarm
import Testing
import Torrent

/// The only seed of a torrent tells peers of few pieces (BEP 16).
struct SuperSeedingTests {
    private static let count = 8

    private func bench(_ have: [Int] = Array(0..<count), unverified: [Int] = [], isOn: Bool = true) -> SwarmBench {
        var settings = SwarmSettings()
        settings.superSeeds = isOn
        return SwarmBench(pieces: Self.count, settings: settings, have: have, unverified: unverified).started()
    }

    /// A peer that wants what it is told of, and what it was told of.
    private func leecher(_ bench: SwarmBench, _ number: Int, have: [Int] = [], fast: Bool = true) -> PeerKey {
        let key = bench.connect(number, fast: fast, have: have)
        bench.feed { $0.batchEnded(key, now: $1) }
        return key
    }

    private func told(_ key: PeerKey, _ effects: [Effect]) -> [Int] {
        effects.compactMap { if case .send(key, .have(let piece)) = $0 { piece.value } else { nil } }
    }

    private func first(_ key: PeerKey, _ effects: [Effect]) -> Bitfield? {
        effects.lazy.compactMap { if case .send(key, .pieces(let pieces)) = $0 { pieces } else { nil } }.first
    }

    /// The peer announces the piece, as one batch.
    private func announce(_ bench: SwarmBench, _ piece: Int, by key: PeerKey) {
        bench.feed { $0.has(key, piece, now: $1) }
        bench.feed { $0.batchEnded(key, now: $1) }
    }

    @Test func seedPosesAsAPeerWithoutPiecesAndTellsOfOne() {
        let bench = bench()
        let keys = [leecher(bench, 1), leecher(bench, 2), leecher(bench, 3, fast: false)]
        let effects = bench.take()
        #expect(first(keys[0], effects)?.isEmpty ?? false && first(keys[1], effects)?.isEmpty ?? false)
        #expect(first(keys[2], effects) == nil, "an empty bitfield is left out")
        let pieces = keys.flatMap { told($0, effects) }
        #expect(Set(pieces).count == pieces.count, "each piece goes to one peer: \(pieces)")
        for key in keys.dropFirst() { #expect(told(key, effects).count == SuperSeeding.mostOffersWhileChoked) }
        #expect(bench.isSuperSeeding && bench.spreadPieces == 0)
    }

    @Test func peerIsToldOfAnotherPieceWhenOthersHaveTheOneBefore() {
        let bench = bench()
        let (one, other) = (leecher(bench, 1), leecher(bench, 2))
        bench.feed { $0.interested(one, now: $1) }
        bench.advance(.milliseconds(300))
        let mine = told(one, bench.take())
        // It has them, and nobody else has.
        for piece in mine { announce(bench, piece, by: one) }
        bench.advance(.milliseconds(300))
        #expect(!mine.isEmpty && told(one, bench.take()).isEmpty)
        for piece in mine { announce(bench, piece, by: other) }
        bench.advance(.seconds(1))
        #expect(!told(one, bench.take()).isEmpty)
    }

    @Test func peerThatKeepsItsPieceWaits() throws {
        let bench = bench()
        let (one, _) = (leecher(bench, 1), leecher(bench, 2))
        bench.feed { $0.interested(one, now: $1) }
        bench.advance(.milliseconds(300))
        for piece in told(one, bench.take()) { announce(bench, piece, by: one) }
        bench.advance(.milliseconds(1500))
        #expect(told(one, bench.take()).isEmpty)
        // Nothing is uploaded, so there is no reason to wait for long.
        bench.advance(.seconds(2))
        #expect(!told(one, bench.take()).isEmpty)
    }

    @Test func pieceThatAPeerWasNotToldOfIsRejected() throws {
        let bench = bench()
        let (one, _) = (leecher(bench, 1), leecher(bench, 2))
        bench.feed { $0.interested(one, now: $1) }
        bench.advance(.milliseconds(300))
        let mine = told(one, bench.take())
        for piece in 0..<Self.count {
            bench.feed { $0.requested(one, piece: piece, begin: 0, length: 16_384, now: $1) }
            let request = BlockRequest(piece: PieceIndex(piece), begin: 0, length: 16_384)
            let effects = bench.take()
            #expect(effects.contains(.serve(one, request)) == mine.contains(piece))
            #expect(effects.contains(.send(one, .reject(request))) == !mine.contains(piece))
        }
    }

    @Test func whatAPeerLeavesGoesToAnother() throws {
        let bench = bench()
        var seen: Set<Int> = []
        // Each leaves without having taken anything.
        for number in 1...20 {
            let key = leecher(bench, number)
            let pieces = told(key, bench.take())
            #expect(!pieces.isEmpty, "peer \(number)")
            seen.formUnion(pieces)
            bench.feed { $0.closed(key, now: $1) }
        }
        #expect(bench.isSuperSeeding)
    }

    @Test func seedTellsOfEverythingWhenPeersHaveAllPiecesBetweenThem() {
        let bench = bench()
        let one = leecher(bench, 1, have: [0, 1, 2, 3])
        let other = leecher(bench, 2, have: [4, 5, 6])
        bench.advance(.seconds(2))
        #expect(told(one, bench.take()) == [7] || told(other, bench.take()) == [7] || bench.isSuperSeeding)
        announce(bench, 7, by: other)
        bench.advance(.seconds(3))
        #expect(!bench.isSuperSeeding)
        let late = leecher(bench, 3)
        #expect(first(late, bench.take())?.isFull ?? false)
        for piece in 0..<Self.count {
            bench.feed { $0.interested(one, now: $1) }
            bench.feed { $0.requested(one, piece: piece, begin: 0, length: 16_384, now: $1) }
            let request = BlockRequest(piece: PieceIndex(piece), begin: 0, length: 16_384)
            #expect(bench.take().contains(.serve(one, request)))
            bench.feed { $0.served(one, request, now: $1) }
        }
    }

    /// One peer that claims to be a seed may lie; two of different hosts don't.
    @Test func otherSeedsEndItAndAreDropped() {
        let bench = bench()
        let stays = leecher(bench, 1)
        _ = bench.connectSeed(2)
        bench.advance(.seconds(1))
        #expect(bench.peerCount == 1 && bench.isSuperSeeding)
        let before = told(stays, bench.take())
        _ = bench.connectSeed(3)
        bench.advance(.seconds(1))
        #expect(bench.peerCount == 1 && !bench.isSuperSeeding)
        #expect(Set(before + told(stays, bench.take())) == Set(0..<Self.count))
        bench.advance(.seconds(60))
        #expect(!bench.isSuperSeeding, "it doesn't begin again")
    }

    @Test func peerThatCompletedWithOurPiecesEndsIt() {
        let bench = bench()
        let (one, other) = (leecher(bench, 1), leecher(bench, 2))
        bench.feed { $0.interested(one, now: $1) }
        bench.advance(.milliseconds(300))
        let piece = told(one, bench.take())[0]
        let request = BlockRequest(piece: PieceIndex(piece), begin: 0, length: 16_384)
        bench.feed { $0.requested(one, piece: piece, begin: 0, length: 16_384, now: $1) }
        bench.feed { $0.served(one, request, now: $1) }
        for index in 0..<Self.count { bench.feed { $0.has(one, index, now: $1) } }
        bench.advance(.seconds(1))
        #expect(!bench.isSuperSeeding && bench.peerCount == 1)
        #expect(!told(other, bench.take()).isEmpty)
    }

    @Test func userTurnsItOffAndOn() {
        let bench = bench()
        let key = leecher(bench, 1)
        let before = told(key, bench.take())
        var settings = bench.swarm.settings
        settings.superSeeds = false
        bench.feed { $0.change(settings, now: $1) }
        bench.advance(.seconds(1))
        #expect(Set(before + told(key, bench.take())) == Set(0..<Self.count))
        settings.superSeeds = true
        bench.feed { $0.change(settings, now: $1) }
        #expect(bench.isSuperSeeding)
        // Who knows everything isn't told again; who comes now isn't told.
        let late = leecher(bench, 2)
        let effects = bench.take()
        #expect(told(key, effects).isEmpty && first(late, effects)?.isEmpty ?? false)
    }

    /// After a crash, pieces are unverified at first: nobody is told of those that turn out to be good.
    @Test func startAfterACrashTellsOfNoMore() {
        let bench = bench(unverified: Array(0..<Self.count))
        #expect(bench.isSuperSeeding && bench.swarm.have.isFull)
        let key = leecher(bench, 1)
        let effects = bench.take()
        #expect(first(key, effects)?.isEmpty ?? false && told(key, effects).count <= SuperSeeding.mostOffersToOnlyPeer)
    }

    @Test func incompleteTorrentTellsOfWhatItHas() {
        let bench = bench([0, 1, 2])
        let key = leecher(bench, 1)
        #expect(!bench.isSuperSeeding)
        #expect(first(key, bench.take())?.numbers == [0, 1, 2])
    }

    @Test func usualSeedTellsOfEverything() {
        let bench = bench(isOn: false)
        let key = leecher(bench, 1)
        #expect(!bench.isSuperSeeding && bench.spreadPieces == nil)
        #expect(first(key, bench.take())?.isFull ?? false)
    }

    /// Peers come, go, take, announce and lie at random: what is offered stays consistent, within its limits, and peers
    /// are told of no piece twice.
    @Test(arguments: 1...200 as ClosedRange<UInt64>) func offersStayConsistent(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let count = Int.random(in: 2...40, using: &random)
        var machine = SuperSeeding(pieceCount: count, seed: seed, now: .origin)
        var now = Instant.origin
        var have: [PeerKey: Set<Int>] = [:]
        var told: [PeerKey: Set<Int>] = [:]
        func copies(_ piece: PieceIndex) -> Int? { have.values.count { $0.contains(piece.value) } }
        func note(_ key: PeerKey, _ pieces: [PieceIndex]) {
            for piece in pieces {
                #expect(told[key, default: []].insert(piece.value).inserted, "seed \(seed): \(key), piece \(piece)")
                #expect(machine.mayServe(piece, to: key), "seed \(seed)")
            }
        }
        for step in 0..<400 where !machine.isOver {
            now = now + .milliseconds(Int64.random(in: 1...900, using: &random))
            let key = PeerKey(UInt32.random(in: 1...12, using: &random))
            switch Int.random(in: 0..<7, using: &random) {
            case 0 where have[key] == nil:
                have[key] = []
                told[key] = []
                machine.arrived(key, knowsAll: false)
            case 1 where have[key] != nil && step.isMultiple(of: 3):
                have[key] = nil
                machine.left(key)
            case 2 where have[key] != nil:
                note(key, machine.offers(to: key, isUnchoked: Bool.random(using: &random), copies: copies, now: now))
            case 3, 4:
                // Of what it was told, or of anything.
                let mine = have[key].map { Array(told[key, default: []].subtracting($0)) } ?? []
                let isTold = Bool.random(using: &random)
                guard let piece = isTold ? mine.sorted().randomElement(using: &random) : step % count,
                    have[key]?.insert(piece).inserted ?? false
                else { continue }
                machine.announced(PieceIndex(piece), by: key, copies: copies(PieceIndex(piece)) ?? 0, now: now)
            case 5:
                if let piece = told[key]?.sorted().randomElement(using: &random) {
                    machine.sent(PieceIndex(piece), to: key, now: now)
                }
            default:
                let guests = have.keys.sorted().map {
                    SuperSeeding.Guest(
                        key: $0, isUnchoked: Bool.random(using: &random), isInterested: Bool.random(using: &random))
                }
                for (key, pieces) in machine.tick(guests, copies: copies, now: now) { note(key, pieces) }
            }
            #expect(machine.faults.isEmpty, "seed \(seed), step \(step): \(machine.faults)")
        }
        guard machine.isOver else { return }
        for key in have.keys {
            _ = machine.rest(for: key, of: Bitfield(fullCount: count)) { have[key]?.contains($0.value) ?? false }
        }
        #expect(machine.isFinished, "seed \(seed)")
    }

    /// A large torrent is told of in portions.
    @Test func everythingIsToldInPortions() {
        let count = 2500
        var machine = SuperSeeding(pieceCount: count, seed: 1, now: .origin)
        machine.arrived(PeerKey(1), knowsAll: false)
        machine.end()
        var told: [PieceIndex] = []
        for portion in [1000, 1000, 500] {
            #expect(!machine.isFinished)
            let next = machine.rest(for: PeerKey(1), of: Bitfield(fullCount: count)) { _ in false }
            #expect(next.count == portion)
            told += next
        }
        #expect(Set(told).count == count && machine.isFinished)
    }
}

extension SwarmBench {
    fileprivate var isSuperSeeding: Bool { swarm.isSuperSeeding }
    fileprivate var spreadPieces: Int? { swarm.spreadPieces }
    fileprivate var peerCount: Int { swarm.peerCount }
}
