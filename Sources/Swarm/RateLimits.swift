import Torrent

/// The rate limits of the torrent in both directions, and when transfers that wait for one resume.
struct RateLimits {
    private var download: TokenBucket
    private var upload: TokenBucket
    /// When transfers that a limit holds up resume; `nil` if none is held up.
    private(set) var resumeAt: Instant?
    /// Where each round begins among the peers or sources, so that a limit doesn't always make the same ones wait.
    private(set) var turn = 0

    init(_ settings: SwarmSettings) {
        download = TokenBucket(limit: settings.downloadLimit)
        upload = TokenBucket(limit: settings.uploadLimit)
    }

    /// The limits changed; everything that waited may be tried again.
    mutating func changed(to settings: SwarmSettings) {
        download.limit = settings.downloadLimit
        upload.limit = settings.uploadLimit
        resumeAt = nil
    }

    /// Whether so many bytes may be requested now. If not, ``resumeAt`` says when.
    mutating func mayRequest(_ bytes: Int, now: Instant) -> Bool {
        if download.allows(bytes, at: now) { return true }
        wait(until: download.refill(bytes, after: now))
        return false
    }

    /// How many blocks may be requested at once, after ``mayRequest(_:now:)`` has allowed one.
    var affordableBlocks: Int { download.affordable(Geometry.blockLength) }

    mutating func requested(_ bytes: Int) { download.take(bytes) }

    /// Bytes that were requested won't come.
    mutating func requestEnded(_ bytes: Int) { download.giveBack(bytes) }

    /// Whether so many bytes may be sent now. If not, ``resumeAt`` says when.
    mutating func maySend(_ bytes: Int, now: Instant) -> Bool {
        if upload.allows(bytes, at: now) { return true }
        wait(until: upload.refill(bytes, after: now))
        return false
    }

    mutating func sent(_ bytes: Int) { upload.take(bytes) }

    /// Bytes that were to be sent were not.
    mutating func sendFailed(_ bytes: Int) { upload.giveBack(bytes) }

    private mutating func wait(until instant: Instant) { resumeAt = min(resumeAt ?? instant, instant) }

    /// Returns whether transfers that were held up resume now. The next round then begins with another peer.
    mutating func resume(now: Instant) -> Bool {
        guard let resumeAt, now >= resumeAt else { return false }
        self.resumeAt = nil
        turn += 1
        return true
    }

    /// Nothing waits any more: the torrent stops.
    mutating func stopped() { resumeAt = nil }
}
