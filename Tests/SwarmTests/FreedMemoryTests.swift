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
