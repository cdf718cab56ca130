import Swarm
import SwarmLab
import Testing
import Torrent

/// Peers behind long paths, of which each holds much that was asked for.
struct LongPathTests {
    private static let block = Geometry.blockLength

    /// Peers of different speed, on a path of 100 ms, are asked for more than the memory holds, and the disk is slower
    /// than they are. What a slow one will send soon isn't asked of those that wait for memory.
    @Test(arguments: [
        [1000, 2000, 3000, 4000], [1000, 1000, 1000, 20_000], [100, 100, 200, 300, 500, 600, 700, 800],
        [200, 200, 200, 200, 1000, 1000, 1000, 1000],
    ])
    func nothingOnItsWayIsFetchedTwice(microsecondsABlock: [Int]) {
        var settings = SwarmSettings()
        settings.memoryBudget = 64 * 4 * Self.block
        let bench = SwarmBench(pieces: 1000, blocks: 4, settings: settings).started()
        bench.held = [.verify]
        var paths = Paths(bench, .milliseconds(100), microsecondsABlock)
        var (early, isWaiting) = (0, false)
        for _ in 0..<20_000 where !bench.isComplete {
            let isBeforeTheEnd = bench.geometry.pieces.contains { bench.swarm.state(of: $0) == .absent }
            let again = paths.takeRequests()
            if isBeforeTheEnd { early += again }
            paths.write(3)
            isWaiting = isWaiting || paths.owed >= 60 * 4
            paths.deliver()
            bench.advance(.milliseconds(5))
        }
        #expect(bench.isComplete)
        #expect(isWaiting, "the memory was never full of requests")
        #expect(early == 0)
    }

    /// What fills a path needs no memory: of four peers behind 300 ms, more than a budget is under way, and less than
    /// one is in memory. With a budget for both, they would send 854 blocks a second.
    @Test func longPathIsFilledBeyondTheMemory() {
        let budget = 16 * 16
        var settings = SwarmSettings()
        settings.memoryBudget = budget * Self.block
        let bench = SwarmBench(pieces: 350, blocks: 16, settings: settings).started()
        bench.held = [.verify]
        var paths = Paths(bench, .milliseconds(300), [3000, 3000, 3000, 3000])
        var (begin, end) = ((at: bench.now, blocks: 0), (at: bench.now, blocks: 0))
        var most = 0
        for step in 0..<2000 where !bench.isComplete {
            _ = paths.takeRequests()
            paths.write(.max)
            paths.deliver()
            most = max(most, paths.inMemory)
            bench.advance(.milliseconds(5))
            // From when the pace is found until few blocks are left.
            if step == 400 { begin = (bench.now, paths.received) }
            if paths.received < 5000 { end = (bench.now, paths.received) }
        }
        let pace = Double(end.blocks - begin.blocks) / (end.at - begin.at).inSeconds
        #expect(bench.isComplete)
        #expect(pace > 1200, "\(pace) blocks a second")
        #expect(most <= budget, "\(most) blocks in memory")
    }

    /// The disk stops while much is on the way: it arrives, and nothing more is asked for until it writes again.
    @Test func memoryIsBoundedWhenTheDiskStops() {
        let budget = 16 * 16
        var settings = SwarmSettings()
        settings.memoryBudget = budget * Self.block
        let bench = SwarmBench(pieces: 350, blocks: 16, settings: settings).started()
        bench.held = [.verify]
        var paths = Paths(bench, .milliseconds(300), [2000, 2000, 2000, 2000])
        var most = 0
        for step in 0..<2000 where !bench.isComplete {
            _ = paths.takeRequests()
            if !(400..<700).contains(step) { paths.write(.max) }
            paths.deliver()
            most = max(most, paths.inMemory)
            if step == 690 { #expect(paths.owed == 0, "it asks for what it has no memory for") }
            bench.advance(.milliseconds(5))
        }
        #expect(bench.isComplete)
        #expect(most > budget, "little was on the way: \(most) blocks in memory")
        #expect(most <= budget / 2 + 2 * budget, "\(most) blocks in memory")
    }

    /// A peer is known to be good when a piece that it sent alone is hashed. Behind a long path, it sends on meanwhile.
    @Test func unprovenPeersKeepALongPathFull() {
        let bench = SwarmBench(pieces: 20, blocks: 64).started()
        bench.held = [.verify]
        var paths = Paths(bench, .milliseconds(300), [1000, 1000])
        for _ in 0..<2000 where paths.completeCount == 0 {
            _ = paths.takeRequests()
            paths.deliver()
            bench.advance(.milliseconds(5))
        }
        #expect(paths.completeCount > 0)
        #expect(paths.owed > 64, "\(paths.owed) blocks on their way")
    }

    /// Seeders, each behind a long path with a pace of its own, and a disk that writes by hand.
    private struct Paths {
        private let bench: SwarmBench
        private let roundTrip: Duration
        private var line: [(due: Instant, key: PeerKey, request: BlockRequest)] = []
        private var free: [PeerKey: Instant] = [:]
        private var pace: [PeerKey: Duration] = [:]
        private var asked: [BlockRequest: Int] = [:]
        private var complete: [Verification] = []
        private(set) var received = 0
        /// The blocks that have arrived and weren't written.
        private(set) var inMemory = 0

        init(_ bench: SwarmBench, _ roundTrip: Duration, _ microsecondsABlock: [Int]) {
            self.bench = bench
            self.roundTrip = roundTrip
            for (number, microseconds) in microsecondsABlock.enumerated() {
                pace[bench.connectSeed(number + 1)] = .microseconds(microseconds)
            }
        }

        /// The number of blocks that were asked for and haven't arrived.
        var owed: Int { line.count }

        /// Sends the requests on their way. Returns how many were for blocks that were asked for before.
        mutating func takeRequests() -> Int {
            var again = 0
            for effect in bench.take() {
                switch effect {
                case .request(.peer(let key), let request):
                    asked[request, default: 0] += 1
                    if asked[request] ?? 0 > 1 { again += 1 }
                    let due = max(bench.now + roundTrip, free[key] ?? bench.now) + (pace[key] ?? .zero)
                    free[key] = due
                    line.append((due, key, request))
                case .cancel(.peer(let key), let request):
                    line.removeAll { $0.key == key && $0.request == request && $0.due > bench.now + roundTrip / 2 }
                case .verify(let work): complete.append(work)
                default: break
                }
            }
            return again
        }

        /// Writes so many complete pieces at most.
        mutating func write(_ most: Int) {
            let written = complete.prefix(most)
            for work in written { bench.act { bench.verify(work) } }
            complete.removeFirst(written.count)
            inMemory -= written.count * bench.geometry.blockCount(of: PieceIndex(0))
        }

        /// The pieces that wait to be written.
        var completeCount: Int { complete.count }

        mutating func deliver() {
            let arrived = line.filter { $0.due <= bench.now }.sorted { $0.due < $1.due }
            line.removeAll { $0.due <= bench.now }
            for item in arrived { bench.deliver(item.key, item.request) }
            received += arrived.count
            inMemory += arrived.count
        }
    }
}
