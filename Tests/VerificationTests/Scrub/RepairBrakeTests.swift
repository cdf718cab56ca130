import Testing
import Verification

/// Many bad pieces stop repairs; a few don't.
@Suite struct RepairBrakeTests {
    @Test func aFewBadPiecesAreRepaired() {
        var brake = RepairBrake(pieces: 0, bad: 0)
        for file in 0..<7 {
            brake.read(10)
            #expect(brake.foundBad(inFile: file) == nil)
        }
    }

    @Test func eightInOneFileStopRepairs() {
        var brake = RepairBrake(pieces: 1_000_000, bad: 0)
        for _ in 0..<7 { #expect(brake.foundBad(inFile: 3) == nil) }
        #expect(brake.foundBad(inFile: 3) == "8 pieces of one file are bad")
    }

    @Test func filesOfOtherTorrentsCountForThemselves() {
        var brake = RepairBrake(pieces: 1_000_000, bad: 0)
        for _ in 0..<7 { #expect(brake.foundBad(inFile: 0) == nil) }
        brake.torrentBegins()
        #expect(brake.foundBad(inFile: 0) == nil)
    }

    /// A million good pieces of last year don't hide that every hundredth is bad now.
    @Test func whatWasReadLongAgoCountsLess() {
        var brake = RepairBrake(pieces: 0, bad: 0)
        for _ in 0..<1000 { brake.read(1000) }
        #expect(brake.pieces <= 20_000)
        var reason: String?
        for file in 0..<40 where reason == nil {
            brake.read(100)
            reason = brake.foundBad(inFile: file)
        }
        #expect(reason?.hasSuffix("pieces that were read are bad") == true)
    }

    /// One bad piece in a hundred thousand, year after year, is no reason to stop.
    @Test func badPiecesOfLongAgoCountLess() {
        var brake = RepairBrake(pieces: 0, bad: 0)
        for year in 0..<100 {
            brake.torrentBegins()
            for _ in 0..<100 { brake.read(1000) }
            #expect(brake.foundBad(inFile: 0) == nil, "year \(year)")
        }
    }

    @Test func oneInAThousandOfTheVolumeStopsRepairs() {
        var brake = RepairBrake(pieces: 7_999, bad: 7)
        brake.read(1)
        #expect(brake.foundBad(inFile: 9) == "8 of 8000 pieces that were read are bad")
        var large = RepairBrake(pieces: 8_001, bad: 7)
        #expect(large.foundBad(inFile: 9) == nil)
    }
}
