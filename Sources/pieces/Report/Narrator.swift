import Engine
import Logging
import Store
import Synchronization
import SystemPackage

/// Watches a session and the event log, and passes news to a report.
final class Narrator: Sendable {
    /// The maximum number of events that are read at a time; older ones are skipped.
    private static let eventLimit = 200
    /// The time between two counts of the torrents, of which there may be very many.
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
    /// The torrents whose events are reported; empty means all.
    private let ids: Set<TorrentID>
    private let log = Logger(label: "pieces.narrator")
    private let state: Mutex<State>

    /// Creates a narrator that reports the events after number `lastEvent`.
    init(_ session: Session, _ report: any DownloadReport, database: FilePath, only ids: [TorrentID], lastEvent: Int64)
    {
        self.session = session
        self.report = report
        self.database = database
        self.ids = Set(ids)
        state = Mutex(State(lastEvent: lastEvent))
    }

    /// Reports until ``finish(_:_:)`` or ``cease()`` is called; nothing waits for this method to return.
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
                // The task was cancelled.
                return
            }
        }
    }

    /// Reports what is new; returns `false` once the report is over. The connection is closed afterwards, because an
    /// engine whose log may be damaged waits until no process has the database open.
    private func look(_ snapshots: [TorrentSnapshot]) throws -> Bool {
        guard !state.withLock(\.isOver) else { return false }
        let connection = try Connection.open(database, mode: .readOnly, now: .now())
        let events = try connection.events.rows(limit: Self.eventLimit)
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
            state.tally.counts = try connection.torrents.stateCounts()
        } else {
            state.tally = try connection.torrents.tally(of: ids.sorted())
        }
    }

    /// Reports the remaining events and the final state of the torrents after the session has ended.
    func finish(_ torrents: [TorrentRow], _ connection: Connection) throws {
        let events = try connection.events.rows(limit: Self.eventLimit)
        try state.withLock { state in
            state.isOver = true
            try tell(events, connection, &state)
            report.ended(torrents)
        }
    }

    /// Stops reporting because the database was moved aside.
    func cease() { state.withLock { $0.isOver = true } }

    private func tell(_ events: [EventRow], _ connection: Connection, _ state: inout State) throws(StoreError) {
        // The events are sorted newest first.
        for event in events.reversed() where event.id > state.lastEvent {
            state.lastEvent = event.id
            guard let id = event.torrent, ids.isEmpty || ids.contains(id) else { continue }
            report.happened(event, to: try connection.torrents.row(id))
        }
    }
}
