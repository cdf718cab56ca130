import CSQLite
import Glibc
import SystemPackage
import Torrent

/// Handles the write-ahead log after a failed sync.
///
/// The kernel discards pages that it could not write, and reports that once (fsync(2)). Frames of commits that didn't
/// wait for the disk may be among them. SQLite would continue after them, and a power cut would lose its later commits,
/// because a log is read only up to its first hole (sqlite.org/fileformat.html, section 4.3). So nothing more is
/// committed to such a log.
extension Connection {
    /// Attempts to get exclusive access to the database, and milliseconds between them.
    private static let settlingAttempts = 50
    private static let settlingPause: UInt32 = 100

    /// Checkpoints after each commit that makes the log ``DatabaseOptions/checkpointPages`` long, and notices a sync
    /// that fails in the checkpoint. SQLite's own automatic checkpoint doesn't report that.
    func watchLog(_ isWatching: Bool) {
        guard isWatching else {
            sqlite3_wal_hook(handle, nil, nil)
            return
        }
        // The connection removes its hook before it is freed.
        let context = Unmanaged.passUnretained(self).toOpaque()
        sqlite3_wal_hook(
            handle,
            { context, _, _, pages in
                Unmanaged<Connection>.fromOpaque(context!).takeUnretainedValue().logGrew(to: Int(pages))
                // The commit stands whatever the checkpoint's result is (sqlite.org/c3ref/wal_hook.html).
                return SQLITE_OK
            }, context)
    }

    private func logGrew(to pages: Int) {
        guard pages >= options.checkpointPages, !isLogUnreliable else { return }
        let result = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
        if result != SQLITE_OK { noteFailedSync(result) }
    }

    /// Notices a failed sync in the result of a checkpoint that was optional.
    func noteFailedSync(_ result: Int32) {
        if StoreError.isOfSync(result) { markLogUnreliable() }
    }

    /// Makes the log's name durable in its folder. SQLite syncs the folder with the log's first sync, but ignores the
    /// result.
    func keepLogsName() throws(StoreError) { try options.folder.sync(of: DatabaseFile.resolved(path)) }

    /// Copies a log that another process left into the database, because a sync of it may have failed there. If that
    /// isn't possible now, the next record retries.
    package func settleFoundLog() { settleLosses(.claimsLost) }

    /// Call this after a transaction of one's own that withdrew claims.
    package func settleWithdrawnClaims() { settleLosses(.nothingLost) }

    /// Overwrites the frames of a failed commit, which are complete but not synced. The commit must not take effect
    /// when the log is read again, because its caller repeats it.
    func outdateFailedCommit() throws(StoreError) {
        do throws(StoreError) {
            try events.append(
                .failed, "the disk failed to write the database's log; a new log was started", now: .now())
        } catch {
            // The earlier frames are already lost: the log ends there, so the failed commit isn't read.
            guard error.isOfFile else { throw error }
        }
    }

    /// Reads the log as after a crash, up to the first frame with a wrong checksum, copies it into the database, syncs
    /// the database, and removes the log.
    ///
    /// No other program may have the database open. The call waits a few seconds for that, and then throws
    /// ``StoreError/Code/busy``.
    static func settleLog(_ path: FilePath, _ options: DatabaseOptions) throws(StoreError) {
        for attempt in 1... {
            do throws(StoreError) {
                // The connection holds every lock and builds its own index of the log from the log itself
                // (sqlite.org/wal.html, section 7).
                let connection = try Connection(
                    adopting: try DatabaseFile.open(path, create: false, isShared: true, options: options), path,
                    options)
                if try connection.checkpoint() { return }
                throw connection.fault(.busy, "another program has the database open")
            } catch {
                guard error.code == .busy else { throw error }
                guard attempt < settlingAttempts else {
                    throw StoreError(
                        .busy, path: path.text,
                        "the disk failed to write the database's log, and a new log can be started only when no other program has the database open: close those programs"
                    )
                }
                usleep(settlingPause * 1000)
            }
        }
    }
}

extension StoreError {
    /// Whether a sync failed (`SQLITE_IOERR_FSYNC`, sqlite.org/rescode.html): the database's, the log's or, in a
    /// checkpoint, either's.
    static func isOfSync(_ extendedCode: Int32) -> Bool { extendedCode == 1034 }

    var isOfSync: Bool { Self.isOfSync(sqliteCode) }
}
