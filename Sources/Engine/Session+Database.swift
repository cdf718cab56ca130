import Logging
import NIOCore
import Recovery
import Store

/// Maintains the database while the engine runs.
extension Session {
    /// When the session first checks whether a backup is due, and how often after that. The first check waits so that
    /// it doesn't slow the start.
    private static let firstBackupLook = Duration.seconds(60)
    private static let backupInterval = Duration.seconds(60)

    /// Starts to watch for damage, to check what the start didn't check, and to make backups.
    func lookAfterDatabase() async throws {
        let loop = environment.loop
        await environment.store.onDamage { [weak self] reason in
            guard let self else { return }
            loop.execute { self.assumeIsolated { $0.foundDamage(reason) } }
        }
        let maintenance = try Maintenance(environment.settings.database, options: environment.settings.databaseOptions)
        let isUnchecked = opening.isUnchecked
        background.append(
            Task { [weak self] in
                if isUnchecked { await self?.check(with: maintenance) }
                do {
                    try await Task.sleep(for: Self.firstBackupLook)
                    while true {
                        await self?.backUp(with: maintenance)
                        try await Task.sleep(for: Self.backupInterval)
                    }
                } catch {
                    // The task was cancelled because the session ends.
                }
            })
    }

    /// The engine can't continue with a damaged database: it stops, and the next session recovers the database.
    ///
    /// Everything recorded before is valid; what could not be recorded is unverified afterwards.
    package func foundDamage(_ reason: String) {
        guard damage == nil, !isStopping else { return }
        damage = reason
        log.warning("the database is damaged; the engine stops to repair it: \(reason)")
        Task { await self.stop() }
    }

    private func check(with maintenance: Maintenance) async {
        do {
            let fault = try await maintenance.check(now: environment.clock.timestamp)
            if let fault { await environment.store.reportDamage(fault) }
        } catch  where error.code == .cancelled {
            // The session ends.
        } catch {
            log.warning("could not check the database after the unclean stop: \(error)")
        }
    }

    private func backUp(with maintenance: Maintenance) async {
        do {
            if let backup = try await maintenance.rotateBackups(now: environment.clock.timestamp) {
                log.info("wrote the backup \(backup.path)")
            }
        } catch  where error.code == .cancelled {
            // The session ends.
        } catch {
            if DatabaseRecovery.answers(error) { await environment.store.reportDamage(error.description) }
            log.warning("could not back up the database: \(error)")
        }
    }
}
