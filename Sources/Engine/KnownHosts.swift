import NIOCore
import Net
import Store
import Swarm
import Torrent
import TrackerWire

/// What all torrents of a session know about the hosts of their trackers.
///
/// `@unchecked Sendable`: it is confined to the event loop that all torrents share.
final class KnownHosts: @unchecked Sendable {
    private let loop: any EventLoop
    private let store: Store
    private var hosts = TrackerHosts()

    /// `resting` holds the retry times that an earlier run stored.
    init(_ resting: [TrackerHostRow], store: Store, loop: any EventLoop) {
        self.store = store
        self.loop = loop
        for row in resting { hosts.rest(row.server, TrackerHosts.Rest(row)) }
    }

    /// Returns for how many seconds the tracker's host asked not to be contacted, and its reason.
    func rest(of url: TrackerURL, now: Timestamp) -> (seconds: Int64, reason: String)? {
        loop.assertInEventLoop()
        return hosts.rest(of: url.server, now: now.rawValue).map { ($0.until - now.rawValue, $0.reason) }
    }

    /// Returns why a dormant torrent must not contact the tracker now: its retry time has not passed, or it is down.
    /// Only the former has a number of seconds.
    func reasonToWait(for url: TrackerURL, now: Timestamp) -> (seconds: Int64?, reason: String)? {
        if let rest = rest(of: url, now: now) { return (rest.seconds, rest.reason) }
        return hosts.reasonToWait(for: url.server, now: now.rawValue).map { (nil, $0) }
    }

    /// The host answered, even if it refused one torrent.
    func answered(_ url: TrackerURL) { hosts.answered(url.server) }

    /// Records what a failure says about the host. A retry time is stored, so it survives a kill.
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
        try await store.perform { db throws(StoreError) in try db.trackerHosts.save(row) }
    }
}

extension TrackerHosts.Rest {
    fileprivate init(_ row: TrackerHostRow) { self.init(until: row.restsUntil.rawValue, reason: row.reason) }
}
