import CSQLite
import Glibc
import SystemPackage
import Torrent

/// The write-ahead log when a sync of it failed.
///
/// The kernel gives up pages that it could not write, and says so once (fsync(2)). UploadBuffer of commits that didn't
/// wait for the disk may be among them; SQLite goes on behind them, and what it says to be committed from then on would
/// be gone after a power cut, because a log is read up to its first hole (sqlite.org/fileformat.html, section 4.3). So
/// nothing more is committed to such a log.
extension Connection {
    /// How often it is tried to be alone with the database, and milliseconds between tries.
    private static let settlingAttempts = 50
    private static let settlingPause: UInt32 = 100

    /// Has the log copied into the database after each commit that makes it ``DatabaseOptions/checkpointPages`` long,
    /// and hears of a sync that fails then: SQLite's own way of doing it says nothing.
    func watchLog(_ isWatching: Bool) {
        guard isWatching else {
            sqlite3_wal_hook(handle, nil, nil)
            return
        }
        // The connection takes its hook away before it goes.
        let context = Unmanaged.passUnretained(self).toOpaque()
        sqlite3_wal_hook(
            handle,
            { context, _, _, pages in
                Unmanaged<Connection>.fromOpaque(context!).takeUnretainedValue().logGrew(to: Int(pages))
                // The commit stands, whatever became of the checkpoint (sqlite.org/c3ref/wal_hook.html).
                return SQLITE_OK
            }, context)
    }

    private func logGrew(to pages: Int) {
        guard pages >= options.checkpointPages, !doubtsLog else { return }
        let result = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
        if result != SQLITE_OK { noteFailedSync(result) }
    }

    /// Hears of a checkpoint that failed and need not have succeeded.
    func noteFailedSync(_ result: Int32) {
        if StoreError.isOfSync(result) { doubtLog() }
    }

    /// Makes the folder keep the name of the log: SQLite syncs it with the log's first sync, and doesn't read the
    /// answer.
    func keepLogsName() throws(StoreError) { try options.folder.sync(of: DatabaseFile.resolved(path)) }

    /// Copies what another process left in the log into the database: a sync of it may have failed there. Where that
    /// can't be done now, the next record tries again.
    func settleFoundLog() { settleLosses(.claimsLost) }

    /// Writes over the frames of a commit that failed, which are whole but for their sync: it must not come true when
    /// the log is read again, because its caller does it anew.
    func outdateFailedCommit() throws(StoreError) {
        do throws(StoreError) {
            try appendEvent(.failed, "the disk failed to write the database's log; a new log was started", now: .now())
        } catch {
            // The frames before are lost already: the log ends there, and the commit isn't read.
            guard error.isOfFile else { throw error }
        }
    }

    /// Reads the log as after a crash, up to the first frame whose checksum is wrong; copies that into the database,
    /// syncs it, and removes the log.
    ///
    /// For that nobody else may have the database open; it waits for a few seconds, and throws what is
    /// ``StoreError/Code/busy``.
    static func settleLog(_ path: FilePath, _ options: DatabaseOptions) throws(StoreError) {
        for attempt in 1... {
            do throws(StoreError) {
                // With every lock, and an index of the log of its own, which is made from the log itself
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
    /// A sync failed (`SQLITE_IOERR_FSYNC`, sqlite.org/rescode.html): the database's, its log's or, in a checkpoint,
    /// either's.
    static func isOfSync(_ extendedCode: Int32) -> Bool { extendedCode == 1034 }

    var isOfSync: Bool { Self.isOfSync(sqliteCode) }
}
