import Disk
import Synchronization
import Testing
import Torrent

/// The small parts that the room is made of.
@Suite struct PartsTests {
    @Test(arguments: 0..<8)
    func blockSetBehavesLikeASet(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let members = Set(
            (0..<Int.random(in: 0...200, using: &generator)).map { _ in Int.random(in: 0..<300, using: &generator) })
        let set = BlockSet(members)
        #expect((0..<400).allSatisfy { set.contains($0) == members.contains($0) })
        for isMember in [true, false] {
            var found: [Int] = []
            set.forEachRun(of: isMember, count: 300) { found += Array($0) }
            #expect(found == (0..<300).filter { members.contains($0) == isMember })
        }
        #expect(set.union(BlockSet([5, 350])) == BlockSet(members.union([5, 350])))
    }

    @Test func buffersAreReusedUpToALimit() throws {
        let pool = PieceBufferPool()
        var first: PieceBuffer? = try pool.take(20000)
        let address = first?.bytes.baseAddress
        #expect(first?.length == 20000)
        first = nil
        #expect(pool.freeBytes == 32768 + PieceBufferPool.pageLength)
        #expect(try pool.take(32768).bytes.baseAddress == address)
        var many: [PieceBuffer] = []
        for _ in 0..<3 { many.append(try pool.take(PieceBufferPool.maximumFreeBytes / 2)) }
        many = []
        #expect(pool.freeBytes <= PieceBufferPool.maximumFreeBytes)
    }

    @Test func writesRunBeforeReadsAndReadsBeforeVerification() async throws {
        let workers = try Workers(threads: 1, limits: [:])
        let order = Box<[WorkClass]>([])
        await withCheckedContinuation { (gate: CheckedContinuation<Void, Never>) in
            // The only thread is kept busy until all are queued.
            workers.submit(.read) {
                for kind in [WorkClass.verify, .read, .sync, .write] {
                    workers.submit(kind) { order.value.withLock { $0.append(kind) } }
                }
                workers.submit(.verify) { gate.resume() }
            }
        }
        #expect(order.value.withLock(\.self) == [.write, .sync, .read, .verify])
    }

    @Test func workClassStaysWithinItsLimit() async throws {
        let workers = try Workers(threads: 4, limits: [.verify: 2])
        let running = Box((now: 0, most: 0, done: 0))
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            for _ in 0..<200 {
                workers.submit(.verify) {
                    running.value.withLock { running in
                        running.now += 1
                        running.most = max(running.most, running.now)
                    }
                    let isLast = running.value.withLock { running in
                        running.now -= 1
                        running.done += 1
                        return running.done == 200
                    }
                    if isLast { continuation.resume() }
                }
            }
        }
        #expect(running.value.withLock(\.most) <= 2)
    }

    @Test func readsBeyondTheLimitAreRejected() throws {
        let workers = try Workers(threads: 1, limits: [.read: 0])
        #expect(workers.submit(.read, limit: 1) {})
        #expect(!workers.submit(.read, limit: 1) {})
    }

    @Test func diskIsReleasedWithItsLastOwner() async throws {
        weak var gone: Disk?
        do {
            let fixture = try Fixture([FileEntry(path: ["f"], length: 10)])
            gone = fixture.disk
            #expect(try await fixture.writeAll().isEmpty)
        }
        for _ in 0..<1000 where gone != nil { try await Task.sleep(for: .milliseconds(2)) }
        #expect(gone == nil)
    }
}
