import Store
import Swarm
import Torrent

/// Measures for how long local faults have blocked every active torrent with work left.
///
/// Torrents that wait for peers or trackers aren't blocked, because nothing is wrong on this machine.
struct StuckWatch {
    private var since: Instant?

    /// Returns the blocked torrents with their faults, and for how long all of them have been blocked; `nil` if one
    /// isn't.
    mutating func look(_ reports: [TorrentID: TorrentReport], now: Instant) -> (
        torrents: [TorrentID: String], time: Duration
    )? {
        var blocked: [TorrentID: String] = [:]
        for (id, report) in reports where report.hasWorkLeft {
            guard let fault = report.fault else {
                since = nil
                return nil
            }
            blocked[id] = fault
        }
        // When torrents take turns, each is active only briefly. So a moment without any doesn't end the measurement.
        guard !blocked.isEmpty else { return nil }
        let began = since ?? now
        since = began
        return (blocked, now - began)
    }
}
