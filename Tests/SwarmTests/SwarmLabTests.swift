import Glibc
import SwarmLab
import Testing

/// Whole swarms in virtual time.
///
/// `PIECES_SEEDS=5000` runs more of them, `PIECES_SEED=n` that one alone.
struct SwarmLabTests {
    @Test(arguments: seeds)
    func randomSwarmsConverge(seed: UInt64) throws {
        let report = try Lab.run(Scenario(seed: seed))
        #expect(report.seconds > 0)
    }

    /// Web seeds beside peers or alone: slow, silent and lying ones, and one that has everything.
    @Test(arguments: seeds.prefix(150))
    func swarmsWithWebSeedsConverge(seed: UInt64) throws {
        let report = try Lab.run(.webSeeds(seed: seed))
        #expect(report.seconds > 0)
    }

    /// A peer that always lies can't spoil the last piece again and again.
    @Test(arguments: seeds.prefix(200))
    func poisonersCannotHoldUpTheLastPiece(seed: UInt64) throws {
        let report = try Lab.run(.poisoned(seed: seed))
        #expect(report.failedPieces <= 12 && report.seconds < 300, "\(report)")
    }

    /// The download limit holds for peers and web seeds together.
    @Test(arguments: seeds.prefix(60))
    func limitHoldsForAllSourcesTogether(seed: UInt64) throws {
        let report = try Lab.run(.limited(seed: seed))
        #expect(report.seconds > 0)
    }

    @Test(arguments: [3, 17, 42] as [UInt64])
    func seedAlwaysGivesTheSameRun(seed: UInt64) throws {
        #expect(try Lab.run(Scenario(seed: seed)) == Lab.run(Scenario(seed: seed)))
    }

    /// The first copy of a torrent in its swarm costs its seed at most 1.2 copies, and less than without super-seeding;
    /// and it doesn't take longer by much until everybody is complete (BEP 16).
    @Test(arguments: seeds.prefix(10))
    func superSeedUploadsAboutOneCopy(seed: UInt64) throws {
        let usual = try Lab.run(.firstSeed(seed: seed, superSeeds: false))
        let sparing = try Lab.run(.firstSeed(seed: seed, superSeeds: true))
        #expect(sparing.firstCopies <= 1.2 && sparing.firstCopies < usual.firstCopies, "\(sparing), usual: \(usual)")
        #expect(sparing.seconds <= 1.5 * usual.seconds, "\(sparing), usual: \(usual)")
    }

    /// Beside hosts that crowd, flood and lie, a download takes twice its time at most, and nobody who is honest is
    /// banned.
    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func siegeAtMostDoublesTheDownloadTime(seed: UInt64) throws {
        let peace = try Lab.run(.siege(seed: seed, hasEnemies: false))
        let scenario = Scenario.siege(seed: seed, hasEnemies: true)
        let siege = try Lab.run(scenario)
        #expect(
            siege.seconds <= 2 * peace.seconds, "\(siege.seconds) s in place of \(peace.seconds): \(scenario.summary)")
    }

    /// The sieges hurt: without budgets and places they would be won.
    @Test func hostileHostsAreStruckAndBanned() throws {
        var sum = Report(seed: 0)
        for seed in 1...60 as ClosedRange<UInt64> { sum += try Lab.run(.siege(seed: seed, hasEnemies: true)) }
        #expect(sum.strikes > 20 && sum.bans > 5, "\(sum)")
    }

    /// The mixture holds what it is there for: a lab in which nothing goes wrong shows nothing.
    @Test func labExercisesEveryKindOfFailure() throws {
        var sum = Report(seed: 0)
        for seed in 1...60 as ClosedRange<UInt64> { sum += try Lab.run(Scenario(seed: seed)) }
        #expect(sum.kills > 5 && sum.powerCuts > 5 && sum.cleanStops > 5 && sum.faults > 5)
        #expect(sum.keptBlocks > 5, "\(sum.keptBlocks)")
        #expect(sum.failedPieces > 20 && sum.bans > 5 && sum.checkedPieces > 50 && sum.duplicates > 5)
        // What is sent twice or in vain is little.
        #expect(sum.duplicates * 5 < sum.requests)
    }

    private static var seeds: [UInt64] {
        if let seed = number("PIECES_SEED") { return [seed] }
        return Array(1...max(1, number("PIECES_SEEDS") ?? 400))
    }

    private static func number(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }
}
