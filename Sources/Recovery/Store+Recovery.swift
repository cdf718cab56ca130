package import Store
package import SystemPackage
package import Torrent

extension Store {
    /// The largest database, in bytes, that is checked before the engine starts: what can be read in about a second.
    package static let checkedAtOnce: Int64 = 256 << 20

    /// The state in which the database was found.
    package struct Opening: Sendable {
        /// The recovery's report, if the database was damaged.
        package let recovery: RecoveryReport?
        /// Whether the last stop was unclean and the database is too large to be checked before the engine starts.
        package let isUnchecked: Bool
    }

    /// Opens the database like ``open(_:options:now:)``, and recovers it if it is damaged. The caller holds the
    /// engine's lock.
    ///
    /// After an unclean stop, the database is checked first. If that would take long, ``Maintenance`` does it while the
    /// engine runs.
    ///
    /// `begin` is the engine's first work. If it finds damage, the database is recovered, and `begin` runs again.
    package static func openRecovering<Value: Sendable>(
        _ path: FilePath, options: DatabaseOptions = DatabaseOptions(), now: Timestamp,
        _ begin: @Sendable (Connection) throws(StoreError) -> Value
    ) async throws(StoreError) -> (store: Store, opening: Opening, value: Value) {
        let store = try make(path)
        let (opening, value) = try await store.connectRecovering(options, now, begin)
        return (store, opening, value)
    }

    private func connectRecovering<Value>(
        _ options: DatabaseOptions, _ now: Timestamp, _ begin: (Connection) throws(StoreError) -> Value
    ) throws(StoreError) -> (Opening, Value) {
        try DatabaseRecovery.finishInterrupted(path, options: options)
        let damage: StoreError
        do throws(StoreError) {
            return try connectChecked(options, now, begin)
        } catch {
            guard DatabaseRecovery.answers(error) else { throw error }
            damage = error
        }
        let report = try DatabaseRecovery.recover(path, because: damage.message, options: options, now: now)
        let value = try connect(options, now: now, begin)
        return (Opening(recovery: report, isUnchecked: false), value)
    }

    /// When it throws, no connection stays open.
    private func connectChecked<Value>(
        _ options: DatabaseOptions, _ now: Timestamp, _ begin: (Connection) throws(StoreError) -> Value
    ) throws(StoreError) -> (Opening, Value) {
        // SQLite treats an empty file as a new database. If it has backups, it is the rest of an old one.
        if DatabaseFile.size(path) == 0, try !BackupFile.list(DatabaseFile.resolved(path)).isEmpty {
            throw StoreError(.corrupt, path: path.text, "the file is empty")
        }
        return try connect(options, now: now) { (connection) throws(StoreError) in
            let isClean = try connection.runs.last()?.isClean ?? true
            let isSmall = connection.fileBytes <= Self.checkedAtOnce
            if !isClean, isSmall, let fault = try connection.integrityFaults(.indexes).first {
                throw StoreError(.corrupt, path: path.text, fault)
            }
            connection.settleFoundLog()
            let value = try begin(connection)
            return (Opening(recovery: nil, isUnchecked: !isClean && !isSmall), value)
        }
    }
}
