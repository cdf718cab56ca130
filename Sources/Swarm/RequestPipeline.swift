package import Torrent

/// Decides how many requests to keep outstanding at one peer, so that its path is full but its queue is not.
///
/// The depth triples each round trip while the delivery rate grows (slow start): it stays ahead of the window of TCP,
/// which doubles. Then it follows twice the product of the best recent rate and the smallest recent round trip. A slow
/// peer never holds requests for more than ``longestQueue``.
///
/// That depth builds a queue of its own, which would look like a longer path when the smallest round trip is measured
/// again. So the depth is halved for a measurement, as in BBR (draft-ietf-ccwg-bbr, ProbeRTT).
package struct RequestPipeline {
    static let initialDepth = 4
    /// Requests that each block adds in slow start.
    private static let growthPerBlock = 2
    /// The least number of outstanding requests at a fast peer, which covers the jitter of a path with a tiny round
    /// trip.
    package static let cushion = 32
    /// The assumed queue of a peer that doesn't send `reqq` (BEP 10).
    package static let defaultReqq = 500
    /// A reject never lowers `reqq` below this, because it may have had another reason.
    static let smallestReqq = 16
    static let maximumDepth = 4096
    /// The longest time that a slow peer's outstanding requests may take.
    static let longestQueue = Duration.seconds(3)
    /// The number of rounds without growth by a quarter that ends slow start.
    private static let flatRoundsToStop = 3
    private static let rememberedRounds = 10
    private static let shortestRound = Duration.milliseconds(20)
    /// The age of the smallest round trip after which it is measured again.
    private static let rttWindow = Duration.seconds(10)

    /// The peer's own limit on queued requests.
    package var reqq = defaultReqq {
        didSet { setDepth() }
    }

    private var slowStart = true
    private var growth = initialDepth
    private var flatRounds = 0
    private var roundStart: Instant?
    private var roundBytes = 0
    /// The delivery rates of the last rounds, in bytes per second, newest last.
    private var rates: [Double] = []
    private(set) var smallestRTT: Duration?
    private var smallestRTTAt = Instant.origin
    /// When the path began to drain for a measurement of its round trip.
    private var probingSince: Instant?
    /// The best delivery rate of the last rounds, in bytes per second.
    private(set) var bestRate = 0.0
    /// The number of requests that should be outstanding now.
    package private(set) var depth = initialDepth

    package init() {}

    private var wantedDepth: Int {
        let blocks = bestRate / Double(Geometry.blockLength)
        let product = blocks * (smallestRTT ?? .zero).inSeconds
        if probingSince != nil { return Int(product / 2) }
        let fill = slowStart ? growth : max(Int(product * 2) + 8, Self.cushion)
        return rates.isEmpty ? fill : min(fill, Int(blocks * Self.longestQueue.inSeconds))
    }

    /// The bytes that fill the path, and as many in the queue of the peer: what requests up to the depth may keep
    /// there. In slow start, twice that, because the rate doubles in each round trip. 0 until the path was measured.
    var pathBytes: Int {
        let product = Int(bestRate * (smallestRTT ?? .zero).inSeconds)
        return min(product * (slowStart ? 4 : 2), depth * Geometry.blockLength)
    }

    private mutating func setDepth() { depth = max(1, min(wantedDepth, reqq, Self.maximumDepth)) }

    /// A block arrived that was requested at `sentAt`. `limited` means that requests had run short for another reason
    /// than the depth.
    package mutating func received(bytes: Int, sentAt: Instant, now: Instant, limited: Bool) {
        let rtt = now - sentAt
        measure(rtt, sentAt: sentAt, now: now)
        // A peer that takes this long for a block is already slow: more requests would only wait.
        if slowStart, rtt < Self.longestQueue / 3 { growth = min(growth + Self.growthPerBlock, Self.maximumDepth) }
        if let start = roundStart {
            roundBytes += bytes
            let elapsed = now - start
            if elapsed >= max(smallestRTT ?? .zero, Self.shortestRound) {
                endRound(rate: Double(roundBytes) / elapsed.inSeconds, limited: limited)
                roundStart = now
                roundBytes = 0
            }
        } else {
            roundStart = now
            roundBytes = 0
        }
        setDepth()
    }

    /// Nothing is outstanding any more, so the pause must not count as slowness.
    mutating func idle() { roundStart = nil }

    /// The peer let requests wait too long: slow start begins again with one request.
    package mutating func snubbed() {
        slowStart = true
        growth = 1
        flatRounds = 0
        rates = []
        bestRate = 0
        roundStart = nil
        probingSince = nil
        setDepth()
    }

    /// The peer rejected a request while it held `count` others, and may have no room for more.
    package mutating func refused(holding count: Int) {
        guard count >= Self.smallestReqq else { return }
        slowStart = false
        reqq = min(reqq, count)
    }

    private mutating func measure(_ rtt: Duration, sentAt: Instant, now: Instant) {
        if let since = probingSince {
            // The first block requested after the drain had an almost empty path.
            guard sentAt >= since else { return }
            probingSince = nil
            smallestRTT = rtt
            smallestRTTAt = now
        } else if smallestRTT.map({ rtt <= $0 }) ?? true {
            smallestRTT = rtt
            smallestRTTAt = now
        } else if now - smallestRTTAt > Self.rttWindow, !slowStart {
            probingSince = now
        }
    }

    private mutating func endRound(rate: Double, limited: Bool) {
        // A round on a drained path doesn't measure its rate.
        guard probingSince == nil else { return }
        if slowStart, !limited {
            flatRounds = rate > bestRate * 1.25 ? 0 : flatRounds + 1
            if flatRounds >= Self.flatRoundsToStop { slowStart = false }
        }
        rates.append(rate)
        if rates.count > Self.rememberedRounds { rates.removeFirst() }
        bestRate = rates.max() ?? 0
    }
}
