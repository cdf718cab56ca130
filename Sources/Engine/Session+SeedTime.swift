import Store
import Swarm
import Torrent

/// The time for which torrents were there for others, added up from beat to beat.
extension Session {
    /// What is to be written at this beat. Where the engine works on all torrents, dormant ones are as much there as
    /// active ones: whatever the database calls seeding. Else it is what is active and seeds.
    func takeSeedTime() -> @Sendable (Connection) throws(StoreError) -> Void {
        uncountedSeedTime += seedTimer.look(isSeeding: true, now: .now)
        let seconds = uncountedSeedTime.components.seconds
        uncountedSeedTime -= .seconds(seconds)
        guard case .only = environment.settings.scope else {
            return { db throws(StoreError) in try db.countSeedTime(seconds) }
        }
        let seeding = Set(engines.filter { $0.value.onLoop { $0.state == .seeding } }.keys)
        let both = seeding.intersection(seedingBefore)
        seedingBefore = seeding
        return { db throws(StoreError) in try db.countSeedTime(seconds, of: both) }
    }

    /// For how many seconds nobody has seen that the output folder is in its place: that time isn't counted when the
    /// folder turns out to be away.
    func unseenSeconds(_ output: FileName) -> Int64 {
        (SuspendingClock.now - (dormantTorrents.seenAt[output] ?? began)).components.seconds + 1
    }
}
