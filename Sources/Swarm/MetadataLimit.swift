import Torrent

/// The rate limit of a fetch of metadata. A block is paid for when it is requested, as a block of content is.
struct MetadataLimit {
    private var bucket = TokenBucket(limit: nil)
    private var meter = RateMeter()
    /// When requests that the limit holds up resume; `nil` if it holds up none.
    private(set) var resumesAt: Instant?

    mutating func rate(now: Instant) -> Int { meter.rate(at: now) }

    /// Returns whether the limit is another one now. `limit` is in bytes per second.
    mutating func change(to limit: Int?) -> Bool {
        guard bucket.limit != limit else { return false }
        bucket.limit = limit
        resumesAt = nil
        return true
    }

    /// Whether so many bytes may be requested now. If not, ``resumesAt`` says when.
    mutating func mayRequest(_ bytes: Int, now: Instant) -> Bool {
        if bucket.allows(bytes, at: now) { return true }
        let instant = bucket.refill(bytes, after: now)
        resumesAt = min(resumesAt ?? instant, instant)
        return false
    }

    mutating func requested(_ bytes: Int) { bucket.take(bytes) }

    /// Bytes that were requested won't come.
    mutating func requestEnded(_ bytes: Int) { bucket.giveBack(bytes) }

    /// Bytes arrived. A peer may send the whole metadata instead of the block that was requested.
    mutating func received(_ bytes: Int, instead requested: Int, now: Instant) {
        meter.add(bytes, at: now)
        if bytes > requested { bucket.take(bytes - requested) }
    }

    mutating func resume(now: Instant) {
        if let resumesAt, now >= resumesAt { self.resumesAt = nil }
    }
}
