import Engine
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

    /// Lives of an engine whose database is found damaged while it runs; more would mean that the disk or the memory does it.
    private static let damagedLives = 3

    /// Runs until the engine ends by itself or is told to; how the named torrents are then.
    ///
    /// Where the database is found damaged meanwhile, the engine ends and another one begins, which mends it.
    func perform() async throws -> [TorrentRow] {
        let current = Mutex<Session?>(nil)
        try Interruption.catchFirst { await current.withLock(\.self)?.stop() }
        for life in 1... {
            let session = try await Session.open(settings)
            current.withLock { $0 = session }
            if Interruption.hasCome {
                await session.stop()
            } else {
                try await live(session)
            }
            guard let damage = await session.damage, !Interruption.hasCome else { break }
            await session.release()
            guard life < Self.damagedLives else {
                throw Failure("the database is damaged again and again (\(damage)): look at the disk and the memory of this machine")
            }
        }
        return try rows(try open())
    }

    private func live(_ session: Session) async throws {
        let socket = ListeningSocket(host: settings.bind, port: await session.listenPort)
        let lastEvent = try begin(socket)
        let narrator = Narrator(session, report, database: settings.database, only: ids, lastEvent: lastEvent)
        Task { await narrator.run() }
        try await session.start()
        await session.waitUntilEnd()
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

    private func open() throws(StoreError) -> Connection { try Connection.open(settings.database, mode: .readOnly, now: .now()) }

    private func rows(_ connection: Connection) throws -> [TorrentRow] {
        try ids.compactMap { try connection.torrent($0) }
    }
}
