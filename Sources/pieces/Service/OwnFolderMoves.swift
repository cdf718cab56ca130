import Library
import Logging
import Store
import SystemPackage
import Torrent
import Verification

/// Moves torrents that are complete to their own folders, while an engine runs and after its end.
struct OwnFolderMoves: Sendable {
    /// The time between two looks whether the work ends, and how many of them are between two looks for torrents that
    /// were completed, and between two attempts of a move that has to wait.
    private static let interval = Duration.milliseconds(100)
    private static let looksBetweenNews = 10
    private static let looksBetweenRetries = 600
    /// The most events in one look.
    private static let eventLimit = 1000

    private let database: FilePath
    private let stop = VerificationStop()
    private let ending = VerificationStop()
    private let log = Logger(label: "pieces.move")

    init(database: FilePath) { self.database = database }

    /// Breaks off the move that is under way; it continues at the next start.
    func interrupt() { stop.request() }

    /// Ends ``attend()`` after the move that is under way.
    func end() { ending.request() }

    /// Works until ``end()``. It isn't cancelled, because a cancelled move would have to repeat parts of its work.
    func attend() async {
        var lastEvent: Int64?
        var look = 0
        while !ending.isRequested {
            if look % Self.looksBetweenNews == 0 {
                do {
                    let (newest, isDue) = try news(after: lastEvent)
                    if isDue || look % Self.looksBetweenRetries == 0 { try await moveAll() }
                    lastEvent = newest
                } catch {
                    log.debug("cannot move complete torrents: \(error)")
                }
            }
            look += 1
            do { try await Task.sleep(for: Self.interval) } catch { return }
        }
    }

    /// Moves what is left after the engine's end, and passes each torrent that was moved. Returns whether every
    /// complete torrent is in its own folder.
    func finish(_ report: @escaping @Sendable (Library.Moved) -> Void) async throws -> Bool {
        try await moveAll(report)
        return try Self.library(database).dueForOwnFolder().isEmpty
    }

    /// The newest event, and whether a torrent was completed since the last look. Only then the torrents are looked at.
    private func news(after last: Int64?) throws -> (newest: Int64, isDue: Bool) {
        let connection = try Connection.open(database, mode: .readOnly, now: .now())
        guard let last else { return (try connection.events.newest(), true) }
        let events = try connection.events.rows(after: last, limit: Self.eventLimit)
        return (events.last?.id ?? last, events.contains { $0.kind == .completed })
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
