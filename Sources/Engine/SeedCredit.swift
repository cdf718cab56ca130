import Store

/// The seed time that is credited to torrents with each heartbeat.
struct SeedCredit {
    private var timer = SeedTimer()
    /// The time that was measured and isn't a whole second.
    private var remainder = Duration.zero
    /// Torrents that seeded at the last heartbeat, if the engine works on named torrents only.
    private var seedingBefore: Set<TorrentID> = []

    /// Returns the write of this heartbeat. If the engine works on all torrents, `named` is `nil`: every torrent that
    /// the database calls seeding is credited, dormant or active. Otherwise only the active torrents that seed are.
    mutating func take(named seeding: Set<TorrentID>?, now: SuspendingClock.Instant)
        -> @Sendable (Connection) throws(StoreError) -> Void
    {
        remainder += timer.look(isSeeding: true, now: now)
        let whole = Duration.seconds(remainder.components.seconds)
        remainder -= whole
        guard let seeding else { return { db throws(StoreError) in try db.seedTimes.count(whole) } }
        let both = seeding.intersection(seedingBefore)
        seedingBefore = seeding
        return { db throws(StoreError) in try db.seedTimes.count(whole, of: both) }
    }
}
