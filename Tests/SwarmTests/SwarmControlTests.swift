import Swarm
import Testing
import Torrent

/// Scripts of the user: selections, limits, pauses.
struct SwarmControlTests {
    @Test func selectionCanChangeDuringADownload() {
        let bench = SwarmBench(pieces: 4, blocks: 4, wanted: [0, 1]).started()
        let key = bench.connectSeed(1)
        let asked = bench.takeRequests(key)
        #expect(Set(asked.map(\.piece.value)).isSubset(of: [0, 1]))
        bench.deliver(key, asked[0])
        _ = bench.take()
        bench.feed { $0.select(bench.files(Bitfield(4, [2])), now: $1) }
        let effects = bench.take(for: key)
        #expect(asked.dropFirst().allSatisfy { effects.contains(.cancel(.peer(key), $0)) })
        #expect(
            effects.allSatisfy {
                if case .request(_, let request) = $0 { request.piece == PieceIndex(2) } else { true }
            })
        for case .request(_, let request) in effects { bench.deliver(key, request) }
        bench.serveAll(key)
        bench.advance(.seconds(3))
        #expect(bench.swarm.have.numbers == [2] && bench.notes.contains(.completed))
        bench.feed { $0.select(bench.files(Bitfield(fullCount: 4)), now: $1) }
        bench.serveAll(key)
        bench.advance(.seconds(3))
        #expect(bench.isDone && bench.swarm.have.isFull)
    }

    @Test func blocksOfADeselectedPieceAreKept() {
        var settings = SwarmSettings()
        settings.partialAge = .seconds(1)
        let bench = SwarmBench(pieces: 2, blocks: 4, settings: settings).started()
        let key = bench.connect(1, have: [0])
        let asked = bench.takeRequests(key)
        for request in asked.prefix(2) { bench.deliver(key, request) }
        bench.advance(.seconds(4))
        #expect(!bench.records.flatMap(\.partials).isEmpty)
        bench.feed { $0.select(bench.files(Bitfield(2, [1])), now: $1) }
        bench.advance(.seconds(3))
        bench.feed { $0.select(bench.files(Bitfield(2, [0, 1])), now: $1) }
        bench.advance(.seconds(1))
        #expect(Set(bench.takeRequests(key).suffix(2)) == Set(asked[2...]))
    }

    /// Zeros are had from the start, are said to be, are recorded, and nobody is asked for them; what a start has
    /// recorded isn't recorded again.
    @Test func paddingPiecesArePresentFromTheStart() {
        let bench = SwarmBench(pieces: 3, wanted: [0, 2], zeros: [1]).started()
        #expect(bench.records.map(\.pieces) == [[PieceIndex(1)]])
        #expect(bench.swarm.recorded.numbers == [1] && !bench.isComplete)
        let key = bench.connectSeed(1)
        bench.serveAll(key)
        bench.advance(.seconds(3))
        #expect(bench.isDone && bench.swarm.have.isFull)
        let again = SwarmBench(pieces: 3, have: [0, 1, 2], wanted: [0, 2], zeros: [1]).started()
        #expect(again.records.isEmpty && again.isDone)
    }

    /// What was complete before the engine began, and was never said to be, is said to be once.
    @Test(arguments: [true, false]) func unreportedCompletionIsReportedOnce(isKnown: Bool) {
        let bench = SwarmBench(pieces: 2, have: [0], wanted: [0], completionIsKnown: isKnown).started()
        #expect(bench.notes.contains(.completed) != isKnown)
        let empty = SwarmBench(pieces: 2, wanted: [], completionIsKnown: isKnown).started()
        empty.advance(.seconds(5))
        #expect(empty.notes.filter { $0 == .completed }.count == (isKnown ? 0 : 1))
    }

    @Test func seedsDisconnectFromEachOther() {
        let bench = SwarmBench(pieces: 2, have: [0, 1]).started()
        _ = bench.connectSeed(1)
        let leecher = bench.connect(2, have: [0])
        bench.advance(.seconds(2))
        #expect(bench.take().contains { if case .disconnect(_, .bothSeeding) = $0 { true } else { false } })
        #expect(bench.swarm.peerReports(now: bench.now).map(\.key) == [leecher])
        bench.feed { $0.extended(leecher, reqq: nil, uploadOnly: true, now: $1) }
        bench.advance(.seconds(1))
        #expect(bench.swarm.peerCount == 0)
    }

    @Test func partialSeedSendsUploadOnly() {
        let bench = SwarmBench(pieces: 3, wanted: [0]).started()
        let key = bench.connect(1, have: [0, 1])
        bench.serveAll(key)
        bench.advance(.seconds(3))
        let (other, _) = (bench.connect(2, have: []), 0)
        #expect(bench.takeMessages(other).contains(.uploadOnly(true)))
        bench.feed { $0.select(bench.files(Bitfield(fullCount: 3)), now: $1) }
        #expect(bench.takeMessages(other).contains(.uploadOnly(false)))
    }

    @Test func stopWaitsForEverythingInFlight() {
        let bench = SwarmBench(pieces: 8, blocks: 2)
        bench.held = [.verify, .sync, .record, .disconnect]
        _ = bench.started()
        let key = bench.connectSeed(1)
        let other = bench.connectSeed(2)
        let effects = bench.take()
        let asked = effects.compactMap { if case .request(.peer(key), let request) = $0 { request } else { nil } }
        for request in asked where request.piece == asked[0].piece { bench.deliver(key, request) }
        for case .request(.peer(other), let request) in effects.prefix(99) {
            bench.deliver(other, request)
            break
        }
        let intents = bench.openIntents
        #expect(!intents.isEmpty)
        bench.feed { $0.stop(now: $1) }
        bench.feed { $0.stop(now: $1) }
        var pending = effects + bench.take()
        let works = pending.compactMap { if case .verify(let work) = $0 { work } else { nil } }
        #expect(bench.stops == 0)
        for peer in [key, other] { bench.feed { $0.closed(peer, now: $1) } }
        bench.act { for work in works { bench.verify(work) } }
        #expect(works.count == 1 && bench.stops == 0)
        for _ in 0..<12 where bench.stops == 0 {
            for effect in pending + bench.take() {
                switch effect {
                case .sync: bench.feed { $0.synced(now: $1) }
                case .record: bench.feed { $0.recorded(now: $1) }
                default: break
                }
            }
            pending = []
            bench.advance(.milliseconds(300))
        }
        #expect(bench.stops == 1)
        #expect(bench.records.flatMap(\.pieces) == [asked[0].piece])
        #expect(Set(bench.records.flatMap(\.closed)) == intents.subtracting([asked[0].piece]))
        #expect(bench.records.flatMap(\.partials).count == 1)
        bench.advance(.seconds(60))
        #expect(bench.stops == 1)
    }

    @Test func idleSwarmStopsAtOnce() {
        let fresh = SwarmBench()
        fresh.feed { $0.stop(now: $1) }
        #expect(fresh.stops == 1)
        let idle = SwarmBench(have: Array(0..<8)).started()
        idle.feed { $0.stop(now: $1) }
        #expect(idle.stops == 1 && idle.records.isEmpty)
    }

    @Test func faultDoesNotPreventStopping() {
        let bench = SwarmBench(pieces: 2).started()
        let key = bench.connectSeed(1)
        bench.fault = Fault(.diskFull, "no room")
        for request in bench.takeRequests(key) { bench.deliver(key, request) }
        bench.feed { $0.stop(now: $1) }
        #expect(bench.stops == 1)
        // What couldn't be written stays open in the database.
        #expect(bench.records.flatMap(\.closed).isEmpty)
        bench.fault = nil
        bench.feed { $0.start(now: $1) }
        bench.advance(.seconds(6))
        bench.serveAll(bench.connectSeed(2))
        bench.advance(.seconds(3))
        #expect(bench.isDone)
    }

    @Test func stopWaitsForTheEndOfACheck() {
        let bench = SwarmBench(pieces: 4, unverified: [0, 1], intents: [0, 1])
        bench.held = [.check]
        _ = bench.started()
        bench.feed { $0.stop(now: $1) }
        #expect(bench.stops == 0)
        bench.feed { $0.checked(PieceIndex(0), .good, now: $1) }
        bench.feed { $0.checkEnded(now: $1) }
        bench.advance(.seconds(1))
        #expect(bench.stops == 1)
        // What was looked at is recorded; the other stays in doubt.
        #expect(bench.records.flatMap(\.pieces).map(\.value) == [0] && bench.records.flatMap(\.closed).isEmpty)
        #expect(bench.swarm.unverified.numbers == [1])
    }

    @Test func silentPeerIsDisconnectedAndKeepAlivesAreSent() {
        let bench = SwarmBench(have: [0]).started()
        let silent = bench.connect(1, have: [0])
        let talker = bench.connect(2, have: [0])
        _ = bench.take()
        for _ in 0..<3 {
            bench.advance(.seconds(65))
            bench.feed { $0.heard(talker, now: $1) }
        }
        let effects = bench.take()
        #expect(effects.contains(.send(talker, .keepAlive)))
        #expect(effects.contains(.disconnect(silent, .silent)))
        #expect(bench.swarm.peerReports(now: bench.now).map(\.key) == [talker])
    }

    /// Before a torrent counts as complete its files are looked at once more; pieces of those that changed are checked
    /// again.
    @Test func changedFilesAreCheckedBeforeCompletion() {
        let bench = SwarmBench(pieces: 4).started()
        bench.changedOutside = [1, 2]
        bench.verdict = { piece in
            // The next look finds no more changes.
            bench.changedOutside = []
            return piece == PieceIndex(1) ? .bad : .good
        }
        let key = bench.connectSeed(1)
        bench.serveAll(key)
        bench.advance(.seconds(3))
        // Piece 1 is asked for again.
        bench.serveAll(key)
        bench.advance(.seconds(3))
        #expect(bench.isDone && bench.inspections == 2)
        #expect(bench.notes.count { $0 == .completed } == 1)
    }

    @Test func connectionsAreLimitedAndUnique() {
        var settings = SwarmSettings()
        settings.maximumPeers = 2
        let bench = SwarmBench(settings: settings).started()
        _ = bench.connect(1)
        var reasons: [DisconnectReason] = []
        func refuse(_ number: Int) {
            let hello = PeerInfo(
                address: SwarmBench.address(number), isIncoming: true, supportsFast: true, supportsExtensions: true,
                client: "")
            bench.feed {
                if case .failure(let refusal) = $0.connected(hello, now: $1) { reasons.append(refusal.reason) }
            }
        }
        refuse(1)
        _ = bench.connect(2)
        refuse(3)
        bench.feed { $0.stop(now: $1) }
        refuse(4)
        #expect(reasons == [.duplicate, .tooManyPeers, .paused])
    }

    @Test func peerRejectedForLackOfRoomIsDialledLater() {
        var settings = SwarmSettings()
        settings.maximumPeers = 1
        let bench = SwarmBench(settings: settings).started()
        bench.feed { $0.learn([SwarmBench.address(5)], from: .tracker, now: $1) }
        // It has something to do.
        let key = bench.connectSeed(1)
        let hello = PeerInfo(
            address: SwarmBench.address(5), isIncoming: false, supportsFast: true, supportsExtensions: true, client: "")
        bench.feed { _ = $0.connected(hello, now: $1) }
        _ = bench.take()
        bench.feed { $0.closed(key, now: $1) }
        bench.advance(.seconds(10))
        #expect(bench.take().contains(.dial(SwarmBench.address(5))))
    }

    /// No tick is waited for until the next address gets its turn.
    @Test func connectedPeerMakesRoomForTheNextDial() {
        var settings = SwarmSettings()
        settings.maximumDials = 2
        let bench = SwarmBench(settings: settings).started()
        bench.feed { $0.learn((1...5).map(SwarmBench.address), from: .tracker, now: $1) }
        func dials() -> [PeerAddress] {
            bench.take().compactMap { if case .dial(let address) = $0 { address } else { nil } }
        }
        let first = dials()
        #expect(first.count == 2)
        for address in first {
            let hello = PeerInfo(
                address: address, isIncoming: false, supportsFast: true, supportsExtensions: true, client: "")
            bench.feed { _ = $0.connected(hello, now: $1) }
            #expect(dials().count == 1, "a place among the dials became free")
        }
    }

    @Test func secondConnectionToAPeerIsClosed() {
        let bench = SwarmBench().started()
        _ = bench.connect(1)
        let port = PeerAddress(SwarmBench.address(1).host, port: 40_000)
        let hello = PeerInfo(address: port, isIncoming: true, supportsFast: true, supportsExtensions: true, client: "")
        var key: PeerKey?
        bench.feed { key = try? $0.connected(hello, now: $1).get() }
        #expect(bench.swarm.peerCount == 2)
        if let key { bench.feed { $0.extended(key, reqq: nil, uploadOnly: nil, port: 6881, now: $1) } }
        #expect(bench.swarm.peerCount == 1)
    }

    @Test func sameEventsGiveTheSameEffects() {
        func run() -> [Effect] {
            let bench = SwarmBench(pieces: 20, blocks: 3).started()
            bench.feed { $0.learn((1...30).map { SwarmBench.address($0) }, from: .tracker, now: $1) }
            var effects = bench.take()
            let keys = (1...5).map { bench.connectSeed($0) }
            for round in 0..<40 {
                let now = bench.take()
                effects += now
                for case .request(.peer(let key), let request) in now where keys.contains(key) {
                    bench.deliver(key, request, lie: round == 3 ? 1 : 0)
                }
                bench.advance(.milliseconds(150))
            }
            return effects + bench.take()
        }
        #expect(run() == run())
    }
}
