import CSQLite

/// What a commit waits for (sqlite.org/pragma.html#pragma_synchronous).
package enum Durability: Int, Comparable, Sendable {
    /// The commit survives a killed process, but a power cut may lose it. For transactions that record no piece as
    /// present. (`synchronous=NORMAL`)
    case lazy = 1
    /// The commit survives a power cut. (`synchronous=FULL`)
    case full = 2

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

extension Connection {
    package enum TransactionKind: String, Sendable {
        /// Reads from one snapshot. It must not write, because a write after another program's would fail as busy at
        /// once.
        case deferred = "BEGIN DEFERRED"
        /// Waits for other writers before it begins.
        case immediate = "BEGIN IMMEDIATE"
    }

    /// Runs `body` so that either all or none of its writes take effect. A failed COMMIT is thrown like any other
    /// error.
    ///
    /// The default durability is full, or that of the enclosing transaction. A nested transaction is a savepoint; the
    /// outermost one must be at least as durable as this one asks for. On a full volume the ``Reserve`` is released,
    /// and `body` runs a second time.
    @discardableResult
    package func transaction<Value>(
        _ kind: TransactionKind = .immediate, durability: Durability? = nil, _ body: () throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        if transactionDepth > 0 {
            precondition(durability.map { $0 <= self.durability } ?? true, "a durable transaction inside a lazy one")
            return try enclosed(
                begin: "SAVEPOINT inner", commit: "RELEASE inner", rollback: "ROLLBACK TO inner; RELEASE inner", body)
        }
        guard sqlite3_get_autocommit(handle) != 0 else {
            throw fault(
                .other,
                "an earlier transaction could be neither committed nor rolled back: restart pieces"
            )
        }
        try setDurability(durability ?? .full)
        var result = whole(kind, body)
        // Nothing was written, so the transaction is repeated in the reserved space.
        if case .failure(let error) = result, error.mayBeForSpace, reserve?.giveUp() ?? false {
            result = whole(kind, body)
        }
        // If this fails, the level stays too low only until the next transaction or statement, which sets its own or
        // fails.
        try setDurability(.full)
        return try result.get()
    }

    private func whole<Value>(_ kind: TransactionKind, _ body: () throws(StoreError) -> Value) -> Result<
        Value, StoreError
    > {
        do {
            return .success(try enclosed(begin: kind.rawValue, commit: "COMMIT", rollback: "ROLLBACK", body))
        } catch {
            return .failure(error)
        }
    }

    private func enclosed<Value>(
        begin: String, commit: String, rollback: String, _ body: () throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        try executeScript(begin)
        transactionDepth += 1
        defer { transactionDepth -= 1 }
        do {
            let value = try body()
            try executeScript(commit)
            return value
        } catch {
            // After some errors SQLite has already rolled the transaction back (sqlite.org/lang_transaction.html,
            // section 3).
            guard sqlite3_get_autocommit(handle) == 0 else { throw error }
            do {
                try executeScript(rollback)
            } catch let second {
                throw fault(
                    .other,
                    "\(error.message); and it could not be rolled back: \(second.message): restart pieces"
                )
            }
            throw error
        }
    }

    /// Keeps up to 32 MiB of pages in memory from now on. A large transaction whose pages don't fit writes some of them
    /// to the log more than once.
    package func expectLargeTransaction() throws(StoreError) { try executeScript("PRAGMA cache_size = -32768") }

    func setDurability(_ wanted: Durability) throws(StoreError) {
        guard durability != wanted, mode != .readOnly else { return }
        try executeScript("PRAGMA synchronous=\(synchronous(wanted))")
        durability = wanted
    }

    enum Loss { case nothingLost, claimsLost }

    /// Call this after a transaction that withdrew recorded pieces. It copies the log into the database, so that no
    /// earlier state can come back.
    ///
    /// When a frame of the log is damaged, SQLite silently takes the transactions before it for all there are. The
    /// pieces that such an older state records are still present, except for those that were withdrawn; so the older
    /// state must not stay in the log. If a reader still needs the log, the next record retries.
    func settleLosses(_ loss: Loss) {
        if loss == .claimsLost { owesCheckpoint = true }
        guard owesCheckpoint, transactionDepth == 0, !isLogUnreliable else { return }
        // Doesn't wait for readers, because the engine's writes would wait too.
        sqlite3_busy_timeout(handle, 0)
        let result = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
        sqlite3_busy_timeout(handle, Int32(Self.busyTimeout.components.seconds * 1000))
        // The transaction is durable whatever the checkpoint's result is. A disk error will show at the next write.
        if result == SQLITE_OK { owesCheckpoint = false } else { noteFailedSync(result) }
    }
}
