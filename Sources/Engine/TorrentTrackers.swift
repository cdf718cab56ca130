import Store
import Swarm
import Torrent

/// The trackers of one torrent, active or dormant: which announces are due, and what the database doesn't know yet.
struct TorrentTrackers {
    private let id: TorrentID
    private var announcer: Announcer
    /// The rows as they are in the database, or are being written.
    private var saved: [String: TrackerRow]

    /// `rows` are the torrent's trackers as stored; `start` is when this run of the engine began.
    init(_ rows: [TrackerRow], of id: TorrentID, since start: Timestamp, seed: UInt64) {
        self.id = id
        var random = SeededGenerator(seed: seed)
        announcer = Announcer(rows: rows, since: start, using: &random)
        saved = Dictionary(rows.map { ($0.url, $0) }) { first, _ in first }
    }

    /// The trackers that know that we are here, or are about to learn it.
    var knowingUs: Set<String> { Set(announcer.trackers.filter(\.mayKnowUs).map(\.url)) }

    // MARK: Events

    /// Starts announcing. Stored times still apply.
    mutating func start(now: Timestamp) { announcer.start(now: now) }

    /// The download has just completed.
    mutating func completed() { announcer.completed() }

    /// Makes every tracker due as soon as it allows.
    mutating func hasten(now: Timestamp) { announcer.hasten(now: now) }

    /// Adds the trackers that are new to the torrent.
    mutating func add(_ rows: [TrackerRow]) {
        for row in rows where saved[row.url] == nil {
            saved[row.url] = row
            announcer.add(Announcer.Tracker(row))
        }
    }

    /// Returns the announces that are due. Answer each with ``record(_:of:now:)``.
    mutating func due(now: Timestamp, isHungry: Bool) -> [Announcer.Action] {
        announcer.due(now: now, isHungry: isHungry)
    }

    mutating func record(_ outcome: AnnounceOutcome, of action: Announcer.Action, now: Timestamp) {
        switch outcome {
        case .answered(let response):
            announcer.answered(action.url, event: action.event, Announcer.Answer(response), now: now)
        case .failed(let reason, let retryIn):
            announcer.failed(action.url, reason: reason, retryIn: retryIn, now: now)
        case .cancelled: break
        }
    }

    mutating func scraped(_ url: String, seeders: Int, leechers: Int, downloads: Int) {
        announcer.scraped(url, seeders: seeders, leechers: leechers, downloads: downloads)
    }

    /// Stops announcing. Returns `stopped` announces for the trackers that know us.
    mutating func stop() -> [Announcer.Action] { announcer.stop() }

    /// Stops announcing without sending `stopped`.
    mutating func pause() { announcer.pause() }

    // MARK: Rows

    /// Returns the rows that changed since the last call.
    mutating func takeChanges() -> [TrackerRow] {
        let changed = announcer.rows(of: id).filter { saved[$0.url] != $0 }
        for row in changed { saved[row.url] = row }
        return changed
    }
}
