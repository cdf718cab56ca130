package import Torrent

/// How fast a scrub reads from one device: a rate, of which bursts are short, and a factor by which it backs off.
package struct ScrubPace: Sendable, Hashable {
    /// How much faster than needed a scrub reads, so that it is done in time although it pauses now and then.
    package static let headroom = 1.1
    /// A scrub doesn't read slower than this: it reads in bursts instead, and the disk may rest between them.
    package static let slowest: Int64 = 1 << 20
    /// What a rate may catch up after a delay.
    private static let burst = Duration.milliseconds(500)
    /// After so long a rest there is nothing to catch up.
    private static let rest = Duration.seconds(2)

    /// Bytes per second; `nil`: as fast as the device and its peers allow.
    package private(set) var limit: Int64?
    private var paidUntil = Instant.origin
    package private(set) var guardian = LatencyGuard()
    private var throughput = Throughput()

    package init(limit: Int64?) { self.limit = limit }

    /// The rate that the policy needs: bytes by period, over all periods on the device.
    package static func rate(for loads: [(bytes: Int64, period: Duration)]) -> Int64 {
        let needed = loads.reduce(0.0) { $0 + Double($1.bytes) / max(1, $1.period.inSeconds) }
        return max(slowest, Int64(exactly: (needed * headroom).rounded(.up)) ?? .max)
    }

    package mutating func change(limit: Int64?, now: Instant) {
        guard limit != self.limit else { return }
        self.limit = limit
        paidUntil = min(paidUntil, now)
    }

    /// The rate in force; `nil` if there is none.
    package var rate: Double? {
        if let limit { return max(1, Double(limit) * guardian.factor) }
        guard guardian.factor < 1 else { return nil }
        return max(Double(Self.slowest), throughput.peak * guardian.factor)
    }

    /// Whether the next bytes may be read now; otherwise when.
    package func waits(now: Instant) -> Instant? {
        let until = max(rate == nil ? .origin : paidUntil, guardian.pausedUntil)
        return until > now ? until : nil
    }

    /// Bytes of the next read.
    package var batch: Int {
        guard let rate else { return 8 << 20 }
        return min(8 << 20, max(1 << 20, Int(rate / 8)))
    }

    /// Bytes will be read now.
    package mutating func took(_ bytes: Int, now: Instant) {
        throughput.add(bytes, now: now)
        guard let rate else { return }
        let since = now - paidUntil > Self.rest ? now : max(paidUntil, now + (.zero - Self.burst))
        paidUntil = since + .seconds(Double(bytes) / rate)
    }

    /// Reads for peers were measured since the last call.
    package mutating func peersRead(quiet: LatencyGuard.Reads, disturbed: LatencyGuard.Reads, now: Instant) {
        guardian.observe(quiet: quiet, disturbed: disturbed, isUnlimited: limit == nil, now: now)
    }

    /// The bytes per second over the last seconds.
    package func measured(now: Instant) -> Int64 { throughput.rate(now: now) }
}

/// The bytes of the last seconds.
private struct Throughput: Sendable, Hashable {
    private static let window = Duration.seconds(10)

    private var began: Instant?
    private var bytes = 0.0
    private var last = (rate: 0.0, at: Instant.origin)
    /// The highest rate of the last windows.
    private(set) var peak = 0.0

    static func == (a: Self, b: Self) -> Bool { a.bytes == b.bytes && a.began == b.began && a.last == b.last }
    func hash(into hasher: inout Hasher) { hasher.combine(bytes) }

    mutating func add(_ count: Int, now: Instant) {
        if let began, now - began >= Self.window / 10 {
            let rate = bytes / (now - began).inSeconds
            last = (last.rate == 0 ? rate : 0.7 * last.rate + 0.3 * rate, now)
            peak = max(peak * 0.98, rate)
            self.began = now
            bytes = 0
        }
        if began == nil { began = now }
        bytes += Double(count)
    }

    func rate(now: Instant) -> Int64 {
        if last.rate > 0, now - last.at < Self.window { return Int64(last.rate) }
        guard let began, now - began < Self.window, now > began else { return 0 }
        return Int64(bytes / max(1, (now - began).inSeconds))
    }
}

/// Backs off while reads for peers take longer because of the scrub.
package struct LatencyGuard: Sendable, Hashable {
    /// Reads for peers: how many, and how long they took together.
    package struct Reads: Sendable, Hashable {
        package var count: Int
        package var total: Duration

        package init(count: Int = 0, total: Duration = .zero) {
            self.count = count
            self.total = total
        }
    }

    /// How much longer reads may take while a scrub reads.
    package static let tolerated = 1.2
    /// A difference that is too small to matter to a peer.
    private static let negligible = 0.0005
    /// The fewest reads that say something.
    private static let fewest = 8
    /// The lowest factor: a scrub never stops because of peers, or a busy disk would never be verified.
    package static let lowest = 1.0 / 16
    /// Without a rate, a scrub leaves gaps in which reads for peers are undisturbed, to compare with.
    private static let gap = Duration.milliseconds(100)
    private static let betweenGaps = Duration.seconds(2)

    /// From 1 (full speed) down to ``lowest``.
    package private(set) var factor = 1.0
    package private(set) var pausedUntil = Instant.origin
    private var quietMean: Double?
    private var disturbed = Reads()
    private var lastGap = Instant.origin

    package init() {}

    /// What was measured since the last call, about a second ago.
    mutating func observe(quiet: Reads, disturbed new: Reads, isUnlimited: Bool, now: Instant) {
        if quiet.count > 0 {
            let mean = quiet.total.inSeconds / Double(quiet.count)
            quietMean = quietMean.map { 0.8 * $0 + 0.2 * mean } ?? mean
        }
        disturbed.count += new.count
        disturbed.total += new.total
        if isUnlimited, new.count > 0, now - lastGap >= Self.betweenGaps {
            lastGap = now
            pausedUntil = now + Self.gap
        }
        guard disturbed.count >= Self.fewest else {
            if new.count == 0 { factor = min(1, factor * 1.1) }
            return
        }
        let mean = disturbed.total.inSeconds / Double(disturbed.count)
        disturbed = Reads()
        guard let quietMean else { return }
        if mean > quietMean * Self.tolerated + Self.negligible {
            factor = max(Self.lowest, factor * 0.7)
        } else {
            factor = min(1, factor * 1.1)
        }
    }
}
