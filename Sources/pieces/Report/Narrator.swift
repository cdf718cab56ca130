import Engine
import Logging
import Store
import Synchronization
import SystemPackage

/// Looks at a session and at the log while they last, and tells a report what is new.
final class Narrator: Sendable {
    /// Events of one look; of more the oldest are left out.
    private static let eventLimit = 200
    /// Between two counts of the torrents, of which there may be very many.
    private static let tallyInterval = Duration.seconds(1)

    private struct State {
        var lastEvent: Int64
        var isOver = false
        var tally = TorrentTally()
        var talliedAt: ContinuousClock.Instant?
    }

    private let session: Session
    private let report: any DownloadReport
    private let database: FilePath
    /// The torrents whose events are told; all when none is named.
    private let ids: Set<TorrentID>
    private let log = Logger(label: "pieces.narrator")
    private let state: Mutex<State>

    /// Tells of events behind the number `lastEvent`.
    init(_ session: Session, _ report: any DownloadReport, database: FilePath, only ids: [TorrentID], lastEvent: Int64)
    {
        self.session = session
        self.report = report
        self.database = database
        self.ids = Set(ids)
        state = Mutex(State(lastEvent: lastEvent))
    }

    /// Tells until ``finish(_:)``; nobody waits for the end of it.
    func run() async {
        var isFailing = false
        while true {
            let snapshots = await session.snapshots()
            do {
                guard try look(snapshots) else { return }
                isFailing = false
            } catch {
                if !isFailing { log.warning("cannot report progress: \(error)") }
                isFailing = true
            }
            do { try await Task.sleep(for: report.interval) } catch {
                // It was cancelled.
                return
            }
        }
    }

    /// Tells what is new; `false` when that is somebody else's duty by now. The connection ends with it: an engine
    /// whose log is in doubt waits until nobody has the database open.
    private func look(_ snapshots: [TorrentSnapshot]) throws -> Bool {
        guard !state.withLock(\.isOver) else { return false }
        let connection = try Connection.open(database, mode: .readOnly, now: .now())
        let events = try connection.events(limit: Self.eventLimit)
        return try state.withLock { state in
            guard !state.isOver else { return false }
            try tell(events, connection, &state)
            try count(connection, &state)
            report.progressed(snapshots, of: state.tally)
            return true
        }
    }

    private func count(_ connection: Connection, _ state: inout State) throws(StoreError) {
        if let last = state.talliedAt, .now - last < Self.tallyInterval { return }
        state.talliedAt = .now
        if ids.isEmpty {
            state.tally.counts = try connection.stateCounts()
        } else {
            state.tally = try connection.tally(of: ids.sorted())
        }
    }

    /// The session has ended: tells what has happened since the last look, and how the torrents are now.
    func finish(_ torrents: [TorrentRow], _ connection: Connection) throws {
        let events = try connection.events(limit: Self.eventLimit)
        try state.withLock { state in
            state.isOver = true
            try tell(events, connection, &state)
            report.ended(torrents)
        }
    }

    /// Tells nothing any more: the database that it reads is set aside.
    func cease() { state.withLock { $0.isOver = true } }

    private func tell(_ events: [EventRow], _ connection: Connection, _ state: inout State) throws(StoreError) {
        // They come newest first.
        for event in events.reversed() where event.id > state.lastEvent {
            state.lastEvent = event.id
            guard let id = event.torrent, ids.isEmpty || ids.contains(id) else { continue }
            report.happened(event, to: try connection.torrent(id))
        }
    }
}
