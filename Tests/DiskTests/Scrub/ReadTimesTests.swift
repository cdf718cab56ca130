import Disk
import Testing

/// Reads for peers, and scrubs that let them go first.
struct ReadTimesTests {
    /// A scrub waits for a read for a peer on its device, but not for ever, and not for one on another device.
    @Test func scrubLetsPeersReadForAMoment() throws {
        let times = ReadTimes()
        let clock = ContinuousClock()
        try times.measure(on: 1) { () throws(DiskError) in
            #expect(times.isReadingForPeers(on: 1) && !times.isReadingForPeers(on: 2))
            #expect(clock.measure { times.letPeersRead(on: 1) } >= .milliseconds(5))
        }
        #expect(!times.isReadingForPeers(on: 1))
    }

    /// A read that fails is over, too.
    @Test func failedReadIsOver() throws {
        let times = ReadTimes()
        #expect(throws: DiskError.self) {
            try times.measure(on: 1) { () throws(DiskError) in throw DiskError(.shortFile, .read, "a") }
        }
        #expect(!times.isReadingForPeers(on: 1))
    }
}
