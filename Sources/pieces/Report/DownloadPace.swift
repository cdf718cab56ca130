import Store
import Synchronization
import Torrent

/// Measures how long this run took to complete each torrent.
final class DownloadPace: Sendable {
    private struct Start {
        let at: ContinuousClock.Instant
        let bytes: Int64
    }

    private struct State {
        var starts: [TorrentID: Start] = [:]
        var told: Set<TorrentID> = []
        var keepsDamage: Set<TorrentID> = []
        var began = ContinuousClock.now
        /// Bytes that were there at the beginning.
        var bytes: Int64 = 0
    }

    private let state = Mutex(State())

    /// A torrent that waits for a slot starts later; ``progressed(_:)`` says when.
    func began(_ torrents: [TorrentRow]) {
        state.withLock { state in
            state.began = .now
            state.bytes = torrents.reduce(0) { $0 + $1.completedBytes }
            // With many torrents, most wait.
            guard torrents.count <= DownloadWords.namedAtMost else { return }
            for torrent in torrents where !torrent.isComplete {
                state.starts[torrent.id] = Start(at: .now, bytes: torrent.completedBytes)
            }
        }
    }

    func progressed(_ torrents: [TorrentProgress]) {
        state.withLock { state in
            for torrent in torrents
            where torrent.completedBytes < torrent.wantedBytes && state.starts[torrent.id] == nil {
                state.starts[torrent.id] = Start(at: .now, bytes: torrent.completedBytes)
            }
        }
    }

    /// Whether ``sentence(of:)-(TorrentRow)`` told of the torrent.
    func hasTold(_ torrent: TorrentID) -> Bool { state.withLock { $0.told.contains(torrent) } }

    /// The torrent has everything but damaged pieces that are kept as they are, so another run wouldn't complete it.
    func keepsDamage(_ torrent: TorrentID) { state.withLock { _ = $0.keepsDamage.insert(torrent) } }

    func hasKeptDamage(_ torrent: TorrentID) -> Bool { state.withLock { $0.keepsDamage.contains(torrent) } }

    /// Formats a completed torrent as `600 MiB in 14 s (43 MiB/s)`; the time is left out if it isn't known.
    func sentence(of torrent: TorrentRow) -> String {
        let start = state.withLock { state in
            state.told.insert(torrent.id)
            return state.starts.removeValue(forKey: torrent.id)
        }
        return Self.text(torrent.wantedBytes, gained: start.map { torrent.wantedBytes - $0.bytes }, since: start?.at)
    }

    /// Formats a whole download like ``sentence(of:)-(TorrentRow)``.
    func sentence(of wanted: Int64) -> String {
        let (bytes, began) = state.withLock { ($0.bytes, $0.began) }
        return Self.text(wanted, gained: wanted - bytes, since: began)
    }

    private static func text(_ wanted: Int64, gained: Int64?, since start: ContinuousClock.Instant?) -> String {
        guard let gained, let start, gained > 0 else { return Format.bytes(wanted) }
        let time = ContinuousClock.now - start
        let rate = Format.rate(Int64(Double(gained) / max(time / .seconds(1), 0.001)))
        let whole = gained == wanted ? "" : ", \(Format.bytes(gained)) of it"
        return "\(Format.bytes(wanted))\(whole) in \(Format.measured(time)) (\(rate))"
    }
}
