import Swarm
import Testing
import Torrent

struct RateMeterTests {
    @Test(arguments: [1000, 50_000, 10_000_000])
    func steadyRateIsMeasured(rate: Int) {
        var meter = RateMeter()
        for tick in 0..<100 { meter.add(rate / 10, at: .origin + .milliseconds(tick * 100)) }
        let measured = meter.rate(at: .origin + .seconds(10))
        #expect(abs(measured - rate) * 20 <= rate, "\(measured)")
        #expect(meter.total == Int64(rate * 10))
    }

    @Test func oldBytesAreForgotten() {
        var meter = RateMeter()
        meter.add(1_000_000, at: .origin)
        #expect(meter.rate(at: .origin + .seconds(1)) > 0)
        #expect(meter.rate(at: .origin + .seconds(20)) == 0)
        #expect(meter.total == 1_000_000)
    }

    @Test func rateIsZeroBeforeTheFirstByte() {
        var meter = RateMeter()
        #expect(meter.rate(at: .origin + .seconds(100)) == 0)
    }
}

struct TokenBucketTests {
    @Test(arguments: [20_000, 100_000, 5_000_000, 250_000_000], [16_384, 131_072])
    func bucketHoldsTheRate(limit: Int, size: Int) {
        var bucket = TokenBucket(limit: limit)
        var now = Instant.origin
        var sent = 0
        let end = now + .seconds(60)
        // What a full bucket lets through at once, and the debt that a large one may leave, are no part of the rate.
        let slack = Double(limit) * 0.2 + 2 * Double(size)
        while now < end {
            while bucket.allows(size, at: now) {
                bucket.take(size)
                sent += size
            }
            let next = bucket.refill(size, after: now)
            #expect(next > now)
            now = next
        }
        let expected = Double(limit) * 60
        #expect(abs(Double(sent) - expected) <= max(0.05 * expected, slack), "\(sent) of \(expected)")
    }

    @Test func bucketWithoutALimitAllowsEverything() {
        var bucket = TokenBucket(limit: nil)
        for _ in 0..<1000 {
            #expect(bucket.allows(1 << 20, at: .origin) == true)
            bucket.take(1 << 20)
        }
    }

    @Test func limitOfZeroDoesNotOverflow() {
        var bucket = TokenBucket(limit: 0)
        while bucket.allows(16_384, at: .origin) { bucket.take(16_384) }
        #expect(bucket.allows(16_384, at: .origin + .seconds(1_000_000)) == false)
        #expect(bucket.refill(16_384, after: .origin) > .origin)
    }

    @Test func lowerLimitHoldsAtOnce() {
        var bucket = TokenBucket(limit: 10_000_000)
        #expect(bucket.allows(1_000_000, at: .origin) == true)
        bucket.limit = 20_000
        bucket.take(16_384)
        #expect(bucket.allows(16_384, at: .origin) == false)
    }

    @Test func returnedTokensCanBeTakenAgain() {
        var bucket = TokenBucket(limit: 20_000)
        bucket.take(16_384)
        #expect(bucket.allows(16_384, at: .origin) == false)
        bucket.giveBack(16_384)
        #expect(bucket.allows(16_384, at: .origin) == true)
    }
}
