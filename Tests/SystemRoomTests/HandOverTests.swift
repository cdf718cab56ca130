import Glibc
import System
import Testing

struct HandOverTests {
    private struct Stop: Error {}

    private let adding = HandOver<Int, [Int]> { $0.append($1) }

    @Test(arguments: [0, 1, 511, 512, 513, 5_000])
    func allItemsArriveInTheirOrder(_ count: Int) throws {
        var result = [-1]
        try adding.run(adding: &result, empty: []) { (give) throws(Stop) in
            for n in 0..<count { give(n) }
        }
        #expect(result == Array(-1..<count))
    }

    @Test(arguments: [0, 1, 512, 5_000])
    func failureLeavesTheEmptyResult(_ count: Int) {
        var result = [-1]
        #expect(throws: Stop.self) {
            try adding.run(adding: &result, empty: [7]) { (give) throws(Stop) in
                for n in 0..<count { give(n) }
                throw Stop()
            }
        }
        #expect(result == [7])
    }

    /// The maker waits for a slow taker, which has at most a few batches before it.
    @Test func slowTakerIsWaitedFor() throws {
        let slow = HandOver<Int, Int> { sum, n in
            if n % 512 == 0 { usleep(2_000) }
            sum += n
        }
        var sum = 0
        try slow.run(adding: &sum, empty: 0) { (give) throws(Stop) in
            for n in 0..<20_000 { give(n) }
        }
        #expect(sum == 19_999 * 10_000)
    }
}
