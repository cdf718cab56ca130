/// The number of an engine run.
package struct RunID: RawRepresentable, Hashable, Sendable, SQLValue {
    package let rawValue: Int64
    package init(rawValue: Int64) { self.rawValue = rawValue }
}

/// One run of the engine.
package struct RunRow: Sendable, Hashable {
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

    fileprivate init(_ row: Statement) throws(StoreError) {
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

extension Connection {
    /// The most runs that are kept.
    package static let runLimit = 1000

    /// Begins a run, and deletes runs and events beyond their limits. Call ``lastRun()`` first to learn how the
    /// previous run ended.
    package func beginRun(pid: Int32, version: String, bootID: String, now: Timestamp) throws(StoreError) -> RunID {
        try transaction { () throws(StoreError) in
            let sql =
                "INSERT INTO run (pid, started_at, heartbeat_at, version, boot_id) VALUES (?1, ?2, ?2, ?3, ?4) RETURNING id"
            let id = try first(sql, pid, now, version, bootID) { (row) throws(StoreError) in try row.next(RunID.self) }
            guard let id else {
                throw fault(
                    .other, "SQLite inserted a run but returned no id: version 3.37 or later is needed")
            }
            try execute("DELETE FROM run WHERE id <= ?", id.rawValue - Int64(Self.runLimit))
            try pruneEvents()
            return id
        }
    }

    /// Records that the engine is alive.
    package func heartbeat(_ run: RunID, now: Timestamp) throws(StoreError) {
        try transaction(durability: .lazy) { () throws(StoreError) in
            try execute("UPDATE run SET heartbeat_at = ? WHERE id = ?", now, run)
        }
    }

    /// Records that the engine is alive with a durable commit. Throws whatever prevents durable transactions.
    package func proveWritable(_ run: RunID, now: Timestamp) throws(StoreError) {
        try transaction(durability: .full) { () throws(StoreError) in
            try execute("UPDATE run SET heartbeat_at = ? WHERE id = ?", now, run)
        }
    }

    /// Ends a run. `clean` asserts that everything written was synced and recorded, so that the next start rechecks
    /// nothing.
    package func endRun(_ run: RunID, clean: Bool, now: Timestamp) throws(StoreError) {
        try transaction(durability: .full) { () throws(StoreError) in
            try execute("UPDATE run SET heartbeat_at = ?1, stopped_at = ?1, clean = ?2 WHERE id = ?3", now, clean, run)
        }
    }

    /// The newest run that can be read, running or ended; `nil` in a new database.
    package func lastRun() throws(StoreError) -> RunRow? {
        try first(
            "SELECT id, pid, started_at, heartbeat_at, stopped_at, clean, version, boot_id FROM run ORDER BY id DESC LIMIT 1"
        ) {
            (row) throws(StoreError) in try row.sound(RunRow.init)
        } ?? nil
    }
}
