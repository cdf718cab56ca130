package import Store
package import SystemPackage
package import Torrent

extension DatabaseLock {
    /// Takes the lock, or throws an error that names its holder. With `replacing`, the file in the database's place
    /// need not be a database, because it will be set aside.
    package static func acquire(database: FilePath, replacing: Bool = false, now: Timestamp) throws(StoreError)
        -> DatabaseLock
    {
        // Nothing is created beside another program's file. An existing lock file was created for a database of ours.
        if !DatabaseFile.exists(lockFile(of: database)) {
            try DatabaseRecovery.requireOurs(database, orWreck: replacing, now: now)
        }
        return try take(database: database, now: now)
    }
}
