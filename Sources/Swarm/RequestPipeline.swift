import Torrent

/// How many requests to keep outstanding at one peer, so that its path is full and its queue is not.
///
/// The depth doubles a round trip while the delivery rate grows (slow start); then it follows twice the product of the
/// best recent rate and the smallest recent round trip, and never holds more than ``longestQueue`` of a slow peer.
struct RequestPipeline {
    static let initialDepth = 4
    /// Requests that a fast peer always has outstanding, to cover the jitter of a path with a tiny round trip.
    static let cushion = 32
    /// What a peer that doesn't say `reqq` (BEP 10) is trusted to queue.
    static let defaultReqq = 500
    static let maximumDepth = 4096
    /// A slow peer never holds requests for more than this.
    static let longestQueue = Duration.seconds(3)
    /// Rounds without growth by a quarter that end slow start.
    private static let flatRoundsToStop = 3
    private static let shortestRound = Duration.milliseconds(20)
    private static let rttWindow = Duration.seconds(10)

    /// The peer's own limit.
    var reqq = defaultReqq

    private var slowStart = true
    private var growth = initialDepth
    private var flatRounds = 0
    private var roundStart: Instant?
    private var roundBytes = 0
    /// Delivery rates of the last rounds, bytes per second, newest last.
    private var rates: [Double] = []
    private(set) var smallestRTT: Duration?
    private var smallestRTTAt = Instant.origin

    /// Requests that should be outstanding now.
    var depth: Int {
        let wanted: Int
        if slowStart {
            wanted = growth
        } else {
            let product = bestRate * (smallestRTT ?? .zero).inSeconds / Double(Geometry.blockLength)
            let fill = max(Int(product * 2) + 8, Self.cushion)
            let slow = Int(bestRate * Self.longestQueue.inSeconds / Double(Geometry.blockLength))
            wanted = min(fill, max(slow, 2))
        }
        return max(1, min(wanted, reqq, Self.maximumDepth))
    }

    /// The best delivery rate of the last rounds, in bytes per second.
    var bestRate: Double { rates.max() ?? 0 }

    /// A block came that was requested at `sentAt`; `limited` says that the queue had run short of requests for another reason than depth.
    mutating func received(bytes: Int, sentAt: Instant, now: Instant, limited: Bool) {
        let rtt = now - sentAt
        if smallestRTT.map({ rtt <= $0 }) ?? true || now - smallestRTTAt > Self.rttWindow {
            smallestRTT = rtt
            smallestRTTAt = now
        }
        if slowStart { growth = min(growth + 1, Self.maximumDepth) }
        guard let start = roundStart else {
            roundStart = now
            roundBytes = 0
            return
        }
        roundBytes += bytes
        let elapsed = now - start
        guard elapsed >= max(smallestRTT ?? .zero, Self.shortestRound) else { return }
        endRound(rate: Double(roundBytes) / elapsed.inSeconds, limited: limited)
        roundStart = now
        roundBytes = 0
    }

    /// Nothing is outstanding any more, so that the pause isn't counted as slowness.
    mutating func idle() { roundStart = nil }

    /// The peer let requests wait too long: it begins anew with one.
    mutating func snubbed() {
        slowStart = true
        growth = 1
        flatRounds = 0
        rates = []
        roundStart = nil
    }

    private mutating func endRound(rate: Double, limited: Bool) {
        if slowStart, !limited {
            flatRounds = rate > bestRate * 1.25 ? 0 : flatRounds + 1
            if flatRounds >= Self.flatRoundsToStop { slowStart = false }
        }
        rates.append(rate)
        if rates.count > 10 { rates.removeFirst() }
    }
}
