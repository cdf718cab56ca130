package import Torrent

/// The table `run`: the runs of the engine.
package struct RunTable {
    let db: Connection

    /// The most runs that are kept.
    package static let limit = 1000

    /// Begins a run, and deletes runs and events beyond their limits. Call ``last()`` first to learn how the previous
    /// run ended. The log receives the start, and before it the end of a run that was killed.
    package func begin(pid: Int32, version: String, bootID: String, now: Timestamp) throws(StoreError) -> RunID {
        try db.transaction { () throws(StoreError) in
            if let last = try last(), last.stoppedAt == nil {
                try db.events.append(
                    .killed,
                    "the engine (process \(last.pid)) ended without stopping: it was killed, or the machine lost power",
                    now: last.heartbeatAt)
            }
            let id: RunID? = try db.value(
                "INSERT INTO run (pid, started_at, heartbeat_at, version, boot_id) VALUES (?1, ?2, ?2, ?3, ?4) RETURNING id",
                pid, now, version, bootID)
            guard let id else {
                throw db.fault(
                    .other, "SQLite inserted a run but returned no id: version 3.37 or later is needed")
            }
            try db.events.append(.started, "the engine \(version) started (process \(pid))", now: now)
            try db.execute("DELETE FROM run WHERE id <= ?", id.rawValue - Int64(Self.limit))
            try db.events.prune()
            return id
        }
    }

    /// Records that the engine is alive.
    package func heartbeat(_ run: RunID, now: Timestamp) throws(StoreError) {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute("UPDATE run SET heartbeat_at = ? WHERE id = ?", now, run)
        }
    }

    /// Records that the engine is alive with a durable commit. Throws whatever prevents durable transactions.
    package func proveWritable(_ run: RunID, now: Timestamp) throws(StoreError) {
        try db.transaction(durability: .full) { () throws(StoreError) in
            try db.execute("UPDATE run SET heartbeat_at = ? WHERE id = ?", now, run)
        }
    }

    /// Ends a run. `clean` asserts that everything written was synced and recorded, so that the next start rechecks
    /// nothing.
    package func end(_ run: RunID, clean: Bool, now: Timestamp) throws(StoreError) {
        try db.transaction(durability: .full) { () throws(StoreError) in
            try db.execute(
                "UPDATE run SET heartbeat_at = ?1, stopped_at = ?1, clean = ?2 WHERE id = ?3", now, clean, run)
            let rest = clean ? "" : " after a fault; the next start re-checks what it was writing"
            try db.events.append(.stopped, "the engine stopped\(rest)", now: now)
        }
    }

    /// The newest run, running or ended; `nil` in a new database, or when its row can't be read.
    package func last() throws(StoreError) -> RunRow? {
        try db.fetchFirstIfValid("FROM run ORDER BY id DESC LIMIT 1")
    }

    /// The latest heartbeat or event in the database; `nil` when there is none.
    package func latestMoment() throws(StoreError) -> Timestamp? {
        let latest: Timestamp? = try db.value(
            "SELECT max(max(coalesce((SELECT max(heartbeat_at) FROM run), 0)), coalesce((SELECT at FROM event ORDER BY id DESC LIMIT 1), 0))"
        )
        return latest.flatMap { $0.rawValue > 0 ? $0 : nil }
    }

    // MARK: Slots

    /// Saves the use of a running engine's slots.
    package func saveSlots(_ run: RunID, _ report: SlotReport) throws(StoreError) {
        let (downloads, seeds, checks) = (report.downloads, report.seeds, report.checks)
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute(
                """
                UPDATE run SET named_only = ?, max_downloads = ?, active_downloads = ?, queued_downloads = ?, max_seeds = ?, active_seeds = ?,
                    queued_seeds = ?, max_checks = ?, active_checks = ?, queued_checks = ? WHERE id = ?
                """,
                report.isOfNamedOnly, downloads.limit, downloads.active, downloads.waiting, seeds.limit, seeds.active,
                seeds.waiting, checks.limit, checks.active, checks.waiting, run)
        }
    }

    /// Saves the limits of a running engine for all torrents together.
    package func saveLimits(_ run: RunID, _ limits: LimitReport) throws(StoreError) {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute(
                "UPDATE run SET download_limit = ?, upload_limit = ?, alternative_until = ? WHERE id = ?",
                limits.download, limits.upload, limits.alternativeUntil, run)
        }
    }

    /// The limits that the newest engine reported last; `nil` when no engine has run.
    package func lastLimits() throws(StoreError) -> LimitReport? {
        try db.fetchFirstIfValid("FROM run ORDER BY id DESC LIMIT 1")
    }

    /// The newest engine's last report on its slots, and its time (the heartbeat); `nil` when no engine has run.
    package func lastSlots() throws(StoreError) -> (report: SlotReport, at: Timestamp)? {
        let last: LastSlots? = try db.fetchFirstIfValid("FROM run ORDER BY id DESC LIMIT 1")
        return last.map { ($0.report, $0.at) }
    }

    private struct LastSlots: Row {
        static let columns = "\(SlotReport.columns), heartbeat_at"
        let report: SlotReport
        let at: Timestamp

        init(_ row: Statement) throws(StoreError) {
            report = try SlotReport(row)
            at = try row.next()
        }
    }
}
