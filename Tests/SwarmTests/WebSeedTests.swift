import Swarm
import Testing
import Torrent

/// What a web seed is asked for, and what becomes of its answers.
struct WebSeedTests {
    private static let block = Geometry.blockLength

    private func add(_ bench: SwarmBench, _ state: WebSeedState = WebSeedState()) -> WebSeedKey {
        var key: WebSeedKey?
        bench.feed { key = $0.add(webSeed: state, now: $1) }
        guard let key else { preconditionFailure("a web seed gets a key") }
        return key
    }

    /// The runs that the web seed was asked for since the last time.
    private func runs(_ bench: SwarmBench, _ key: WebSeedKey) -> [WebSeedRun] {
        bench.take().compactMap { if case .fetch(key, let run) = $0 { run } else { nil } }
    }

    /// Delivers all runs, and those that follow, and returns the blocks in their order.
    @discardableResult
    private func serveAll(_ bench: SwarmBench, _ key: WebSeedKey) -> [BlockRef] {
        var blocks: [BlockRef] = []
        var queue = runs(bench, key)
        while !queue.isEmpty {
            let run = queue.removeFirst()
            for block in run.blocks { #expect(bench.deliver(key, block) == .store) }
            blocks += run.blocks
            bench.feed { $0.fetched(key, run: run.number, .finished, now: $1) }
            queue += runs(bench, key)
        }
        return blocks
    }

    private static func layout(_ lengths: [(Int, isPad: Bool)]) -> FileLayout {
        let entries = lengths.enumerated().map {
            FileEntry(path: ["T", "\($0)"], length: Int64($1.0), isPad: $1.isPad)
        }
        guard let layout = FileLayout(files: entries) else { preconditionFailure("the lengths are few") }
        return layout
    }

    @Test func webSeedAloneCompletesTheTorrent() {
        let bench = SwarmBench(pieces: 40, blocks: 4).started()
        let key = add(bench)
        let blocks = serveAll(bench, key)
        #expect(bench.isComplete && Set(blocks).count == 160 && blocks.count == 160)
        // In the order of the torrent, in few runs.
        #expect(blocks == blocks.sorted { ($0.piece, $0.block) < ($1.piece, $1.block) })
        bench.advance(.seconds(10))
        #expect(bench.isDone && runs(bench, key).isEmpty)
    }

    /// The server is faster than the disk: when the memory is full, each piece that leaves it makes room for more,
    /// and no time passes.
    @Test func freedMemoryIsUsedAtOnce() {
        var settings = SwarmSettings()
        settings.memoryBudget = 8 * 4 * Self.block
        let bench = SwarmBench(pieces: 80, blocks: 4, settings: settings).started()
        bench.held = [.verify]
        let key = add(bench)
        var written: [Verification] = []
        var effects = bench.take()
        while true {
            for case .verify(let work) in effects { written.append(work) }
            if effects.isEmpty {
                guard !written.isEmpty else { break }
                let work = written.removeFirst()
                bench.act { bench.verify(work) }
            }
            for case .fetch(key, let run) in effects {
                for block in run.blocks { #expect(bench.deliver(key, block) == .store) }
                bench.feed { $0.fetched(key, run: run.number, .finished, now: $1) }
            }
            effects = bench.take()
        }
        #expect(bench.isComplete)
    }

    /// The parts of runs cover each byte of each file once, and no padding.
    @Test func runsAreSplitAtFilesAndSkipPadding() {
        let layout = Self.layout([
            (40_000, false), (5, false), (0, false), (Self.block * 8 - 40_005, true), (Self.block * 3 + 7, false),
            (1000, true), (Self.block * 9, false),
        ])
        let bench = SwarmBench(blocks: 4, layout: layout).started()
        let key = add(bench)
        var covered: [Int: [Range<Int64>]] = [:]
        var queue = runs(bench, key)
        while !queue.isEmpty {
            let run = queue.removeFirst()
            for part in run.parts {
                guard let file = part.file else {
                    // Zeros complete blocks that have bytes of a file.
                    #expect(part.length < Self.block)
                    continue
                }
                let entry = layout.files[file]
                #expect(!entry.isPad && part.offset == entry.offset + part.fileOffset)
                covered[file, default: []].append(part.fileOffset..<part.fileOffset + Int64(part.length))
            }
            for block in run.blocks { bench.deliver(key, block) }
            bench.feed { $0.fetched(key, run: run.number, .finished, now: $1) }
            queue += runs(bench, key)
        }
        #expect(bench.isComplete)
        for entry in layout.files where !entry.isPad && !entry.isEmpty {
            let ranges = (covered[entry.index] ?? []).sorted { $0.lowerBound < $1.lowerBound }
            var end: Int64 = 0
            for range in ranges {
                #expect(range.lowerBound == end)
                end = range.upperBound
            }
            #expect(end == entry.length, "file \(entry.index)")
        }
    }

    @Test func missingFileIsNamedAndOthersComplete() {
        let bench = SwarmBench(pieces: 12, blocks: 2).started()
        let key = add(bench)
        let first = runs(bench, key)
        #expect(first.count == 1)
        bench.feed { $0.fetched(key, run: first[0].number, .lacks(file: 3, reason: "404"), now: $1) }
        #expect(bench.notes.contains(.webSeedLacks(key, file: 3, reason: "404")))
        serveAll(bench, key)
        #expect(bench.swarm.have.numbers == Array(0..<12).filter { $0 != 3 })
        bench.advance(.seconds(300))
        #expect(runs(bench, key).isEmpty)
    }

    @Test func rememberedVerdictsAndRestsApply() {
        let bench = SwarmBench(pieces: 4, blocks: 2).started()
        let key = add(bench, WebSeedState(lacking: [0, 2], restsUntil: bench.now + .seconds(5)))
        #expect(runs(bench, key).isEmpty)
        bench.advance(.seconds(6))
        serveAll(bench, key)
        #expect(bench.swarm.have.numbers == [1, 3])
    }

    /// A piece of a single file that fails its hash check says that the file has changed there.
    @Test func changedFileIsAskedForNoMore() {
        let bench = SwarmBench(pieces: 4, blocks: 2).started()
        let key = add(bench)
        var queue = runs(bench, key)
        var asked = 0
        while !queue.isEmpty {
            let run = queue.removeFirst()
            for block in run.blocks {
                if block.piece == PieceIndex(1) { asked += 1 }
                bench.deliver(key, block, lie: block.piece == PieceIndex(1) ? 1 : 0)
            }
            bench.feed { $0.fetched(key, run: run.number, .finished, now: $1) }
            queue += runs(bench, key)
        }
        #expect(asked == 2 && bench.swarm.have.numbers == [0, 2, 3])
        let named = bench.notes.filter { if case .webSeedLacks(key, file: 1, _) = $0 { true } else { false } }
        #expect(named.count == 1)
    }

    /// A bad piece with parts of several files says nothing of any of them; too many end the web seed.
    @Test func badPiecesOfSeveralFilesEndTheSeedAfterFive() {
        let half = Self.block
        let layout = Self.layout([(half, false)] + (0..<20).map { _ in (half * 2, false) } + [(half, false)])
        let bench = SwarmBench(blocks: 2, layout: layout).started()
        let key = add(bench)
        var pieces: [PieceIndex: Int] = [:]
        for _ in 0..<100 {
            guard let run = runs(bench, key).first else { break }
            for block in run.blocks {
                if bench.deliver(key, block, lie: 1) == .store { pieces[block.piece, default: 0] += 1 }
            }
            bench.feed { $0.fetched(key, run: run.number, .finished, now: $1) }
        }
        #expect(pieces.values.allSatisfy { $0 <= 2 }, "no block is fetched again: \(pieces)")
        #expect(bench.notes.contains { if case .webSeedEnded(key, _) = $0 { true } else { false } })
        bench.advance(.seconds(4000))
        #expect(runs(bench, key).isEmpty)
    }

    @Test func failuresAreFollowedByLongerRests() {
        let bench = SwarmBench(pieces: 4, blocks: 2).started()
        let key = add(bench)
        for rest in [2, 4, 8, 16] as [Int64] {
            guard let run = runs(bench, key).first else {
                Issue.record("nothing is fetched before a rest of \(rest) s")
                return
            }
            bench.feed { $0.fetched(key, run: run.number, .failed("no", retryAfter: nil), now: $1) }
            bench.advance(.seconds(rest) - .milliseconds(300))
            #expect(runs(bench, key).isEmpty)
            bench.advance(.milliseconds(600))
        }
        // The server's word counts more, up to an hour.
        guard let run = runs(bench, key).first else { return #expect(Bool(false)) }
        bench.feed { $0.fetched(key, run: run.number, .failed("no", retryAfter: .seconds(100_000)), now: $1) }
        bench.advance(.seconds(3590))
        #expect(runs(bench, key).isEmpty)
        bench.advance(.seconds(11))
        serveAll(bench, key)
        #expect(bench.isComplete)
    }

    @Test func silentWebSeedGivesBackWhatItOwes() {
        let bench = SwarmBench(pieces: 4, blocks: 2).started()
        let key = add(bench)
        #expect(runs(bench, key).count == 1)
        bench.advance(.seconds(95))
        let effects = bench.take()
        #expect(effects.contains(.endFetches(key)))
        #expect(bench.swarm.webSeedReports(now: bench.now)[0].failures == 1)
    }

    @Test func stopAndOfflineEndTheFetches() {
        for isStop in [true, false] {
            let bench = SwarmBench(pieces: 4, blocks: 2).started()
            let key = add(bench)
            #expect(runs(bench, key).count == 1)
            bench.feed { isStop ? $0.stop(now: $1) : $0.wentOffline("away", now: $1) }
            #expect(bench.take().contains(.endFetches(key)))
            bench.advance(.seconds(2))
            #expect(runs(bench, key).isEmpty)
        }
    }

    /// A limit holds by not reading: the ranges stay long.
    @Test func rateLimitHoldsReading() {
        var settings = SwarmSettings()
        settings.downloadLimit = 4 * Self.block
        let bench = SwarmBench(pieces: 16, blocks: 4, settings: settings).started()
        let key = add(bench)
        let run = runs(bench, key)[0]
        #expect(run.blocks.count == 64)
        let start = bench.now
        var (isReading, delivered) = (true, 0)
        for block in run.blocks {
            while !isReading {
                bench.advance(.milliseconds(50))
                if bench.take().contains(.readOn(key)) { isReading = true }
            }
            bench.deliver(key, block)
            delivered += 1
            bench.feed { isReading = $0.readEnded(webSeed: key, now: $1) }
            if delivered == 33 { break }
        }
        let seconds = (bench.now - start).inSeconds
        #expect(seconds > 7.0 && seconds < 9.0, "\(seconds) s for 32 blocks at 4 a second")
    }

    /// Beside a peer both are used, and no block is asked for twice before the end.
    @Test func peerAndWebSeedShareTheWork() {
        let bench = SwarmBench(pieces: 64, blocks: 4).started()
        let peer = bench.connectSeed(1)
        let fromPeer = Set(bench.takeRequests(peer))
        #expect(!fromPeer.isEmpty)
        let key = add(bench)
        let fromSeed = runs(bench, key).flatMap(\.blocks)
        #expect(!fromSeed.isEmpty)
        let both = fromSeed.filter { block in
            fromPeer.contains { $0.piece == block.piece && $0.begin == block.block * Self.block }
        }
        #expect(both.isEmpty)
    }

    /// What no peer has is the rarest: it comes from the web seed, while the peers send the rest.
    @Test func rarestPiecesComeFromTheWebSeed() {
        let bench = SwarmBench(pieces: 64, blocks: 4, have: [0, 1, 2, 3, 4, 5]).started()
        for n in 1...3 { _ = bench.connect(n, have: (6..<64).filter { ![20, 41, 63].contains($0) }) }
        let key = add(bench)
        var begun: [PieceIndex] = []
        var queue = runs(bench, key)
        while begun.count < 3, !queue.isEmpty {
            let run = queue.removeFirst()
            begun.append(run.blocks[0].piece)
            for block in run.blocks { bench.deliver(key, block) }
            bench.feed { $0.fetched(key, run: run.number, .finished, now: $1) }
            queue += runs(bench, key)
        }
        #expect(Set(begun) == [PieceIndex(20), PieceIndex(41), PieceIndex(63)], "\(begun)")
    }

    /// A fast peer takes over what a slow web seed still owes at the end.
    @Test func lastBlocksOfASlowWebSeedComeFromAFastPeer() {
        let bench = SwarmBench(pieces: 8, blocks: 4, have: [0, 1, 2, 3]).started()
        let key = add(bench)
        guard let run = runs(bench, key).first else { return #expect(Bool(false)) }
        bench.deliver(key, run.blocks[0])
        let peer = bench.connectSeed(1)
        for _ in 0..<200 where !bench.isComplete {
            bench.advance(.milliseconds(100))
            for request in bench.takeRequests(peer) { bench.deliver(peer, request) }
        }
        #expect(bench.isComplete)
    }

    @Test func removedWebSeedIsAskedForNothing() {
        let bench = SwarmBench(pieces: 8, blocks: 2).started()
        let key = add(bench)
        let run = runs(bench, key)[0]
        bench.feed { $0.remove(webSeed: key, now: $1) }
        #expect(bench.take().contains(.endFetches(key)))
        #expect(bench.deliver(key, run.blocks[0]) == .discard)
        let other = add(bench)
        serveAll(bench, other)
        #expect(bench.isComplete)
    }

    /// Hundreds of web seeds would drown the line: a few are asked at once.
    @Test func fewOfManyWebSeedsAreAskedAtOnce() {
        let bench = SwarmBench(pieces: 400, blocks: 16).started()
        for _ in 0..<50 { _ = add(bench) }
        let asked = Set(bench.take().compactMap { if case .fetch(let key, _) = $0 { key } else { nil } })
        #expect((1...4).contains(asked.count))
    }
}
