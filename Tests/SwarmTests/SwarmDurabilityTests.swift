import Swarm
import Testing
import Torrent

/// Scripts of the ladder verified, written, synced, recorded, and of the machine's faults.
struct SwarmDurabilityTests {
    private let full = Fault(.diskFull, "no room")

    @Test func nothingIsWrittenBeforeItsWriteIntent() {
        let bench = SwarmBench(pieces: 2)
        bench.held = [.intents]
        _ = bench.started()
        let key = bench.connectSeed(1)
        let effects = bench.take()
        let asked = effects.compactMap { if case .request(.peer(key), let request) = $0 { request } else { nil } }
        let opens = effects.compactMap { if case .recordIntents(let pieces) = $0 { pieces } else { nil } }
        #expect(opens.count == 1)
        for request in asked where request.piece == asked[0].piece { bench.deliver(key, request) }
        #expect(!bench.take().contains { if case .verify = $0 { true } else { false } })
        bench.feed { $0.intentsRecorded(opens[0], now: $1) }
        #expect(bench.swarm.have.population == 1)
    }

    @Test func failedWriteIntentIsRetried() {
        let bench = SwarmBench(pieces: 1)
        bench.held = [.intents]
        _ = bench.started()
        let key = bench.connectSeed(1)
        bench.feed { $0.intentsFailed([PieceIndex(0)], fault: Fault(.database, "locked"), now: $1) }
        bench.held = []
        bench.advance(.seconds(6))
        bench.serveAll(key)
        bench.advance(.seconds(20))
        bench.serveAll(key)
        bench.advance(.seconds(3))
        #expect(bench.isDone)
    }

    @Test func piecesAreSyncedBeforeTheyAreRecorded() {
        let bench = SwarmBench(pieces: 2)
        bench.held = [.sync]
        _ = bench.started()
        let key = bench.connectSeed(1)
        bench.serveAll(key)
        bench.advance(.seconds(3))
        #expect(bench.isComplete && bench.records.isEmpty)
        bench.feed { $0.synced(now: $1) }
        #expect(bench.records.flatMap(\.pieces).count == 2 && bench.isDone)
    }

    /// The shell adds nothing to a claim: what follows from the pieces is in it.
    @Test func claimCarriesItsConsequences() throws {
        let bench = SwarmBench(pieces: 4, have: [3], wanted: [0, 1])
        bench.held = [.record]
        _ = bench.started()
        let key = bench.connectSeed(1)
        bench.serveAll(key)
        bench.advance(.seconds(3))
        let length = Int64(2 * Geometry.blockLength)
        let refused = try #require(bench.records.last)
        #expect(refused.claimed.numbers == refused.pieces.map(\.value).sorted() + [3])
        #expect(refused.completedBytes == Int64(refused.pieces.count) * length)
        #expect(refused.fileBytes.map(\.file) == refused.pieces.map(\.value).sorted())
        #expect(refused.fileBytes.allSatisfy { $0.completed == length })
        #expect(refused.transfer.downloaded >= refused.completedBytes && refused.transfer.uploaded == 0)
        // The database refuses it, so that the next one carries the same, and what came since.
        bench.held = []
        bench.feed { $0.recordFailed(fault: Fault(.database, "locked"), now: $1) }
        bench.advance(.seconds(10))
        let claim = try #require(bench.records.dropFirst().last)
        #expect(claim.claimed.numbers == [0, 1, 3] && claim.isComplete && claim.completedBytes == 2 * length)
        #expect(claim.transfer == bench.swarm.transfer && bench.isDone)
    }

    @Test func manyBytesHastenTheCommit() {
        var settings = SwarmSettings()
        settings.commitBytes = 2 * Geometry.blockLength
        settings.commitInterval = .seconds(1000)
        let bench = SwarmBench(pieces: 10, blocks: 1, settings: settings).started()
        let key = bench.connectSeed(1)
        for request in bench.takeRequests(key).prefix(3) { bench.deliver(key, request) }
        #expect(bench.records.flatMap(\.pieces).count == 2)
    }

    @Test func downloadWaitsForRoomOnAFullDisk() {
        let bench = SwarmBench(pieces: 4).started()
        let key = bench.connectSeed(1)
        let asked = bench.takeRequests(key)
        bench.fault = full
        for request in asked { bench.deliver(key, request) }
        #expect(bench.swarm.fault == full && bench.swarm.have.isEmpty)
        _ = bench.take()
        bench.advance(.seconds(12))
        #expect(bench.takeRequests(key).isEmpty)
        bench.fault = nil
        bench.advance(.seconds(6))
        #expect(bench.swarm.fault == nil && !bench.swarm.have.isEmpty)
        #expect(bench.notes.contains(.fault(full)) && bench.notes.contains(.faultGone(.diskFull)))
        bench.serveAll(bench.connectSeed(2))
        bench.advance(.seconds(3))
        #expect(bench.isDone)
        // The pieces stayed in their buffers.
        #expect(bench.swarm.transfer.downloaded == 8 * Int64(Geometry.blockLength))
    }

    /// There is no room for more: what is written is recorded all the same, and so it is at a stop.
    @Test(arguments: [Fault.Kind.diskFull, .databaseFull]) func writtenPiecesAreRecordedOnAFullDisk(kind: Fault.Kind) {
        let bench = SwarmBench(pieces: 6)
        bench.held = [.probe]
        _ = bench.started()
        let key = bench.connectSeed(1)
        for request in bench.takeRequests(key).prefix(5) { bench.deliver(key, request) }
        let had = bench.swarm.have
        #expect(!had.isEmpty && bench.records.isEmpty)
        bench.feed { $0.intentsFailed([], fault: Fault(kind, "full"), now: $1) }
        bench.advance(.seconds(3))
        #expect(bench.swarm.recorded == had && bench.swarm.fault?.kind == kind)
        bench.feed { $0.stop(now: $1) }
        bench.advance(.seconds(3))
        #expect(bench.stops == 1)
    }

    /// Nothing is recorded in the end, and the stop comes to its end.
    @Test func stopEndsWhenTheSyncFails() {
        let bench = SwarmBench(pieces: 6)
        bench.held = [.probe, .sync]
        _ = bench.started()
        let key = bench.connectSeed(1)
        for request in bench.takeRequests(key).prefix(5) { bench.deliver(key, request) }
        bench.feed { $0.stop(now: $1) }
        bench.feed { $0.syncFailed(fault: full, now: $1) }
        bench.advance(.seconds(3))
        #expect(bench.stops == 1 && bench.records.allSatisfy(\.pieces.isEmpty))
    }

    /// Pieces have come, and couldn't be written; probes are held.
    private func benchWhoseWritesFail(_ fault: Fault) -> SwarmBench {
        let bench = SwarmBench(pieces: 4)
        bench.held = [.probe]
        _ = bench.started()
        let key = bench.connectSeed(1)
        let asked = bench.takeRequests(key)
        bench.fault = fault
        for request in asked { bench.deliver(key, request) }
        return bench
    }

    /// Whether a disk that failed works again nobody can see before something was written: until then it is told once,
    /// and not as gone.
    @Test func lastingFaultIsReportedOnce() {
        let fault = Fault(.input, "the disk fails")
        let bench = benchWhoseWritesFail(fault)
        for _ in 0..<5 {
            bench.advance(.seconds(6))
            bench.feed { $0.probed(nil, now: $1) }
            #expect(bench.swarm.shownFault == fault)
        }
        #expect(bench.notes.count { $0 == .fault(fault) } == 1 && !bench.notes.contains(.faultGone(.input)))
        bench.fault = nil
        bench.advance(.seconds(6))
        bench.feed { $0.probed(nil, now: $1) }
        bench.advance(.seconds(3))
        #expect(bench.swarm.shownFault == nil && bench.notes.contains(.faultGone(.input)) && !bench.records.isEmpty)
    }

    /// As a file that somebody deleted, which every write finds gone.
    @Test func repeatedFaultIsRetriedWithBackOff() {
        let fault = Fault(.input, "the file is gone")
        let bench = benchWhoseWritesFail(fault)
        func pause() -> Int {
            for second in 1...400 {
                bench.advance(.seconds(1))
                if bench.take().contains(where: { if case .probe = $0 { true } else { false } }) { return second }
            }
            return .max
        }
        var pauses: [Int] = []
        for _ in 0..<8 {
            pauses.append(pause())
            bench.feed { $0.probed(nil, now: $1) }
        }
        #expect(zip(pauses, [5, 10, 20, 40, 80, 160, 300, 300]).allSatisfy { abs($0 - $1) <= 1 }, "\(pauses)")
        // What works again is gone, and the next fault is a new one.
        bench.fault = nil
        _ = pause()
        bench.feed { $0.probed(nil, now: $1) }
        bench.advance(.seconds(6))
        #expect(bench.swarm.shownFault == nil)
        bench.feed { $0.intentsFailed([], fault: fault, now: $1) }
        #expect(pause() <= 6)
    }

    @Test func faultWithoutPendingWritesClearsAfterAWhile() {
        let bench = SwarmBench(pieces: 4).started()
        bench.feed { $0.intentsFailed([], fault: Fault(.input, "the disk fails"), now: $1) }
        bench.advance(.seconds(6))
        #expect(bench.swarm.fault == nil && bench.swarm.shownFault != nil)
        bench.advance(.seconds(6))
        #expect(bench.swarm.shownFault == nil && bench.notes.contains(.faultGone(.input)))
    }

    @Test func failedSyncMakesWrittenPiecesUnverified() {
        let bench = SwarmBench(pieces: 6)
        bench.held = [.sync]
        bench.verdict = { $0.value == 0 ? .bad : .good }
        _ = bench.started()
        let key = bench.connectSeed(1)
        let asked = bench.takeRequests(key)
        for request in asked { bench.deliver(key, request) }
        let before = bench.swarm.have
        bench.advance(.seconds(3))
        // More are written while the sync is under way.
        for request in bench.takeRequests(key) { bench.deliver(key, request) }
        #expect(bench.swarm.have.population > before.population)
        let had = bench.swarm.have
        bench.feed { $0.syncFailed(fault: Fault(.input, "the disk fails"), now: $1) }
        #expect(bench.swarm.have.isEmpty && bench.swarm.unverified == had)
        #expect(bench.records.flatMap(\.pieces).isEmpty)
        bench.held = []
        bench.advance(.seconds(6))
        bench.serveAll(key)
        bench.advance(.seconds(6))
        bench.serveAll(key)
        bench.advance(.seconds(6))
        #expect(bench.isDone)
    }

    /// Blocks are recorded while their piece becomes whole: when a sync loses the piece, they are there.
    @Test func recordedBlocksSurviveTheLossOfTheirPiece() {
        let bench = SwarmBench(pieces: 1, blocks: 4)
        bench.held = [.record]
        _ = bench.started()
        let key = bench.connectSeed(1)
        let asked = bench.takeRequests(key)
        for request in asked.prefix(2) { bench.deliver(key, request) }
        bench.advance(.seconds(6))
        #expect(bench.records.flatMap(\.partials).map(\.blocks) == [BlockSet([0, 1])])
        for request in asked.dropFirst(2) { bench.deliver(key, request) }
        #expect(bench.swarm.have.isFull)
        bench.held = [.sync, .probe]
        bench.feed { $0.recorded(now: $1) }
        bench.advance(.seconds(3))
        bench.verdict = { _ in .bad }
        bench.feed { $0.syncFailed(fault: Fault(.input, "the disk fails"), now: $1) }
        bench.advance(.seconds(6))
        bench.feed { $0.probed(nil, now: $1) }
        let again = bench.takeRequests(bench.connectSeed(2)).map { $0.begin / Geometry.blockLength }
        #expect(again == [2, 3])
    }

    @Test func pieceWrittenDuringAFailedSyncIsUnverified() {
        let bench = SwarmBench(pieces: 2, blocks: 1)
        bench.held = [.sync, .verify]
        _ = bench.started()
        let key = bench.connectSeed(1)
        let asked = bench.takeRequests(key)
        for request in asked { bench.deliver(key, request) }
        let works = bench.take().compactMap { if case .verify(let work) = $0 { work } else { nil } }
        #expect(works.count == 2)
        bench.act { bench.verify(works[0]) }
        bench.advance(.seconds(3))
        bench.feed { $0.syncFailed(fault: Fault(.input, "the disk fails"), now: $1) }
        bench.act { bench.verify(works[1]) }
        #expect(bench.swarm.have.isEmpty)
        #expect(bench.swarm.unverified.numbers == [0, 1])
    }

    @Test func failedRecordIsRetried() {
        let bench = SwarmBench(pieces: 2)
        bench.held = [.record]
        _ = bench.started()
        bench.serveAll(bench.connectSeed(1))
        bench.advance(.seconds(3))
        #expect(bench.records.count == 1)
        bench.feed { $0.recordFailed(fault: Fault(.database, "locked"), now: $1) }
        #expect(!bench.isDone && bench.swarm.recorded.isEmpty)
        bench.held = []
        bench.advance(.seconds(6))
        #expect(bench.records.count == 2 && Set(bench.records[1].pieces) == Set(bench.records[0].pieces))
        #expect(bench.isDone)
    }

    @Test func offlineTorrentRequestsNothing() {
        let bench = SwarmBench(pieces: 8).started()
        let key = bench.connectSeed(1)
        let asked = bench.takeRequests(key)
        bench.fault = Fault(.offline, "the disk is gone")
        bench.feed { $0.wentOffline("the disk is gone", now: $1) }
        for request in asked.prefix(2) { bench.deliver(key, request) }
        bench.feed { $0.learn([SwarmBench.address(7)], from: .tracker, now: $1) }
        bench.advance(.seconds(20))
        let effects = bench.take()
        #expect(!effects.contains { if case .dial = $0 { true } else { false } })
        #expect(!effects.contains { if case .request = $0 { true } else { false } })
        #expect(!effects.contains { if case .verify = $0 { true } else { false } })
        #expect(effects.count { if case .probe(.offline) = $0 { true } else { false } } >= 3)
        bench.fault = nil
        bench.advance(.seconds(6))
        #expect(bench.take().contains { if case .dial = $0 { true } else { false } })
        #expect(bench.swarm.fault == nil)
    }

    @Test func oldBlocksAreWrittenEarlyAndRecorded() {
        let bench = SwarmBench(pieces: 1, blocks: 4).started()
        let key = bench.connectSeed(1)
        let asked = bench.takeRequests(key)
        bench.deliver(key, asked[1])
        bench.advance(.seconds(9))
        #expect(
            bench.records.flatMap(\.partials) == [
                PartialPiece(piece: PieceIndex(0), blocks: BlockSet([1]))
            ])
        // When the piece fails, the mask is taken back.
        for request in asked where request != asked[1] { bench.deliver(key, request, lie: 3) }
        bench.advance(.seconds(3))
        #expect(bench.records.flatMap(\.partials).last == .nothing(of: PieceIndex(0)))
    }

    /// A cycle that is under way when the torrent stops wrote nothing of a young piece: its record must not end that
    /// piece's write intent, under which the next cycle writes the blocks.
    @Test(arguments: [SwarmBench.Kind.sync, .record]) func blocksSurviveAStopDuringACycle(held: SwarmBench.Kind) {
        let bench = SwarmBench(pieces: 2, blocks: 4)
        bench.held = [held]
        _ = bench.started()
        let key = bench.connectSeed(1)
        let asked = bench.takeRequests(key)
        let whole = asked[0].piece
        for request in asked where request.piece == whole { bench.deliver(key, request) }
        // The cycle for the whole piece begins, and the other piece's first block comes.
        bench.advance(.seconds(3))
        let other = PieceIndex(1 - whole.value)
        bench.deliver(key, BlockRequest(piece: other, begin: 0, length: Geometry.blockLength))
        bench.feed { $0.stop(now: $1) }
        #expect(bench.stops == 0)
        bench.held = []
        bench.feed { if held == .sync { $0.synced(now: $1) } else { $0.recorded(now: $1) } }
        bench.advance(.seconds(1))
        #expect(bench.stops == 1)
        #expect(bench.records.flatMap(\.pieces) == [whole])
        #expect(bench.records.flatMap(\.partials) == [PartialPiece(piece: other, blocks: BlockSet([0]))])
        #expect(bench.records.last?.closed.contains(other) == true)
    }

    @Test func onlyMissingBlocksOfAPartialPieceAreRequested() {
        let partial = PartialPiece(piece: PieceIndex(2), blocks: BlockSet([0, 2]))
        let bench = SwarmBench(pieces: 3, blocks: 4, have: [0, 1], partials: [partial]).started()
        let key = bench.connectSeed(1)
        #expect(bench.takeRequests(key).blocks == ["2:1", "2:3"])
        bench.held = [.verify]
        for block in [1, 3] {
            bench.deliver(
                key,
                BlockRequest(piece: PieceIndex(2), begin: block * Geometry.blockLength, length: Geometry.blockLength))
        }
        let work = bench.take().compactMap { if case .verify(let work) = $0 { work } else { nil } }
        #expect(work.map(\.fromDisk) == [BlockSet([0, 2])])
        #expect(work.map(\.written) == [BlockSet([0, 2])])
    }

    @Test func invalidPartialPiecesAreIgnored() {
        let sets = [BlockSet([4]), BlockSet(), BlockSet(0..<9), BlockSet([0, 200])]
        let partials = sets.enumerated().map { PartialPiece(piece: PieceIndex($0), blocks: $1) }
        let bench = SwarmBench(
            pieces: 5, blocks: 4,
            partials: partials + [PartialPiece(piece: PieceIndex(99), blocks: BlockSet([0]))])
        _ = bench.started()
        bench.serveAll(bench.connectSeed(1))
        bench.advance(.seconds(3))
        #expect(bench.isDone && bench.swarm.transfer.downloaded == 20 * Int64(Geometry.blockLength))
    }

    /// All of it is there and nobody knows whether it is right.
    @Test(arguments: [Swarm.CheckVerdict.good, .bad])
    func completePartialPieceIsChecked(verdict: Swarm.CheckVerdict) {
        let bench = SwarmBench(
            pieces: 2, blocks: 2, partials: [PartialPiece(piece: PieceIndex(1), blocks: BlockSet([0, 1]))])
        bench.verdict = { _ in verdict }
        _ = bench.started()
        bench.serveAll(bench.connectSeed(1))
        bench.advance(.seconds(3))
        #expect(bench.isDone)
        #expect(bench.swarm.transfer.downloaded == Int64((verdict == .good ? 2 : 4) * Geometry.blockLength))
    }

    @Test func unverifiedPiecesAreCheckedWhileOthersDownload() {
        let bench = SwarmBench(
            pieces: 6, have: [0], unverified: [1, 2, 3], intents: [1, 2, 3], wanted: [0, 1, 2, 4, 5])
        bench.held = [.check]
        bench.verdict = { $0.value == 1 ? .good : .missing }
        _ = bench.started()
        #expect(bench.records.map { $0.unverified.map(\.value) } == [[1, 2, 3]])
        let key = bench.connectSeed(1)
        bench.serveAll(key)
        #expect(bench.swarm.have.numbers == [0, 4, 5])
        bench.act { bench.check([1, 2, 3].map { PieceIndex($0) }) }
        #expect(bench.notes.contains(.checkedAll(good: 1, bad: 0, missing: 2)))
        bench.advance(.seconds(3))
        bench.serveAll(key)
        bench.advance(.seconds(3))
        #expect(bench.isDone)
        // The other is wanted, and gets a new intent before the old one ends.
        #expect(bench.records.flatMap(\.closed).map(\.value) == [3])
        #expect(bench.swarm.transfer.downloaded == 6 * Int64(Geometry.blockLength))
    }

    /// The run that was killed changed the files; their fingerprints are taken before the database says that nothing is
    /// in doubt.
    @Test func missingPieceIsSyncedBeforeItsIntentIsClosed() throws {
        let bench = SwarmBench(pieces: 2, have: [0], unverified: [1], intents: [1], wanted: [0])
        bench.verdict = { _ in .missing }
        _ = bench.started()
        bench.advance(.seconds(3))
        let effects = bench.take()
        let sync = try #require(effects.firstIndex(of: .sync([PieceIndex(1)])))
        let close = try #require(
            effects.firstIndex { if case .record(let record) = $0 { record.closed == [PieceIndex(1)] } else { false } })
        #expect(sync < close)
    }

    @Test func blocksOfAnIncompleteUnverifiedPieceCount() {
        let bench = SwarmBench(
            pieces: 2, blocks: 4, have: [0], unverified: [1], intents: [1],
            partials: [PartialPiece(piece: PieceIndex(1), blocks: BlockSet([0, 1, 3]))])
        bench.verdict = { _ in .bad }
        _ = bench.started()
        let key = bench.connectSeed(1)
        #expect(bench.takeRequests(key).blocks == ["1:2"])
    }

    @Test func pieceUnverifiedDuringACheckIsCheckedNext() {
        let bench = SwarmBench(pieces: 4, have: [0, 1, 2, 3], unverified: [0], intents: [0])
        bench.held = [.check]
        _ = bench.started()
        bench.feed { $0.recheck(Bitfield(4, [2]), now: $1) }
        _ = bench.take()
        bench.act { bench.check([PieceIndex(0)]) }
        #expect(bench.take().contains(.check([PieceIndex(2)])))
    }

    @Test func unreadableBlockMakesItsPieceUnverified() {
        let bench = SwarmBench(pieces: 2, have: [0, 1])
        bench.verdict = { _ in .bad }
        _ = bench.started()
        let key = bench.connect(1, have: [])
        bench.feed { $0.interested(key, now: $1) }
        bench.feed { $0.requested(key, piece: 0, begin: 0, length: 16_384, now: $1) }
        let request = BlockRequest(piece: PieceIndex(0), begin: 0, length: 16_384)
        #expect(bench.take().contains(.serve(key, request)))
        bench.feed { $0.serveFailed(key, request, fault: Fault(.input, "cannot read"), now: $1) }
        #expect(bench.swarm.have.numbers == [1])
        #expect(bench.takeMessages(key).contains(.reject(request)))
        bench.advance(.seconds(3))
        #expect(bench.records.flatMap(\.unverified).map(\.value) == [0])
    }
}
