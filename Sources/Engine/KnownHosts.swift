import NIOCore
import Net
import Store
import Swarm
import TrackerWire

/// What all torrents of a session know together of the hosts of their trackers.
///
/// `@unchecked Sendable`: it is confined to the event loop that all torrents share.
final class KnownHosts: @unchecked Sendable {
    private let loop: any EventLoop
    private let store: Store
    private var hosts = TrackerHosts()

    /// `resting` is what an earlier run was told.
    init(_ resting: [TrackerHostRow], store: Store, loop: any EventLoop) {
        self.store = store
        self.loop = loop
        for row in resting { hosts.rest(row.server, TrackerHosts.Rest(row)) }
    }

    /// For how many seconds the tracker isn't to be asked, because its host wants to be left alone, and what it said.
    func rest(of url: TrackerURL, now: Timestamp) -> (seconds: Int64, reason: String)? {
        loop.assertInEventLoop()
        return hosts.rest(of: url.server, now: now.rawValue).map { ($0.until - now.rawValue, $0.reason) }
    }

    /// Why a dormant torrent isn't to ask the tracker now: it wants to be left alone, or is down. The seconds are known
    /// in the first case alone.
    func reasonToWait(for url: TrackerURL, now: Timestamp) -> (seconds: Int64?, reason: String)? {
        if let rest = rest(of: url, now: now) { return (rest.seconds, rest.reason) }
        return hosts.reasonToWait(for: url.server, now: now.rawValue).map { (nil, $0) }
    }

    /// The host answered, be it with a refusal of one torrent.
    func answered(_ url: TrackerURL) { hosts.answered(url.server) }

    /// What a failure says of the host. That it wants to be left alone outlives a kill.
    func failed(
        _ url: TrackerURL, _ error: TrackerError, now: Timestamp, isolation: isolated (any Actor)? = #isolation
    ) async throws(StoreError) {
        loop.assertInEventLoop()
        guard error.isOfHost || error.isSilence else { return answered(url) }
        guard let seconds = error.retrySeconds else {
            return hosts.failed(url.server, reason: "\(error)", now: now.rawValue)
        }
        let row = TrackerHostRow(server: url.server, restsUntil: now + .seconds(seconds), reason: "\(error)")
        hosts.rest(row.server, TrackerHosts.Rest(row))
        try await store.perform { db throws(StoreError) in try db.saveTrackerHost(row) }
    }
}

extension TrackerHosts.Rest {
    fileprivate init(_ row: TrackerHostRow) { self.init(until: row.restsUntil.rawValue, reason: row.reason) }
}
