import Store
import Swarm
import Torrent
import TrackerWire

/// What the session remembers of sleeping torrents while it announces for them.
struct DormantTorrents {
    /// Who is being announced.
    var announcing: [TorrentID: Task<Void, Never>] = [:]
    /// The trackers that are being scraped, by their URLs.
    var scrapes: [String: Task<Void, Never>] = [:]
    /// What trackers answered, and the database hasn't heard yet.
    var learned: [TrackerRow] = []
    /// What is being written of it, and by whom.
    var beingSaved: [TrackerRow] = []
    var saving: Task<Void, Never>?
    /// Torrents whose trackers gave no counts with their answers, by the tracker's URL.
    var uncounted: [String: [InfoHash: TorrentID]] = [:]
    /// Seconds that were spent on it.
    var turns = 0
    /// Output folders as they were seen last.
    var places: [FileName: (at: Instant, place: Place)] = [:]
    /// When output folders were last seen in their place.
    var seenAt: [FileName: SuspendingClock.Instant] = [:]
    /// Torrents whose files were looked for in vain on another volume than theirs, and when they are looked for there
    /// again.
    var soughtUntil: [TorrentID: Instant] = [:]
    /// Bytes that torrents moved in this run before they fell asleep: trackers are told the sum (BEP 3).
    var moved: [TorrentID: TorrentEngine.Counters] = [:]
}

/// What there is of an output folder.
enum Place: Sendable {
    /// Why it can't be reached: one sentence.
    case away(String)
    /// The identity of the volume that it is on; `nil` where the system doesn't say.
    case there(volume: String?)

    /// How long it is believed after it was seen.
    var isBelievedFor: Duration {
        switch self {
        case .away: .seconds(5)
        case .there: .seconds(30)
        }
    }
}

/// A torrent that sleeps, as far as its trackers are concerned.
struct Sleeper: Sendable {
    /// States in which nothing has to be found out before the torrent is announced, but where its files are.
    static let restingStates: Set<TorrentState> = [.seeding, .complete, .offline]

    let row: TorrentRow
    let trackers: [TrackerRow]
    /// The volume that it was seen on last.
    let volume: String?
}

extension AnnounceRequest {
    /// Peers that a seed asks for: it needs those alone that nobody dials.
    private static let peersOfASeed = 30

    init(
        _ action: Announcer.Action, of infoHash: InfoHash, _ environment: Environment, port: UInt16, left: Int64,
        moved: TorrentEngine.Counters
    ) {
        self.init(
            infoHash: infoHash, peerID: environment.peerID, port: port, uploaded: moved.uploaded,
            downloaded: moved.downloaded, left: left,
            key: environment.key)
        event = action.event.flatMap { Event(rawValue: $0.rawValue) }
        trackerID = action.trackerID
        if left == 0 { peersWanted = Self.peersOfASeed }
    }
}
