import Testing
import Torrent
import Verification

/// The rate of a scrub, in virtual time.
@Suite struct ScrubPaceTests {
    private static func at(_ seconds: Double) -> Instant { .origin + .seconds(seconds) }

    /// A device that reads so many bytes per second, with pauses of its own.
    private static func bytes(read pace: inout ScrubPace, in seconds: Double, device: Double, seed: UInt64) -> Int {
        var random = SeededGenerator(seed: seed)
        var (now, total) = (0.0, 0)
        while now < seconds {
            if let until = pace.waits(now: at(now)) {
                // Rounded up, or the same moment would come again.
                now = Double(until.nanoseconds + 1000) / 1e9
                continue
            }
            let batch = pace.batch
            pace.took(batch, now: at(now))
            total += batch
            now += Double(batch) / device + (Int.random(in: 0..<10, using: &random) == 0 ? 0.05 : 0)
        }
        return total
    }

    @Test(arguments: [2_000_000, 8_500_000, 40_000_000, 150_000_000] as [Int64]) func setRateIsKeptWithin5Percent(
        rate: Int64
    ) {
        var pace = ScrubPace(limit: rate)
        let total = Self.bytes(read: &pace, in: 120, device: 400e6, seed: UInt64(rate))
        let measured = Double(total) / 120
        #expect(abs(measured / Double(rate) - 1) < 0.05, "\(measured) of \(rate)")
        #expect(abs(Double(pace.measured(now: Self.at(120))) / Double(rate) - 1) < 0.3)
    }

    /// Neither the first second nor the one after a rest is faster than the rest.
    @Test(arguments: [0.0, 30]) func aScrubDoesntBeginWithABurst(start: Double) {
        var pace = ScrubPace(limit: 40_000_000)
        pace.took(pace.batch, now: Self.at(0))
        var (now, total) = (start, 0)
        while now < start + 1 {
            if let until = pace.waits(now: Self.at(now)) {
                now = Double(until.nanoseconds + 1000) / 1e9
                continue
            }
            pace.took(pace.batch, now: Self.at(now))
            total += pace.batch
        }
        #expect(total <= 40_000_000 + 2 * pace.batch, "\(total)")
    }

    @Test func withoutALimitTheDeviceSetsTheRate() {
        var pace = ScrubPace(limit: nil)
        let total = Self.bytes(read: &pace, in: 10, device: 200e6, seed: 1)
        #expect(Double(total) / 10 > 150e6)
    }

    /// 22 TB in 30 days are 8.5 MB/s, and some headroom.
    @Test func rateFollowsFromBytesAndPeriods() {
        let month = Duration.seconds(30 * 86400)
        let rate = ScrubPace.rate(for: [(22_000_000_000_000, month)])
        #expect((9_300_000...9_400_000).contains(rate))
        #expect(ScrubPace.rate(for: [(1_000_000, month)]) == ScrubPace.slowest)
        #expect(ScrubPace.rate(for: []) == ScrubPace.slowest)
        let both = ScrubPace.rate(for: [(22_000_000_000_000, month), (22_000_000_000_000, month * 2)])
        #expect((13_900_000...14_100_000).contains(both))
    }

    @Test func slowerPeersMakeItBackOffAndFasterOnesLetItReturn() {
        var pace = ScrubPace(limit: 100_000_000)
        var second = 0.0
        func observe(quiet: Double, disturbed: Double) {
            second += 1
            pace.peersRead(
                quiet: .init(count: 20, total: .seconds(20 * quiet)),
                disturbed: .init(count: 20, total: .seconds(20 * disturbed)), now: Self.at(second))
        }
        observe(quiet: 0.004, disturbed: 0.0044)
        #expect(pace.guardian.factor == 1)
        for _ in 0..<3 { observe(quiet: 0.004, disturbed: 0.020) }
        #expect(pace.guardian.factor < 0.4)
        for _ in 0..<50 { observe(quiet: 0.004, disturbed: 0.020) }
        #expect(pace.guardian.factor == LatencyGuard.lowest)
        for _ in 0..<60 { observe(quiet: 0.004, disturbed: 0.0041) }
        #expect(pace.guardian.factor == 1)
    }

    /// Without quiet reads there is nothing to compare with, so a scrub without a rate leaves gaps.
    @Test func gapsAreLeftToCompareWith() {
        var pace = ScrubPace(limit: nil)
        pace.peersRead(quiet: .init(), disturbed: .init(count: 20, total: .seconds(1)), now: Self.at(10))
        #expect(pace.waits(now: Self.at(10.01)) != nil)
        #expect(pace.waits(now: Self.at(10.2)) == nil)
        #expect(pace.guardian.factor == 1)
    }

    /// A small archive is read in one go, late in its period; a large one all the time.
    @Test func dueAgeLeavesTimeToReadEverything() {
        let period = Duration.seconds(30 * 86400)
        let small = ScrubMachine.dueAge(period, backlog: .seconds(600))
        #expect(small > period * 0.89 && small < period * 0.9)
        let large = ScrubMachine.dueAge(period, backlog: period / 1.1)
        #expect(large == period * 0.05)
    }
}
