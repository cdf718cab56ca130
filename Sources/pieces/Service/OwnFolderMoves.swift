import Engine
import Library
import Logging
import Store
import Synchronization
import SystemPackage
import Torrent
import Verification

/// Moves torrents that are complete to their own folders, while an engine runs and after its end.
final class OwnFolderMoves: Sendable {
    /// The time between two looks for torrents that were completed, and the number of looks between two attempts of a
    /// move that has to wait.
    private static let interval = Duration.seconds(1)
    private static let looksBetweenRetries = 60
    /// The most events in one look.
    private static let eventLimit = 1000

    private let database: FilePath
    private let stop = VerificationStop()
    private let ending = VerificationStop()
    private let pause = Mutex<Task<Void, Never>?>(nil)
    private let log = Logger(label: "pieces.move")

    init(database: FilePath) { self.database = database }

    /// Breaks off the move that is under way; it continues at the next start.
    func interrupt() { stop.request() }

    /// Ends ``attend(_:)`` after the move that is under way.
    func end() {
        ending.request()
        pause.withLock { $0 }?.cancel()
    }

    /// Works until ``end()``. It isn't cancelled, because a cancelled move would have to repeat parts of its work.
    ///
    /// The database is opened only when there are new events: opening it each second would be a third of what an idle
    /// engine costs.
    func attend(_ session: Session) async {
        var lastEvent: Int64?
        var look = 0
        while !ending.isRequested {
            let isRetry = look % Self.looksBetweenRetries == 0
            if let newest = await session.newestEvent, newest != lastEvent || isRetry {
                do {
                    let isDue = try lastEvent.map { try hasCompleted(after: $0) } ?? true
                    if isDue || isRetry { try await moveAll() }
                    lastEvent = newest
                } catch {
                    log.debug("cannot move complete torrents: \(error)")
                }
            }
            look += 1
            await rest()
        }
    }

    /// Waits until the next look is due, or the end is requested.
    private func rest() async {
        let sleep = Task { do { try await Task.sleep(for: Self.interval) } catch {} }
        pause.withLock { $0 = sleep }
        if ending.isRequested { sleep.cancel() }
        await sleep.value
    }

    /// Moves what is left after the engine's end, and passes each torrent that was moved. Returns whether every
    /// complete torrent is in its own folder.
    func finish(_ report: @escaping @Sendable (Library.Moved) -> Void) async throws -> Bool {
        try await moveAll(report)
        return try Self.library(database).dueForOwnFolder().isEmpty
    }

    /// Whether a torrent was completed since the event. Only then the torrents are looked at.
    private func hasCompleted(after event: Int64) throws -> Bool {
        let connection = try Connection.open(database, mode: .readOnly, now: .now())
        return try connection.events.rows(after: event, limit: Self.eventLimit).contains { $0.kind == .completed }
    }

    private static func library(_ database: FilePath) throws -> Library {
        Library(try Connection.open(database, mode: .readWrite, now: .now()))
    }

    private func moveAll(_ report: @escaping @Sendable (Library.Moved) -> Void = { _ in }) async throws {
        let library = try Self.library(database)
        for id in try library.dueForOwnFolder() where !ending.isRequested && !stop.isRequested {
            let problem = try await library.moveToOwnFolder(id, stop: stop) { step in
                if case .moved(let moved) = step { report(moved) }
            }
            if let problem { Terminal.shared.complain(problem.printable) }
        }
    }
}
