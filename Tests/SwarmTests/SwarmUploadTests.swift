import Swarm
import Testing
import Torrent

/// Scripts of peers that take.
struct SwarmUploadTests {
    private func seeding(_ settings: SwarmSettings = SwarmSettings()) -> SwarmBench {
        SwarmBench(pieces: 8, settings: settings, have: Array(0..<8)).started()
    }

    private func leecher(_ bench: SwarmBench, _ number: Int, fast: Bool = true) -> PeerKey {
        let key = bench.connect(number, fast: fast, have: [])
        bench.feed { $0.interested(key, now: $1) }
        return key
    }

    private func ask(_ bench: SwarmBench, _ key: PeerKey, piece: Int = 0, begin: Int = 0, length: Int = 16_384) {
        bench.feed { $0.requested(key, piece: piece, begin: begin, length: length, now: $1) }
    }

    private func serves(_ effects: [Effect]) -> [(PeerKey, BlockRequest)] {
        effects.compactMap { if case .serve(let key, let request) = $0 { (key, request) } else { nil } }
    }

    @Test func interestedPeerIsUnchokedAndServed() {
        let bench = seeding()
        let key = leecher(bench, 1)
        #expect(bench.takeMessages(key).contains(.unchoke))
        ask(bench, key, piece: 3, begin: 16_384)
        let request = BlockRequest(piece: PieceIndex(3), begin: 16_384, length: 16_384)
        #expect(bench.take().contains(.serve(key, request)))
        bench.feed { $0.served(key, request, now: $1) }
        #expect(bench.swarm.transfer.uploaded == 16_384)
    }

    @Test func uploadSlotsAreLimited() {
        var settings = SwarmSettings()
        settings.uploadSlots = 2
        let bench = seeding(settings)
        let keys = (1...6).map { leecher(bench, $0) }
        let unchoked = bench.take().compactMap { if case .send(let key, .unchoke) = $0 { key } else { nil } }
        #expect(unchoked == Array(keys.prefix(2)))
        bench.feed { $0.notInterested(keys[0], now: $1) }
        #expect(bench.take().contains(.send(keys[2], .unchoke)))
        bench.advance(.seconds(200))
        let reports = bench.swarm.peerReports(now: bench.now)
        #expect(reports.filter { !$0.amChoking }.count <= 3)
    }

    @Test(arguments: [
        (8, 0, 100), (0, 32_768, 1), (0, 0, 0), (0, -5, 10), (0, 0, Swarm.longestRequest + 1), (-1, 0, 1),
        (0, Int.max, 2),
    ])
    func requestOutsideItsPieceEndsTheConnection(piece: Int, begin: Int, length: Int) {
        let bench = seeding()
        let key = leecher(bench, 1)
        ask(bench, key, piece: piece, begin: begin, length: length)
        #expect(bench.swarm.peerCount == 0)
        #expect(serves(bench.take()).isEmpty)
    }

    @Test(arguments: [true, false])
    func requestOfAChokedPeerIsRejected(isFast: Bool) {
        let bench = seeding()
        let key = bench.connect(1, fast: isFast, have: [])
        ask(bench, key)
        let effects = bench.take()
        #expect(serves(effects).isEmpty)
        #expect(
            effects.contains(.send(key, .reject(BlockRequest(piece: PieceIndex(0), begin: 0, length: 16_384))))
                == isFast)
    }

    @Test func requestQueueIsLimitedAndServedInPortions() {
        let bench = seeding()
        let key = leecher(bench, 1)
        _ = bench.take()
        // It has taken nothing yet.
        let ahead = Swarm.servedAheadAtFirst / 16_384
        let extra = 5
        for _ in 0..<Swarm.longestServeQueue + ahead + extra { ask(bench, key) }
        let effects = bench.take()
        #expect(serves(effects).count == ahead)
        #expect(effects.count { if case .send(key, .reject) = $0 { true } else { false } } == extra)
        // For each two blocks that it takes it is served one more ahead, up to the most.
        bench.feed { $0.served(key, BlockRequest(piece: PieceIndex(0), begin: 0, length: 16_384), now: $1) }
        #expect(serves(bench.take()).count == 2)
        var underWay = ahead + 1
        for _ in 0..<1000 {
            bench.feed { $0.served(key, BlockRequest(piece: PieceIndex(0), begin: 0, length: 16_384), now: $1) }
            underWay += serves(bench.take()).count - 1
        }
        #expect(underWay == Swarm.servedAhead / 16_384)
    }

    @Test func cancelRemovesARequestFromTheQueue() {
        var settings = SwarmSettings()
        settings.uploadLimit = 16_384
        let bench = seeding(settings)
        let key = leecher(bench, 1)
        for piece in 0..<3 { ask(bench, key, piece: piece) }
        #expect(serves(bench.take()).count == 1)
        bench.feed { $0.cancelled(key, piece: 1, begin: 0, length: 16_384, now: $1) }
        #expect(bench.takeMessages(key).contains(.reject(BlockRequest(piece: PieceIndex(1), begin: 0, length: 16_384))))
        bench.advance(.seconds(5))
        #expect(serves(bench.take()).map(\.1.piece.value) == [2])
    }

    /// Also for requests that are larger than what the limit lets through at once.
    @Test(arguments: [16_384, 32_768])
    func uploadLimitHoldsAndStarvesNoPeer(length: Int) {
        var settings = SwarmSettings()
        settings.uploadLimit = 50_000
        let bench = seeding(settings)
        let keys = (1...3).map { leecher(bench, $0) }
        var sent: [PeerKey: Int] = [:]
        for key in keys { for _ in 0..<100 { ask(bench, key, length: length) } }
        for _ in 0..<600 {
            for (key, request) in serves(bench.take()) {
                sent[key, default: 0] += request.length
                bench.feed { $0.served(key, request, now: $1) }
            }
            bench.advance(.milliseconds(50))
        }
        let rate = Double(bench.swarm.transfer.uploaded) / 30
        #expect(abs(rate - 50_000) < 50_000 * 0.05, "\(rate)")
        #expect(keys.allSatisfy { sent[$0, default: 0] > 200_000 }, "\(sent)")
    }

    @Test func chokeDropsQueuedRequests() {
        var settings = SwarmSettings()
        settings.uploadLimit = 16_384
        let bench = seeding(settings)
        let key = leecher(bench, 1)
        for piece in 0..<3 { ask(bench, key, piece: piece) }
        _ = bench.take()
        bench.feed { $0.notInterested(key, now: $1) }
        let messages = bench.takeMessages(key)
        #expect(messages.first == .choke)
        #expect(messages.count { if case .reject = $0 { true } else { false } } == 2)
    }

    @Test func newPiecesAreAnnouncedToPeers() {
        let bench = SwarmBench(pieces: 2).started()
        let other = bench.connect(2, have: [])
        let key = bench.connectSeed(1)
        var requests = bench.takeRequests(key)
        bench.feed { $0.unchoked(key, now: $1) }
        requests += bench.takeRequests(key)
        for request in requests { bench.deliver(key, request) }
        let messages = bench.takeMessages(other)
        #expect(messages.contains(.have(PieceIndex(0))) && messages.contains(.have(PieceIndex(1))))
    }
}
