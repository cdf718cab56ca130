import Glibc
import SwarmLab
import Testing

/// Whole swarms in virtual time.
///
/// `PIECES_SEEDS=5000` runs more of them, `PIECES_SEED=n` that one alone.
struct SwarmLabTests {
    @Test(arguments: seeds)
    func converges(seed: UInt64) throws {
        let report = try Lab.run(Scenario(seed: seed))
        #expect(report.seconds > 0)
    }

    @Test(arguments: [3, 17, 42] as [UInt64])
    func aSeedIsAlwaysTheSameRun(seed: UInt64) throws {
        #expect(try Lab.run(Scenario(seed: seed)) == Lab.run(Scenario(seed: seed)))
    }

    /// The mixture holds what it is there for: a lab in which nothing goes wrong shows nothing.
    @Test func muchGoesWrong() throws {
        var sum = Report(seed: 0)
        for seed in 1...60 as ClosedRange<UInt64> { sum += try Lab.run(Scenario(seed: seed)) }
        #expect(sum.kills > 5 && sum.powerCuts > 5 && sum.cleanStops > 5 && sum.faults > 5)
        #expect(sum.failedPieces > 20 && sum.bans > 5 && sum.checkedPieces > 50 && sum.duplicates > 5)
        // What is sent twice or in vain is little.
        #expect(sum.duplicates * 5 < sum.requests)
    }

    private static var seeds: [UInt64] {
        if let seed = number("PIECES_SEED") { return [seed] }
        return Array(1...max(1, number("PIECES_SEEDS") ?? 1000))
    }

    private static func number(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }
}
