import Store
import Swarm
import Torrent
import TrackerWire

/// What the session remembers of sleeping torrents while it announces for them.
struct Sleepers {
    /// Who is being announced.
    var announcing: [TorrentID: Task<Void, Never>] = [:]
    /// The trackers that are being scraped, by their URLs.
    var scrapes: [String: Task<Void, Never>] = [:]
    var hosts = TrackerHosts()
    /// What trackers answered, and the database hasn't heard yet.
    var learned: [TrackerRow] = []
    /// Torrents whose trackers gave no counts with their answers, by the tracker's URL.
    var uncounted: [String: [InfoHash: TorrentID]] = [:]
    /// Seconds that were spent on it.
    var turns = 0
    /// The volumes of output folders as they were seen last.
    var volumes: [String: (at: Instant, identity: String?)] = [:]
    /// Bytes that torrents moved in this run before they fell asleep: trackers are told the sum (BEP 3).
    var moved: [TorrentID: TorrentEngine.Counters] = [:]
}

/// A torrent that sleeps, as far as its trackers are concerned.
struct Sleeper: Sendable {
    let row: TorrentRow
    let trackers: [TrackerRow]
    /// The volume that it was seen on last.
    let volume: String?
}

extension AnnounceRequest {
    /// Peers that a seed asks for: it needs those alone that nobody dials.
    private static let peersOfASeed = 30

    init(_ action: Announcer.Action, of infoHash: InfoHash, _ environment: Environment, port: UInt16, left: Int64, moved: TorrentEngine.Counters) {
        self.init(
            infoHash: infoHash, peerID: environment.peerID, port: port, uploaded: moved.uploaded, downloaded: moved.downloaded, left: left,
            key: environment.key)
        event = action.event.flatMap { Event(rawValue: $0.rawValue) }
        trackerID = action.trackerID
        if left == 0 { peersWanted = Self.peersOfASeed }
    }
}
