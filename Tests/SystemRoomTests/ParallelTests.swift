import System
import Testing

struct ParallelTests {
    @Test(arguments: [0, 1, 2, 7, 1000])
    func resultsAreInOrder(_ count: Int) {
        #expect(Parallel.map(count) { $0 * $0 } == (0..<count).map { $0 * $0 })
    }

    @Test func everyPartIsClaimedOnce() throws {
        let parts = Parts<Int>(10_000)
        let claims = Monitor([Int](repeating: 0, count: 10_000))
        let threads = try (0..<4).map { _ in
            try SystemThread.startJoinable {
                while let number = parts.claim() {
                    claims.change { claims in
                        claims[number] += 1
                        return .nothing
                    }
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(claims.read { $0 } == [Int](repeating: 1, count: 10_000))
        #expect(parts.claim() == nil)
    }

    @Test func abandonedWorkLeavesGaps() {
        let parts = Parts<Int>(3)
        #expect(parts.claim() == 0)
        parts.abandon()
        #expect(parts.claim() == nil)
        parts.put(5, at: 0)
        #expect(parts.all == [5, nil, nil])
    }
}
