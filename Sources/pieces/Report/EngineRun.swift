import Engine
import Store

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

    /// Runs until the engine ends by itself or is told to; how the named torrents are then.
    func perform(_ connection: Connection) async throws -> [TorrentRow] {
        let lastEvent = try connection.events(limit: 1).first?.id ?? 0
        let before = try rows(connection)
        let session = try await Session.open(settings)
        try Interruption.catchFirst { await session.stop() }
        report.began(before, at: ListeningSocket(host: settings.bind, port: await session.listenPort))
        let narrator = Narrator(session, report, database: settings.database, only: ids, lastEvent: lastEvent)
        Task { await narrator.run() }
        try await session.start()
        await session.waitUntilEnd()
        let after = try rows(connection)
        try narrator.finish(after, connection)
        return after
    }

    private func rows(_ connection: Connection) throws -> [TorrentRow] {
        try ids.compactMap { try connection.torrent($0) }
    }
}
