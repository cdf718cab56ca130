import Swarm
import Testing
import Torrent

/// Peers are faster than the disk: what has arrived fills the memory, and each piece that leaves it makes room for
/// more.
struct FreedMemoryTests {
    private static let block = Geometry.blockLength

    /// No time passes, so no tick can make them go on.
    @Test(arguments: [1, 3]) func peersGoOnAtOnce(count: Int) {
        var settings = SwarmSettings()
        settings.memoryBudget = 8 * 4 * Self.block
        let bench = SwarmBench(pieces: 80, blocks: 4, settings: settings).started()
        let peers = (1...count).map { bench.connectSeed($0) }
        // They have proved themselves, so that pieces belong to none of them.
        var effects = bench.take()
        var proving = 0
        while proving < 2 * count, !effects.isEmpty {
            for case .request(.peer(let key), let request) in effects { bench.deliver(key, request) }
            proving += 1
            effects = bench.take()
        }
        bench.held = [.verify]
        var written: [Verification] = []
        while true {
            for case .verify(let work) in effects { written.append(work) }
            if effects.isEmpty {
                guard !written.isEmpty else { break }
                let work = written.removeFirst()
                bench.act { bench.verify(work) }
            }
            for case .request(.peer(let key), let request) in effects { bench.deliver(key, request) }
            effects = bench.take()
        }
        #expect(peers.count == count)
        #expect(bench.isComplete)
    }

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
        let path = Duration.milliseconds(100)
        var line: [(due: Instant, key: PeerKey, request: BlockRequest)] = []
        var free: [PeerKey: Instant] = [:]
        var pace: [PeerKey: Duration] = [:]
        for (number, microseconds) in microsecondsABlock.enumerated() {
            pace[bench.connectSeed(number + 1)] = .microseconds(microseconds)
        }
        var asked: [BlockRequest: Int] = [:]
        bench.held = [.verify]
        var written: [Verification] = []
        var (early, isWaiting) = (0, false)
        for _ in 0..<20_000 where !bench.isComplete {
            let isBeforeTheEnd = bench.geometry.pieces.contains { bench.swarm.state(of: $0) == .absent }
            for effect in bench.take() {
                switch effect {
                case .request(.peer(let key), let request):
                    asked[request, default: 0] += 1
                    if isBeforeTheEnd, asked[request] ?? 0 > 1 { early += 1 }
                    let due = max(bench.now + path, free[key] ?? bench.now) + (pace[key] ?? .zero)
                    free[key] = due
                    line.append((due, key, request))
                case .cancel(.peer(let key), let request):
                    line.removeAll { $0.key == key && $0.request == request && $0.due > bench.now + path / 2 }
                case .verify(let work): written.append(work)
                default: break
                }
            }
            for work in written.prefix(3) { bench.act { bench.verify(work) } }
            written.removeFirst(min(3, written.count))
            let arrived = line.filter { $0.due <= bench.now }.sorted { $0.due < $1.due }
            line.removeAll { $0.due <= bench.now }
            for item in arrived { bench.deliver(item.key, item.request) }
            isWaiting = isWaiting || line.count >= 60 * 4
            bench.advance(.milliseconds(5))
        }
        #expect(bench.isComplete)
        #expect(isWaiting, "the memory was never full of requests")
        #expect(early == 0)
    }

    /// A peer that has stopped sending doesn't keep the memory full: others are asked for its blocks.
    @Test func memoryOfASilentPeerIsFreedByOthers() {
        var settings = SwarmSettings()
        settings.memoryBudget = 4 * 4 * Self.block
        let bench = SwarmBench(pieces: 80, blocks: 4, settings: settings).started()
        let silent = bench.connectSeed(1)
        for _ in 0..<3 { for request in bench.takeRequests(silent) { bench.deliver(silent, request) } }
        let owed = bench.takeRequests(silent)
        #expect(!owed.isEmpty)
        let other = bench.connectSeed(2)
        var taken: Set<BlockRequest> = []
        for _ in 0..<100 {
            for request in bench.takeRequests(other) {
                taken.insert(request)
                bench.deliver(other, request)
            }
            bench.advance(.milliseconds(50))
        }
        #expect(taken.isSuperset(of: owed))
        #expect(bench.isComplete)
    }
}
