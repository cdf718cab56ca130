import Swarm
import Torrent

/// Since when a fault has stopped a torrent, and since when its payload has been offline.
struct FaultTimes {
    /// Why the payload was offline at the start; `nil` if it was reachable, or has come back.
    private(set) var offlineAtStart: String?
    /// Since when the torrent has had a fault without a break.
    private(set) var since: Instant?
    /// When the payload went offline in this activation, after it had been reachable.
    private(set) var offlineSince: Timestamp?

    init(offlineAtStart: String?) { self.offlineAtStart = offlineAtStart }

    mutating func began(_ fault: Fault, now: Instant, at time: Timestamp) {
        since = since ?? now
        if fault.kind == .offline, offlineAtStart == nil { offlineSince = offlineSince ?? time }
    }

    mutating func ended() { self = FaultTimes(offlineAtStart: nil) }
}
