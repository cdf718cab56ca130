import Engine
import Library
import Logging
import NIOCore
import Recovery
import Store
import Synchronization
import System
import Torrent

/// Runs the engine for a command: signals stop it, and a report describes it.
struct EngineRun {
    private let settings: EngineSettings
    private let report: any DownloadReport
    /// The named torrents; empty if the command works on all torrents, of which there may be many.
    private let ids: [TorrentID]
    /// What a long-running engine does beside torrents; `nil` for a download.
    private let companion: RunCompanion?

    init(
        _ settings: EngineSettings, report: any DownloadReport, ids: [TorrentID] = [], companion: RunCompanion? = nil
    ) {
        self.settings = settings
        self.report = report
        self.ids = ids
        self.companion = companion
    }

    static func report(_ options: ReportOptions) -> any DownloadReport {
        if options.quiet { return SilentReport() }
        if options.json { return JSONReport() }
        return Terminal.shared.isInteractive ? BlockReport() : LineReport()
    }

    /// The maximum number of sessions that may end because of a damaged database. Further damage would mean that the
    /// disk or the memory is faulty.
    private static let damagedLives = 3

    /// Runs until the engine ends or is stopped, and returns the final state of the named torrents. If no torrent was
    /// named and the engine was to end when complete, the result contains all torrents.
    ///
    /// If the database is found to be damaged during the run, the engine ends and a new one starts with the recovered
    /// database.
    func perform() async throws -> Outcome {
        let current = Mutex<Session?>(nil)
        var givenUp: [TorrentID: String] = [:]
        companion?.reloadsOnHangUp { current.withLock(\.self) }
        try Interruption.catchFirst { await current.withLock(\.self)?.stop() }
        try await finishMoves()
        for life in 1... {
            let session = try await Session.open(settings)
            current.withLock { $0 = session }
            if Interruption.hasCome {
                await session.stop()
            } else {
                try await live(session)
            }
            givenUp = await session.givenUp
            guard let damage = try await damage(of: session), !Interruption.hasCome else { break }
            await session.release()
            guard life < Self.damagedLives else {
                throw Failure(
                    "the database was damaged repeatedly (\(damage)): check the disk and the memory of this machine"
                )
            }
        }
        let isTold = !(report is SilentReport || report is JSONReport)
        var areInPlace = true
        if !Interruption.hasCome {
            areInPlace = try await OwnFolderMoves(database: settings.database).finish { moved in
                guard isTold else { return }
                let name = moved.torrent.name.printable
                Terminal.shared.print("\(name): moved to \(DownloadWords.place(moved.target))")
            }
        }
        return Outcome(rows: try outcome(), givenUp: givenUp, areInPlace: areInPlace)
    }

    /// Completes moves whose torrents are in their new folders, and reports those that only `pieces move` continues. A
    /// damaged database is left to the engine, which recovers it.
    private func finishMoves() async throws {
        do {
            let access = DatabaseAccess(settings.database)
            guard let reader = try access.toReadIfAny(), try !reader.moves.rows().isEmpty else { return }
            let library = Library(try access.toChange())
            for sentence in try await library.finishMoves() { Terminal.shared.complain(sentence) }
        } catch {
            Logger(label: "pieces.move").debug("cannot look for unfinished moves: \(error)")
        }
    }

    /// The state of the torrents after the engine has ended.
    struct Outcome {
        let rows: [TorrentRow]
        /// The torrents that a local fault blocked for too long, with the fault. A full database may have been unable
        /// to record it.
        let givenUp: [TorrentID: String]
        /// Whether every complete torrent has left the folder for incomplete ones.
        let areInPlace: Bool
    }

    /// The damage that was found during the session, which the next session repairs. Damage that is found only after a
    /// clean stop is repaired here.
    private func damage(of session: Session) async throws -> String? {
        if let damage = await session.damage { return damage }
        do {
            _ = try outcome()
            return nil
        } catch let error as StoreError where DatabaseRecovery.answers(error) {
            if let report = try DatabaseAccess(settings.database).recover(because: error.message) {
                Terminal.shared.complain(report.sentence)
            }
            return error.message
        }
    }

    private func outcome() throws -> [TorrentRow] {
        let connection = try open()
        return ids.isEmpty && settings.endsWhenComplete ? try connection.torrents.rows() : try rows(connection)
    }

    /// Runs one session to its end. If this command's own reading finds damage, the session ends for that reason, too.
    private func live(_ session: Session) async throws {
        do {
            try await tell(session)
        } catch let error as StoreError where DatabaseRecovery.answers(error) {
            await session.foundDamage(error.description)
            await session.waitUntilEnd()
        }
    }

    private func tell(_ session: Session) async throws {
        let socket = ListeningSocket(host: settings.bind, port: await session.listenPort)
        let lastEvent = try begin(socket)
        let narrator = Narrator(session, report, database: settings.database, only: ids, lastEvent: lastEvent)
        Task { await narrator.run() }
        do {
            try await session.start()
            await accompanied(session, socket)
        } catch {
            narrator.cease()
            throw error
        }
        if await session.damage == nil { try finish(narrator) } else { narrator.cease() }
    }

    private func accompanied(_ session: Session, _ socket: ListeningSocket) async {
        let moves = OwnFolderMoves(database: settings.database)
        async let moving: Void = moves.attend(session)
        await withDiscardingTaskGroup { group in
            if let companion { group.addTask { await companion.attend(session, at: socket) } }
            await session.waitUntilEnd()
            group.cancelAll()
        }
        if Interruption.hasCome { moves.interrupt() }
        moves.end()
        await moving
        companion?.stopping()
    }

    /// Reports the start, and returns the number of the last event. This event belongs to the start and isn't reported.
    ///
    /// No connection is kept open while the engine runs; see ``Narrator``.
    private func begin(_ socket: ListeningSocket) throws -> Int64 {
        let connection = try open()
        report.began(try rows(connection), at: socket)
        return try connection.events.rows(limit: 1).first?.id ?? 0
    }

    private func finish(_ narrator: Narrator) throws {
        let connection = try open()
        try narrator.finish(try rows(connection), connection)
    }

    private func open() throws(StoreError) -> Connection {
        try Connection.open(settings.database, mode: .readOnly, now: .now())
    }

    private func rows(_ connection: Connection) throws -> [TorrentRow] {
        try ids.compactMap { try connection.torrents.row($0) }
    }
}
