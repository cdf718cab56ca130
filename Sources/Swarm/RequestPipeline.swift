import Torrent

/// How many requests to keep outstanding at one peer, so that its path is full and its queue is not.
///
/// The depth doubles a round trip while the delivery rate grows (slow start); then it follows twice the product of the
/// best recent rate and the smallest recent round trip, and never holds more than ``longestQueue`` of a slow peer.
///
/// That depth makes a queue of its own, which would pass for a longer path when the smallest round trip is measured
/// anew. So the depth is halved for a measurement, as BBR does (draft-ietf-ccwg-bbr, ProbeRTT).
struct RequestPipeline {
    static let initialDepth = 4
    /// Requests that a fast peer always has outstanding, to cover the jitter of a path with a tiny round trip.
    static let cushion = 32
    /// What a peer that doesn't say `reqq` (BEP 10) is trusted to queue.
    static let defaultReqq = 500
    /// A reject lowers that no further: it may have had another reason.
    static let smallestReqq = 16
    static let maximumDepth = 4096
    /// A slow peer never holds requests for more than this.
    static let longestQueue = Duration.seconds(3)
    /// Rounds without growth by a quarter that end slow start.
    private static let flatRoundsToStop = 3
    private static let rememberedRounds = 10
    private static let shortestRound = Duration.milliseconds(20)
    /// How old the smallest round trip may be before it is measured anew.
    private static let rttWindow = Duration.seconds(10)

    /// The peer's own limit.
    var reqq = defaultReqq {
        didSet { setDepth() }
    }

    private var slowStart = true
    private var growth = initialDepth
    private var flatRounds = 0
    private var roundStart: Instant?
    private var roundBytes = 0
    /// Delivery rates of the last rounds, bytes per second, newest last.
    private var rates: [Double] = []
    private(set) var smallestRTT: Duration?
    private var smallestRTTAt = Instant.origin
    /// Since when the path is being drained to measure its round trip.
    private var probingSince: Instant?
    /// The best delivery rate of the last rounds, in bytes per second.
    private(set) var bestRate = 0.0
    /// Requests that should be outstanding now.
    private(set) var depth = initialDepth

    private var wantedDepth: Int {
        let blocks = bestRate / Double(Geometry.blockLength)
        let product = blocks * (smallestRTT ?? .zero).inSeconds
        if probingSince != nil { return Int(product / 2) }
        let fill = slowStart ? growth : max(Int(product * 2) + 8, Self.cushion)
        return rates.isEmpty ? fill : min(fill, Int(blocks * Self.longestQueue.inSeconds))
    }

    private mutating func setDepth() { depth = max(1, min(wantedDepth, reqq, Self.maximumDepth)) }

    /// A block came that was requested at `sentAt`; `limited` says that the queue had run short of requests for another
    /// reason than depth.
    mutating func received(bytes: Int, sentAt: Instant, now: Instant, limited: Bool) {
        let rtt = now - sentAt
        measure(rtt, sentAt: sentAt, now: now)
        // One that takes so long for a block is slow already: more requests would only wait.
        if slowStart, rtt < Self.longestQueue / 3 { growth = min(growth + 1, Self.maximumDepth) }
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

    /// Nothing is outstanding any more, so that the pause isn't counted as slowness.
    mutating func idle() { roundStart = nil }

    /// The peer let requests wait too long: it begins anew with one.
    mutating func snubbed() {
        slowStart = true
        growth = 1
        flatRounds = 0
        rates = []
        bestRate = 0
        roundStart = nil
        probingSince = nil
        setDepth()
    }

    /// The peer refused a request while it held `count` others: it may have no room for more.
    mutating func refused(holding count: Int) {
        guard count >= Self.smallestReqq else { return }
        slowStart = false
        reqq = min(reqq, count)
    }

    private mutating func measure(_ rtt: Duration, sentAt: Instant, now: Instant) {
        if let since = probingSince {
            // The first that was asked after the drain found the path as good as empty.
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
        // A round of a drained path says nothing of its rate.
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
