import Store
import System
import SystemPackage
import Torrent

/// Replaces a database by a finished one. The old one is set aside under a new name and never deleted.
///
/// The new database is first renamed to a marker that shows that it is complete (`pieces.db.mended`); then the old
/// database is renamed with its log; then the new one takes its place. If the process dies in between, the marker
/// remains and ``finish(_:in:)`` resumes from there. Without the marker, a log of the old database might be taken for
/// the new one's. The caller holds the engine's lock, and no connection of this process is open.
extension Replacement {
    /// The word in the old database's new name.
    private var aside: String {
        switch self {
        case .recovered: "damaged"
        case .restored: "replaced"
        }
    }

    /// The name of an unfinished database. An existing file of this name is left from a failed attempt.
    static func unfinished(_ database: FilePath) -> FilePath { database.extended(by: ".unfinished") }

    /// A free name for the old database, made of the time of the replacement.
    func asideName(_ database: FilePath, at moment: Timestamp) -> (path: FilePath, moment: Timestamp) {
        var moment = moment
        while true {
            let path = database.extended(by: ".\(aside)-\(moment.compact)")
            if !DatabaseFile.exists(path), !DatabaseFile.exists(path.extended(by: "-wal")) { return (path, moment) }
            moment = moment + .seconds(1)
        }
    }

    /// Replaces `database` by the finished one at ``unfinished(_:)``. `moment` comes from ``asideName(_:at:)``.
    func perform(_ database: FilePath, at moment: Timestamp, in folder: Folder) throws(StoreError) {
        let new = Self.unfinished(database)
        guard !DatabaseFile.exists(new.extended(by: "-wal")) else {
            throw StoreError(
                .io, path: new.text,
                "the new database has a log that was not copied into it: check that the disk has free space, and try again"
            )
        }
        DatabaseSharing.pass(from: database, to: new)
        // The file's modification time is all that another process needs to resume.
        try folder.setTime(new, to: moment)
        try folder.syncFile(new)
        try folder.rename(new, to: marker(of: database))
        try Self.finish(database, in: folder)
    }

    /// Resumes an interrupted replacement. Returns whether there was one.
    @discardableResult
    static func finish(_ database: FilePath, in folder: Folder) throws(StoreError) -> Bool {
        for kind in allCases where DatabaseFile.exists(kind.marker(of: database)) {
            try kind.end(database, in: folder)
            return true
        }
        return false
    }

    private func end(_ database: FilePath, in folder: Folder) throws(StoreError) {
        let marker = marker(of: database)
        let modified: Int64
        do { modified = try PathCalls.status(marker).modified } catch { throw Folder.fault("look at", marker, error) }
        let name = database.extended(by: ".\(aside)-\(Timestamp(modified).compact)")
        // The log is renamed first: a database without its log is only older, but a log without its database is
        // useless.
        for suffix in ["-wal", "-journal", "-shm", ""] where DatabaseFile.exists(database.extended(by: suffix)) {
            try folder.rename(database.extended(by: suffix), to: name.extended(by: suffix), syncing: false)
        }
        try folder.sync(of: database)
        try folder.rename(marker, to: database)
    }
}
