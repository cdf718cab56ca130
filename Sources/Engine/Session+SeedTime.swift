import Store
import Swarm
import Torrent

/// Adds up the time that torrents seed, from heartbeat to heartbeat.
extension Session {
    /// Returns the write of this heartbeat. If the engine works on all torrents, every torrent that the database calls
    /// seeding is credited, dormant or active. Otherwise only active torrents that seed are.
    func takeSeedTime() -> @Sendable (Connection) throws(StoreError) -> Void {
        uncountedSeedTime += seedTimer.look(isSeeding: true, now: .now)
        let seconds = uncountedSeedTime.components.seconds
        uncountedSeedTime -= .seconds(seconds)
        guard case .only = environment.settings.scope else {
            return { db throws(StoreError) in try db.seedTimes.count(.seconds(seconds)) }
        }
        let seeding = Set(engines.filter { $0.value.onLoop { $0.state == .seeding } }.keys)
        let both = seeding.intersection(seedingBefore)
        seedingBefore = seeding
        return { db throws(StoreError) in try db.seedTimes.count(.seconds(seconds), of: both) }
    }

    /// Returns the time since the output folder was last seen. That time isn't counted if the folder turns out to be
    /// away.
    func unseenTime(_ output: FileName) -> Duration {
        SuspendingClock.now - (dormantTorrents.seenAt[output] ?? began) + .seconds(1)
    }
}
