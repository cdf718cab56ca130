import Engine
import Library
import Limits
import NIOCore
import Store
import Synchronization

/// One life of the engine, from a command line: signals stop it, a report tells of it.
struct EngineRun {
    private let settings: EngineSettings
    private let report: any DownloadReport
    /// The torrents that were named; none when it is about all, of which there may be many.
    private let ids: [TorrentID]

    init(_ settings: EngineSettings, report: any DownloadReport, ids: [TorrentID] = []) {
        self.settings = settings
        self.report = report
        self.ids = ids
    }

    static func report(_ options: ReportOptions) -> any DownloadReport {
        if options.quiet { return SilentReport() }
        if options.json { return JSONReport() }
        return Terminal.shared.isInteractive ? BlockReport() : LineReport()
    }

    /// Lives of an engine whose database is found damaged while it runs; more would mean that the disk or the memory
    /// does it.
    private static let damagedLives = 3

    /// Runs until the engine ends by itself or is told to; how the named torrents are then, or all of them where none
    /// is named and the engine was to end with them.
    ///
    /// Where the database is found damaged meanwhile, the engine ends and another one begins with a mended one.
    func perform() async throws -> Outcome {
        let current = Mutex<Session?>(nil)
        var givenUp: [TorrentID: String] = [:]
        try Interruption.catchFirst { await current.withLock(\.self)?.stop() }
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
        return Outcome(rows: try outcome(), givenUp: givenUp)
    }

    /// How the torrents are when the engine has ended.
    struct Outcome {
        let rows: [TorrentRow]
        /// Those that a fault of this machine had stopped for too long, and the fault: a database that is full may not
        /// have taken it.
        let givenUp: [TorrentID: String]
    }

    /// What was found while the session ran, which the next one mends; or what only the last look finds, after a clean
    /// stop: that is mended here.
    private func damage(of session: Session) async throws -> String? {
        if let damage = await session.damage { return damage }
        do {
            _ = try outcome()
            return nil
        } catch let error as StoreError where DatabaseRecovery.answers(error) {
            let lock = try DatabaseLock.acquire(database: settings.database, now: .now())
            defer { withExtendedLifetime(lock) {} }
            Terminal.shared.complain(
                try DatabaseRecovery.mend(settings.database, because: error.message, now: .now()).sentence)
            return error.message
        }
    }

    private func outcome() throws -> [TorrentRow] {
        let connection = try open()
        return ids.isEmpty && settings.endsWhenComplete ? try connection.torrents() : try rows(connection)
    }

    /// One session, to its end; where the damage is found by this command's own reading, the session ends for it, too.
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
            await session.waitUntilEnd()
        } catch {
            narrator.cease()
            throw error
        }
        if await session.damage == nil { try finish(narrator) } else { narrator.cease() }
    }

    /// Tells of the beginning; the last event, which is that of the beginning itself and no news.
    ///
    /// No connection is kept while the engine runs: see ``Narrator``.
    private func begin(_ socket: ListeningSocket) throws -> Int64 {
        let connection = try open()
        report.began(try rows(connection), at: socket)
        return try connection.events(limit: 1).first?.id ?? 0
    }

    private func finish(_ narrator: Narrator) throws {
        let connection = try open()
        try narrator.finish(try rows(connection), connection)
    }

    private func open() throws(StoreError) -> Connection {
        try Connection.open(settings.database, mode: .readOnly, now: .now())
    }

    private func rows(_ connection: Connection) throws -> [TorrentRow] {
        try ids.compactMap { try connection.torrent($0) }
    }
}
