package import Torrent

/// One run of the engine.
package struct RunRow: Row, Sendable, Hashable {
    package let id: RunID
    package let pid: Int32
    package let startedAt: Timestamp
    package let heartbeatAt: Timestamp
    /// `nil` while the engine runs, and forever if it was killed.
    package let stoppedAt: Timestamp?
    /// Whether everything that was written had been synced and recorded when the engine stopped.
    package let isClean: Bool
    package let version: String
    /// A value other than the current one means that the machine was restarted since.
    package let bootID: String

    package static let columns = "id, pid, started_at, heartbeat_at, stopped_at, clean, version, boot_id"

    package init(_ row: Statement) throws(StoreError) {
        id = try row.next()
        pid = try row.next()
        startedAt = try row.next()
        heartbeatAt = try row.next()
        stoppedAt = try row.next()
        isClean = try row.next()
        version = try row.next()
        bootID = try row.next()
    }
}
