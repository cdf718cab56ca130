import Store
import Swarm
import Torrent
import TrackerWire

/// The session's state for announcing dormant torrents.
struct DormantTorrents {
    /// The torrents that are being announced.
    var announcing: [TorrentID: Task<Void, Never>] = [:]
    /// The output folders as last seen.
    var places: [FileName: (at: Instant, place: Place)] = [:]
    /// When each output folder was last seen in place.
    var seenAt: [FileName: SuspendingClock.Instant] = [:]
    /// Torrents whose folder is on another volume without their files, and until when they aren't searched for there
    /// again.
    var soughtUntil: [TorrentID: Instant] = [:]
    /// Bytes that each torrent transferred in this run before it became dormant: trackers receive the sum (BEP 3).
    var moved: [TorrentID: TorrentEngine.Counters] = [:]
}

/// Whether an output folder is present.
enum Place: Sendable {
    /// One sentence on why the folder can't be reached.
    case away(String)
    /// The identity of the folder's volume; `nil` if the system doesn't report it.
    case there(volume: String?)

    /// How long the result is used before the next check.
    var isBelievedFor: Duration {
        switch self {
        case .away: .seconds(5)
        case .there: .seconds(30)
        }
    }
}

/// A dormant torrent with the data that an announce needs.
struct DormantTorrent: Sendable {
    /// States in which a torrent can be announced once its files are located.
    static let restingStates: Set<TorrentState> = [.seeding, .complete, .offline]

    let row: TorrentRow
    let trackers: [TrackerRow]
    /// The volume on which the payload was last seen.
    let volume: String?
}
