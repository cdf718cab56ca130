package import Store
package import SystemPackage
package import Torrent

/// Maintains the database while an engine runs on it. It has its own thread and read-only connection, so that no other
/// work waits for it.
package actor Maintenance {
    private let path: FilePath
    private let options: DatabaseOptions
    private let executor: ThreadExecutor

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    package init(_ path: FilePath, options: DatabaseOptions = DatabaseOptions()) throws(StoreError) {
        self.options = options
        self.path = DatabaseFile.resolved(path)
        executor = try ThreadExecutor.start(for: path)
    }

    deinit { executor.stop() }

    /// The first damage found; `nil` when there is none. Reads the whole file, unless the task is cancelled.
    package func check(now: Timestamp) throws(StoreError) -> String? {
        do throws(StoreError) {
            let connection = try Connection.open(path, mode: .readOnly, options: options, now: now)
            connection.heedCancellation()
            return try connection.integrityFaults(.structure).first
        } catch {
            guard DatabaseRecovery.answers(error) else { throw error }
            return error.message
        }
    }

    /// Makes a backup if one is due, unless the task is cancelled.
    package func rotateBackups(now: Timestamp) throws(StoreError) -> BackupFile? {
        try Connection.open(path, mode: .readOnly, options: options, now: now).rotateBackups(now: now)
    }
}
