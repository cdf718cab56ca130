import Swarm
import Testing
import Torrent

/// Scripts of peers that send, well and badly.
struct SwarmDownloadTests {
    @Test func seedCompletesTheDownload() {
        let bench = SwarmBench(pieces: 6, blocks: 3).started()
        let seed = bench.connectSeed(1)
        #expect(bench.swarm.peerReports(now: bench.now).map(\.amInterested) == [true])
        bench.serveAll(seed)
        bench.advance(.seconds(3))
        #expect(bench.isDone)
        #expect(bench.records.flatMap(\.pieces).map(\.value).sorted() == Array(0..<6))
        #expect(bench.notes.contains(.completed))
        #expect(bench.swarm.transfer.wasted == 0)
    }

    @Test(arguments: [true, false])
    func peerWithoutABitfieldHasTheAnnouncedPieces(isFast: Bool) {
        let bench = SwarmBench().started()
        let key = bench.connect(1, fast: isFast)
        #expect(bench.takeMessages(key).filter { $0 == .interested }.isEmpty)
        bench.feed { $0.has(key, 3, now: $1) }
        let effects = bench.take(for: key)
        #expect(effects.first == .send(key, .interested))
        #expect(
            effects.dropFirst().allSatisfy {
                if case .request(.peer(key), let request) = $0 { request.piece == PieceIndex(3) } else { false }
            })
        #expect(effects.count == 3)
    }

    @Test func silentPeerIsSnubbedAndOthersGetItsBlocks() {
        let bench = SwarmBench(pieces: 2).started()
        let silent = bench.connectSeed(1)
        let asked = Set(bench.takeRequests(silent))
        #expect(asked.count == 4)
        let other = bench.connectSeed(2)
        bench.advance(Swarm.firstBlockAfter + .seconds(1))
        #expect(bench.swarm.peerReports(now: bench.now).first { $0.key == silent }?.isSnubbed == true)
        #expect(Set(bench.takeRequests(other)) == asked)
        // Its late block is welcome still.
        #expect(bench.deliver(silent, asked.first!) == .store)
    }

    @Test func snubbedPeerGetsFewRequests() {
        let bench = SwarmBench(pieces: 8).started()
        let silent = bench.connectSeed(1)
        bench.advance(Swarm.firstBlockAfter + .seconds(1))
        _ = bench.take()
        bench.advance(.seconds(200))
        #expect((1...20).contains(bench.takeRequests(silent).count))
    }

    @Test func slowPeerHoldsFewRequests() {
        let bench = SwarmBench(pieces: 8, blocks: 8).started()
        let slow = bench.connectSeed(1)
        var queue = bench.takeRequests(slow)[...]
        for _ in 0..<20 {
            bench.advance(.milliseconds(1600))
            queue += bench.takeRequests(slow)
            guard let request = queue.popFirst() else { break }
            bench.deliver(slow, request)
        }
        #expect((bench.swarm.peerReports(now: bench.now).first?.outstanding ?? 9) <= 2)
    }

    /// Until its first piece is hashed nobody is trusted with much; a peer that nobody is beside gets two pieces, so
    /// that its path doesn't run dry.
    @Test(arguments: [1, 2]) func unprovenPeerGetsFewPieces(peers: Int) {
        let bench = SwarmBench(pieces: 8, blocks: 256).started()
        bench.held = [.verify]
        let keys = (1...peers).map { bench.connectSeed($0) }
        var asked: [PeerKey: Set<PieceIndex>] = [:]
        var awaited: [Bool] = []
        for _ in 0..<40 {
            for effect in bench.take() {
                if case .request(.peer(let key), let request) = effect {
                    asked[key, default: []].insert(request.piece)
                    bench.deliver(key, request)
                }
                if case .verify(let work) = effect { awaited.append(work.isAwaited) }
            }
            bench.advance(.milliseconds(10))
        }
        #expect(keys.map { asked[$0]?.count } == keys.map { _ in peers == 1 ? 2 : 1 })
        #expect(awaited == Array(repeating: true, count: 2), "they wait for the verdict alone")
    }

    /// The first proves the peer; the last would wait in vain for others to be hashed with.
    @Test func firstAndLastPieceAreMarkedAsAwaited() {
        let bench = SwarmBench(pieces: 6, blocks: 4).started()
        let seed = bench.connectSeed(1)
        var awaited: [Bool] = []
        var asked: [BlockRequest] = []
        while !bench.isComplete {
            for effect in bench.take() {
                if case .request(.peer(seed), let request) = effect { asked.append(request) }
                if case .verify(let work) = effect { awaited.append(work.isAwaited) }
            }
            guard !asked.isEmpty else { break }
            // One read brings one piece.
            for request in asked.prefix(4) { bench.deliver(seed, request) }
            asked.removeFirst(min(4, asked.count))
        }
        for case .verify(let work) in bench.take() { awaited.append(work.isAwaited) }
        #expect(bench.isComplete)
        #expect(awaited.count == 6 && awaited.first == true && awaited.last == true)
        #expect(awaited.contains(false))
    }

    @Test func onlySenderOfABadPieceIsBannedAtOnce() {
        let bench = SwarmBench(pieces: 4).started()
        let liar = bench.connectSeed(1)
        let honest = bench.connectSeed(2)
        let requests = bench.take()
        let piece = requests.compactMap { if case .request(.peer(liar), let request) = $0 { request } else { nil } }
        for request in piece.filter({ $0.piece == piece[0].piece }) { bench.deliver(liar, request, lie: 5) }
        #expect(bench.swarm.book.banned.map(\.address) == [SwarmBench.address(1)])
        #expect(bench.swarm.peerCount == 1)
        for case .request(.peer(honest), let request) in requests { bench.deliver(honest, request) }
        bench.serveAll(honest)
        bench.advance(.seconds(3))
        #expect(bench.isDone)
    }

    @Test func lyingPeerAmongSeveralIsBannedAlone() {
        let bench = SwarmBench(pieces: 1, blocks: 6).started()
        let keys = (1...3).map { bench.connectSeed($0) }
        var asked = keys.map { _ in [BlockRequest]() }
        for case .request(.peer(let key), let request) in bench.take() {
            asked[keys.firstIndex(of: key)!].append(request)
        }
        // The first holds what it was asked for; the others took over some in the end-game.
        bench.advance(.seconds(2))
        for case .request(.peer(let key), let request) in bench.take() {
            asked[keys.firstIndex(of: key)!].append(request)
        }
        #expect(asked.allSatisfy { !$0.isEmpty })
        var done: Set<BlockRequest> = []
        for index in [1, 2, 0] {
            for request in asked[index].prefix(index == 0 ? 99 : 2) where done.insert(request).inserted {
                bench.deliver(keys[index], request, lie: index == 1 ? 9 : 0)
            }
        }
        #expect(
            bench.notes.contains {
                if case .pieceFailed(PieceIndex(0), let senders, _, _) = $0 { senders.count > 1 } else { false }
            })
        #expect(bench.swarm.book.banned.isEmpty)
        // Now it comes right.
        for _ in 0..<20 where !bench.isComplete {
            for case .request(.peer(let key), let request) in bench.take() where key != keys[1] {
                bench.deliver(key, request)
            }
            bench.advance(.milliseconds(600))
        }
        #expect(bench.isComplete)
        #expect(bench.swarm.book.banned.map(\.address) == [SwarmBench.address(2)])
    }

    @Test func peerThatClosesAtOnceIsDialledLater() {
        let bench = SwarmBench().started()
        bench.feed { $0.learn([SwarmBench.address(1)], from: .tracker, now: $1) }
        #expect(bench.take().contains(.dial(SwarmBench.address(1))))
        let key = bench.connect(1)
        bench.feed { $0.closed(key, now: $1) }
        bench.advance(.seconds(3))
        #expect(!bench.take().contains(.dial(SwarmBench.address(1))))
        bench.advance(.seconds(4))
        #expect(bench.take().contains(.dial(SwarmBench.address(1))))
    }

    @Test func chokeLeavesTheBlocksToOthers() {
        let bench = SwarmBench(pieces: 1, blocks: 4).started()
        let first = bench.connectSeed(1, fast: false)
        let asked = bench.takeRequests(first)
        bench.deliver(first, asked[0])
        _ = bench.take()
        let second = bench.connectSeed(2, fast: false)
        bench.feed { $0.choked(first, now: $1) }
        #expect(Set(bench.takeRequests(second)) == Set(asked[1...]))
        // Without the fast extension what was asked before the choke is void.
        #expect(bench.deliver(first, asked[1]) == .discard)
    }

    @Test func fastExtensionAcceptsBlocksAfterAChoke() {
        let bench = SwarmBench(pieces: 1, blocks: 4).started()
        let first = bench.connectSeed(1)
        let asked = bench.takeRequests(first)
        bench.feed { $0.choked(first, now: $1) }
        #expect(bench.deliver(first, asked[0]) == .store)
        bench.feed { $0.rejected(first, asked[1], now: $1) }
        bench.feed { $0.unchoked(first, now: $1) }
        #expect(Set(bench.takeRequests(first)) == Set(asked[1...]))
        #expect(bench.swarm.transfer.wasted == 0)
    }

    @Test func allowedFastPieceIsRequestedWhileChoked() {
        let bench = SwarmBench().started()
        let key = bench.connectSeed(1, isUnchoking: false)
        #expect(bench.takeRequests(key).isEmpty)
        bench.feed { $0.allowedFast(key, 5, now: $1) }
        #expect(Set(bench.takeRequests(key).map(\.piece)) == [PieceIndex(5)])
    }

    @Test func rejectedBlockIsRequestedFromAnotherPeer() {
        let bench = SwarmBench(pieces: 1, blocks: 4).started()
        let first = bench.connectSeed(1)
        let asked = bench.takeRequests(first)
        let second = bench.connectSeed(2)
        _ = bench.take()
        bench.feed { $0.rejected(first, asked[2], now: $1) }
        let effects = bench.take()
        #expect(effects.contains(.request(.peer(second), asked[2])))
        #expect(!effects.contains(.request(.peer(first), asked[2])))
    }

    @Test func rejectingPeerIsNotAskedInALoop() {
        let bench = SwarmBench().started()
        let key = bench.connectSeed(1)
        var count = 0
        for _ in 0..<600 {
            for request in bench.takeRequests(key) {
                count += 1
                bench.feed { $0.rejected(key, request, now: $1) }
                bench.feed { $0.batchEnded(key, now: $1) }
            }
            bench.advance(.milliseconds(100))
        }
        // A minute: once a second, a pipeline at a time, and a pause when that goes on.
        #expect((10...300).contains(count), "\(count)")
    }

    @Test func endGameRequestsTwiceAndCancels() {
        let bench = SwarmBench(pieces: 1, blocks: 4).started()
        let slow = bench.connectSeed(1)
        let asked = bench.takeRequests(slow)
        bench.advance(.seconds(2))
        let fast = bench.connectSeed(2)
        let again = bench.takeRequests(fast)
        #expect(!again.isEmpty && Set(again).isSubset(of: Set(asked)))
        bench.deliver(fast, again[0])
        #expect(bench.take().contains(.cancel(.peer(slow), again[0])))
        #expect(bench.deliver(slow, again[0]) == .discard)
        #expect(bench.swarm.transfer.wasted == Int64(Geometry.blockLength))
    }

    /// Whoever of them delivers it first, the others needn't.
    @Test(arguments: 0..<3) func allOtherHoldersOfABlockAreToldToForgetIt(first: Int) throws {
        let bench = SwarmBench(pieces: 1, blocks: 1).started()
        var holders: [PeerKey] = []
        for number in 1...3 {
            holders.append(bench.connectSeed(number))
            bench.advance(.milliseconds(1200))
        }
        let block = BlockRequest(piece: PieceIndex(0), begin: 0, length: Geometry.blockLength)
        let asked = bench.take()
        for holder in holders { #expect(asked.contains(.request(.peer(holder), block)), "\(holder)") }
        #expect(bench.deliver(holders[first], block) == .store)
        let told = bench.take()
        for (number, holder) in holders.enumerated() {
            #expect(told.contains(.cancel(.peer(holder), block)) == (number != first), "\(holder)")
        }
    }

    /// A piece that all have needn't stay in memory for them.
    @Test func peersThatLackAPieceAreKnown() {
        let bench = SwarmBench(pieces: 2).started()
        func lacked() -> [Int] { bench.geometry.pieces.filter { bench.swarm.isLacked($0) }.map(\.value) }
        #expect(lacked() == [])
        _ = bench.connectSeed(1)
        #expect(lacked() == [])
        let leecher = bench.connect(2, have: [1])
        #expect(lacked() == [0])
        bench.feed { $0.has(leecher, 0, now: $1) }
        #expect(lacked() == [])
    }

    @Test func blocksAreRequestedOnceBeforeTheEndGame() {
        let bench = SwarmBench(pieces: 30, blocks: 4).started()
        let keys = (1...4).map { bench.connectSeed($0) }
        var asked: [BlockRequest: Int] = [:]
        for _ in 0..<10 {
            for case .request(.peer(let key), let request) in bench.take() {
                asked[request, default: 0] += 1
                bench.deliver(key, request)
            }
            bench.advance(.milliseconds(20))
            if bench.geometry.pieces.allSatisfy({ bench.swarm.state(of: $0) != .absent }) { break }
        }
        #expect(keys.count == 4 && asked.count > 20)
        #expect(asked.values.allSatisfy { $0 == 1 })
    }

    @Test func sequentialDownloadIsInOrder() {
        var settings = SwarmSettings()
        settings.picking = .sequential
        let bench = SwarmBench(pieces: 12, settings: settings).started()
        let key = bench.connectSeed(1)
        var order: [Int] = []
        while let request = bench.takeRequests(key).first ?? nil {
            order.append(request.piece.value)
            bench.deliver(key, request)
            if order.count > 100 { break }
        }
        bench.serveAll(key)
        #expect(order == order.sorted())
    }

    @Test func rarestPieceIsRequestedFirst() {
        let bench = SwarmBench(pieces: 8, have: [0, 1, 2, 3]).started()
        _ = bench.connect(1, have: [4, 5, 6])
        _ = bench.connect(2, have: [4, 5, 6])
        _ = bench.take()
        let key = bench.connectSeed(3)
        #expect(bench.takeRequests(key).first?.piece == PieceIndex(7))
    }

    @Test func paddingBlocksAreNotRequested() {
        let bench = SwarmBench(pieces: 2, blocks: 4, padding: [PieceIndex(0): [1, 2, 3], PieceIndex(1): [3]]).started()
        let key = bench.connectSeed(1)
        bench.serveAll(key)
        bench.advance(.seconds(3))
        #expect(bench.isDone && bench.swarm.transfer.downloaded == 4 * Int64(Geometry.blockLength))
    }

    @Test func dontHaveStopsRequestsForThePiece() {
        let bench = SwarmBench(pieces: 2, wanted: [0]).started()
        let key = bench.connectSeed(1, isUnchoking: false)
        bench.feed { $0.dontHave(key, 0, now: $1) }
        bench.feed { $0.unchoked(key, now: $1) }
        #expect(bench.takeRequests(key).isEmpty)
        bench.feed { $0.has(key, 0, now: $1) }
        #expect(bench.takeRequests(key).count == 2)
    }

    @Test func messageOutsideTheTorrentEndsTheConnection() {
        for number in [8, -1, Int.max] {
            let bench = SwarmBench(pieces: 8).started()
            let key = bench.connectSeed(1)
            bench.feed { $0.dontHave(key, number, now: $1) }
            bench.feed { $0.allowedFast(key, number, now: $1) }
            #expect(bench.swarm.peerCount == 1)
            bench.feed { $0.has(key, number, now: $1) }
            #expect(bench.swarm.peerCount == 0)
        }
        for request in [(8, 0, 1), (0, -1, 5), (0, 0, 0), (0, 0, Int.max), (0, Int.max, Int.max), (-1, 0, 10)] {
            let bench = SwarmBench(pieces: 8).started()
            let key = bench.connectSeed(1)
            bench.feed { _ = $0.received(key, piece: request.0, begin: request.1, length: request.2, now: $1) }
            #expect(bench.swarm.peerCount == 0)
        }
    }

    @Test func unrequestedBlocksAreDiscarded() {
        let bench = SwarmBench(pieces: 8).started()
        let key = bench.connectSeed(1, isUnchoking: false)
        #expect(
            bench.deliver(key, BlockRequest(piece: PieceIndex(0), begin: 0, length: Geometry.blockLength)) == .discard)
        #expect(bench.deliver(key, BlockRequest(piece: PieceIndex(0), begin: 5, length: 100)) == .discard)
        #expect(bench.swarm.transfer.wasted == Int64(Geometry.blockLength + 100))
    }

    @Test func repeatedBitfieldsEndTheConnection() {
        let bench = SwarmBench().started()
        let key = bench.connectSeed(1)
        for number in 0..<10 { bench.feed { $0.bitfield(key, Bitfield(8, [number % 8]), now: $1) } }
        #expect(bench.swarm.peerCount == 0)
    }

    /// Some clients send a bitfield instead of many HAVEs, and each has more pieces than the one before.
    @Test func growingBitfieldsAreAccepted() {
        let bench = SwarmBench().started()
        let key = bench.connect(1, have: [0])
        for count in 1...8 { bench.feed { $0.bitfield(key, Bitfield(8, Array(0..<count)), now: $1) } }
        #expect(bench.swarm.peerReports(now: bench.now).map(\.isSeed) == [true])
    }

    /// A piece whose only owners are gone doesn't keep its memory: others are downloaded meanwhile.
    @Test func orphanedPiecesReleaseTheirMemory() {
        var settings = SwarmSettings()
        settings.memoryBudget = 2 * 4 * Geometry.blockLength
        settings.partialAge = .seconds(1)
        let bench = SwarmBench(pieces: 10, blocks: 4, settings: settings).started()
        for number in 0..<4 {
            let key = bench.connect(number + 1, have: [number])
            let asked = bench.takeRequests(key)
            if let first = asked.first { bench.deliver(key, first) }
            bench.advance(.seconds(4))
            bench.feed { $0.closed(key, now: $1) }
            bench.advance(.seconds(4))
        }
        _ = bench.take()
        let key = bench.connect(9, have: [6, 7, 8, 9])
        bench.serveAll(key)
        #expect(Set(bench.swarm.have.numbers).isSuperset(of: [6, 7, 8, 9]))
        // What the others sent isn't asked for again.
        let seed = bench.connectSeed(10)
        bench.serveAll(seed)
        bench.advance(.seconds(3))
        #expect(bench.isDone)
        #expect(bench.swarm.transfer.downloaded == 40 * Int64(Geometry.blockLength))
    }

    /// A released request that is made again, answered by another, is forgotten everywhere.
    @Test func blockRequestedAgainAfterASnubIsOwedOnce() {
        let bench = SwarmBench(pieces: 1, blocks: 1).started()
        let slow = bench.connectSeed(1)
        let request = bench.takeRequests(slow)[0]
        bench.advance(Swarm.firstBlockAfter + Swarm.snubPause + .seconds(2))
        #expect(bench.takeRequests(slow) == [request])
        let fast = bench.connectSeed(2)
        bench.advance(.seconds(2))
        #expect(bench.takeRequests(fast) == [request])
        bench.deliver(fast, request, lie: 1)
        // It failed, and is asked of the other; the first answer comes now.
        #expect(bench.deliver(slow, request) == .store || bench.takeRequests(slow) == [request])
    }

    @Test func downloadLimitHolds() {
        var settings = SwarmSettings()
        settings.downloadLimit = 200_000
        let bench = SwarmBench(pieces: 400, blocks: 1, settings: settings).started()
        let keys = (1...3).map { bench.connectSeed($0) }
        var given: [PeerKey: Int] = [:]
        for _ in 0..<1000 {
            for case .request(.peer(let key), let request) in bench.take() {
                given[key, default: 0] += 1
                bench.deliver(key, request)
            }
            bench.advance(.milliseconds(20))
        }
        let rate = Double(bench.swarm.transfer.downloaded) / 20
        #expect(abs(rate - 200_000) < 10_000, "\(rate)")
        // None of them is always the first.
        #expect(keys.allSatisfy { given[$0, default: 0] > 20 }, "\(given)")
    }
}
