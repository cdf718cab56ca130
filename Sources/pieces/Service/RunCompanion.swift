import Engine
import Library
import Logging
import Recovery
import Store
import System
import SystemPackage
import Torrent

/// What `pieces run` does beside the engine: it tells the service manager how it is, runs the user's commands on
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
            group.addTask { await lookAround() }
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

    private func lookAround() async {
        var (hooks, folder) = (HookRunner(database: database), WatchFolder(database: database))
        var lastProblem: String?
        var lastBackups: BackupSettings?
        while !Task.isCancelled {
            do {
                let settings = try settings()
                if let backups = settings.backups, backups != lastBackups {
                    try Connection.open(database, mode: .readWrite, now: .now()).setBackupSettings(backups)
                    lastBackups = backups
                }
                try await hooks.look(settings)
                for news in try await folder.look(settings) { log.notice("\(news)") }
                lastProblem = nil
            } catch {
                // The same problem is reported once.
                if "\(error)" != lastProblem { log.warning("\(error)") }
                lastProblem = "\(error)"
            }
            do { try await Task.sleep(for: Self.interval) } catch { return }
        }
    }
}
