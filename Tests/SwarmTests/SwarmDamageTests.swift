import Swarm
import Testing
import Torrent

/// Damage that a scrub found: the claim goes, peers hear of it, and the piece comes again.
struct SwarmDamageTests {
    private func set(_ pieces: [Int], of count: Int = 8) -> Bitfield {
        var set = Bitfield(count: count)
        for piece in pieces { set.insert(PieceIndex(piece)) }
        return set
    }

    private func seeding() -> SwarmBench { SwarmBench(pieces: 8, have: Array(0..<8)).started() }

    @Test func peersHearOfTheLossAndTheClaimGoes() throws {
        let bench = seeding()
        let keys = [bench.connect(1, have: []), bench.connect(2, have: [0])]
        _ = bench.take()
        bench.feed { $0.damaged(set([3, 5]), now: $1) }
        let effects = bench.take()
        for key in keys {
            for piece in [3, 5] { #expect(effects.contains(.send(key, .dontHave(PieceIndex(piece))))) }
        }
        #expect(!bench.swarm.have[PieceIndex(3)] && bench.swarm.have[PieceIndex(4)])
        let claim = try #require(bench.records.last)
        #expect(claim.unverified == [PieceIndex(3), PieceIndex(5)])
        #expect(claim.closed == claim.unverified)
        #expect(claim.claimed.population == 6)
        #expect(bench.swarm.violations == [])
        #expect(!bench.isComplete)
    }

    @Test func pieceIsFetchedAgainAndItsSendersAreNamed() throws {
        let bench = seeding()
        bench.feed { $0.damaged(set([3]), now: $1) }
        let key = bench.connectSeed(1)
        bench.serveAll(key)
        bench.advance(.seconds(10))
        #expect(bench.isDone)
        let note = bench.notes.first { if case .repaired = $0 { true } else { false } }
        #expect(note == .repaired(PieceIndex(3), senders: [SwarmBench.address(1)], webSeeds: []))
        #expect(bench.swarm.repairs.isEmpty)
        // Other pieces are fetched without a word.
        #expect(bench.notes.count { if case .repaired = $0 { true } else { false } } == 1)
    }

    /// The bad bytes are compared with the good ones, so nothing overwrites them block by block.
    @Test func damagedPieceIsNotWrittenEarly() {
        let bench = seeding()
        bench.feed { $0.damaged(set([3]), now: $1) }
        let key = bench.connectSeed(1)
        for request in bench.takeRequests(key).prefix(1) { bench.deliver(key, request) }
        bench.advance(.seconds(120))
        #expect(!bench.take().contains { if case .writeBlocks = $0 { true } else { false } })
    }

    @Test func pieceThatNoSourceHasIsUnavailable() {
        let bench = seeding()
        bench.feed { $0.damaged(set([3, 5]), now: $1) }
        #expect(bench.swarm.unavailableRepairs == [PieceIndex(3), PieceIndex(5)])
        let key = bench.connect(1, have: [5])
        #expect(bench.swarm.unavailableRepairs == [PieceIndex(3)])
        bench.feed { $0.closed(key, now: $1) }
        #expect(bench.swarm.unavailableRepairs == [PieceIndex(3), PieceIndex(5)])
    }

    @Test func piecesThatAreNotPresentStayAsTheyAre() {
        let bench = SwarmBench(pieces: 8, have: [0, 1]).started()
        bench.feed { $0.damaged(set([5]), now: $1) }
        #expect(bench.swarm.repairs.isEmpty)
        #expect(bench.swarm.violations == [])
    }

    /// A piece that is held back isn't fetched, and the torrent counts as complete without it.
    @Test func withheldPieceIsNotFetched() {
        let bench = seeding()
        var wanted = Bitfield(fullCount: 8)
        wanted.remove(PieceIndex(3))
        bench.feed { swarm, now in
            swarm.select(bench.files(wanted), now: now)
            swarm.damaged(self.set([3]), now: now)
        }
        let key = bench.connectSeed(1)
        #expect(bench.takeRequests(key).isEmpty)
        #expect(bench.isComplete)
        bench.feed { swarm, now in
            swarm.recheck(self.set([3]), now: now)
            swarm.select(bench.files(Bitfield(fullCount: 8)), now: now)
        }
        #expect(bench.isComplete, "the check found the piece good")
    }

    @Test func pieceThatIsGoodAgainNeedsNoRepair() {
        let bench = SwarmBench(pieces: 8, have: Array(0..<8), unverified: [3])
        bench.swarm.mustRepair(set([3]))
        bench.feed { $0.start(now: $1) }
        #expect(bench.isComplete && bench.swarm.repairs.isEmpty)
        #expect(bench.swarm.violations == [])
    }
}
