import Engine
import Library
import Logging
import Recovery
import Store
import System
import SystemPackage
import Torrent

/// What `pieces run` does beside the engine: it reports its state to the service manager, runs the user's commands on
/// events, and adds torrents from the watch folder.
struct RunCompanion: Sendable {
    /// The time between two looks at events and at the watch folder.
    private static let interval = Duration.seconds(2)

    private let database: FilePath
    private let settings: @Sendable () throws -> Settings
    private let manager = ServiceManager { GlobalOptions.environment($0) }
    private let log = Logger(label: "pieces.run")

    /// `settings` reads the settings as they are now.
    init(database: FilePath, settings: @escaping @Sendable () throws -> Settings) {
        self.database = database
        self.settings = settings
    }

    /// Under a service manager, SIGHUP makes the session read its settings again. In a terminal it stops the command,
    /// because the terminal was closed.
    func reloadsOnHangUp(_ session: @escaping @Sendable () -> Session?) {
        guard let manager else { return }
        Interruption.reloadOnHangUp {
            manager.reloading()
            await session()?.reread()
            manager.ready("settings read again")
        }
    }

    func stopping() { manager?.stopping() }

    /// Works until it is cancelled.
    func attend(_ session: Session, at socket: ListeningSocket) async {
        manager?.ready("listening on port \(socket.port)")
        await withDiscardingTaskGroup { group in
            if let manager, let limit = manager.watchdog {
                group.addTask { await Self.watch(session, manager, limit) }
            }
            let settings = SettingsReader(session, read: settings)
            group.addTask { await runHooks(session, settings) }
            group.addTask { await watchFolder(settings) }
            group.addTask { await keepBackups(settings) }
        }
    }

    /// Reports a sign of life only while the event loop and the database answer.
    private static func watch(_ session: Session, _ manager: ServiceManager, _ limit: Duration) async {
        var last: Int?
        while !Task.isCancelled {
            let beats = await session.heartbeatsDone
            if beats != last { manager.alive() }
            last = beats
            do { try await Task.sleep(for: max(limit / 4, Session.heartbeatInterval + .seconds(1))) } catch { return }
        }
    }

    private func runHooks(_ session: Session, _ settings: SettingsReader) async {
        let hooks = HookRunner(database: database)
        var seen: (event: Int64?, number: Int)?
        await repeating {
            let (now, event) = (try await settings.read(), await session.newestEvent)
            if let seen, seen.event == event, seen.number == now.number { return }
            seen = try await hooks.look(now.settings) ? (event, now.number) : nil
        }
    }

    private func watchFolder(_ settings: SettingsReader) async {
        var folder = WatchFolder(database: database)
        await repeating {
            for news in try await folder.look(try await settings.read().settings) { log.notice("\(news)") }
        }
    }

    /// The engine reads the settings of backups in the database.
    private func keepBackups(_ settings: SettingsReader) async {
        var last: BackupSettings?
        await repeating {
            guard let backups = try await settings.read().settings.backups, backups != last else { return }
            try Connection.open(database, mode: .readWrite, now: .now()).setBackupSettings(backups)
            last = backups
        }
    }

    /// Repeats the work until the task is cancelled. The same problem is reported once.
    private func repeating(_ work: () async throws -> Void) async {
        var lastProblem: String?
        while !Task.isCancelled {
            do {
                try await work()
                lastProblem = nil
            } catch {
                if "\(error)" != lastProblem { log.warning("\(error)") }
                lastProblem = "\(error)"
            }
            do { try await Task.sleep(for: Self.interval) } catch { return }
        }
    }
}

/// The settings as they are now. They are read again when they may have changed: another program has written to the
/// database, or some time has passed, because files may have changed as well.
private actor SettingsReader {
    private static let fileInterval = Duration.seconds(10)

    private let session: Session
    private let source: @Sendable () throws -> Settings
    private var last: (settings: Settings, version: Int?, at: ContinuousClock.Instant)?
    private var number = 0

    init(_ session: Session, read: @escaping @Sendable () throws -> Settings) {
        self.session = session
        source = read
    }

    /// The settings, and how often they have been read.
    func read() async throws -> (settings: Settings, number: Int) {
        let version = await session.dataVersion
        if let last, last.version == version, ContinuousClock.now - last.at < Self.fileInterval {
            return (last.settings, number)
        }
        let settings = try source()
        last = (settings, version, .now)
        number += 1
        return (settings, number)
    }
}
