package import Store
package import SystemPackage
package import Torrent

/// A backup that a running engine keeps beside its database: `pieces.db.backup-20260301T140512Z`.
package struct BackupFile: Hashable, Sendable {
    package let path: FilePath
    /// The time of the state that the backup holds.
    package let at: Timestamp

    /// The backups of a database, newest first.
    package static func list(_ database: FilePath) throws(StoreError) -> [BackupFile] {
        let database = DatabaseFile.resolved(database)
        let folder = Folder.folder(of: database)
        return try names(database).compactMap { file in
            Timestamp(compact: file.end).map { BackupFile(path: folder.appending(name: file.name), at: $0) }
        }.sorted { $0.at > $1.at }
    }

    /// The newest backup of a lost database, whose file is missing or empty. `nil` when the database exists, or there
    /// is no backup.
    package static func newest(ofLost database: FilePath) -> BackupFile? {
        guard DatabaseFile.size(database) ?? 0 == 0, !Replacement.isUnderWay(database) else { return nil }
        // A folder that is missing or unreadable has no usable backup.
        do { return try list(database).first } catch { return nil }
    }

    static func name(_ database: FilePath, at moment: Timestamp) -> FilePath {
        database.extended(by: ".backup-\(moment.compact)")
    }

    /// The names in the database's folder that are its own name followed by `.backup-` and more, and what follows.
    static func names(_ database: FilePath) throws(StoreError) -> [(name: String, end: Substring)] {
        guard let name = database.lastComponent?.text else { return [] }
        let prefix = name + ".backup-"
        // Compared by bytes: `hasPrefix` would match another database's name that differs only in Unicode
        // normalization.
        return try Folder.names(beside: database).compactMap { file in
            file.utf8.starts(with: prefix.utf8)
                ? (file, file[file.utf8.index(file.startIndex, offsetBy: prefix.utf8.count)...]) : nil
        }
    }
}
