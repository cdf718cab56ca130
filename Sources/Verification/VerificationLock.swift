import Logging
package import Store
import System
package import SystemPackage
import Torrent

/// Keeps two verifications from reading the same torrent at once: one byte per torrent of the file `<database>.verify`,
/// locked while the torrent is verified (fcntl(2)). The kernel drops the locks of a process that dies.
///
/// The lock saves work and keeps reports correct, but nothing is damaged without it. So if the file can't be created,
/// verifications run without it.
package final class VerificationLock {
    /// `nil` if the file can't be used.
    private let lock: ByteLock?

    package init(database: FilePath) {
        let file = database.extended(by: ".verify")
        do throws(Errno) {
            lock = try ByteLock(file)
        } catch {
            Logger(label: "pieces.verify").debug("\(file.text.printable) cannot be used as a lock: \(error)")
            lock = nil
        }
    }

    /// Locks the torrent until ``release(_:)``. Returns whether this process has it.
    package func take(_ torrent: TorrentID) -> Bool {
        // Any failure but another process concerns the lock and not the torrent.
        do { return try lock?.take(torrent.rawValue) ?? true } catch { return true }
    }

    package func release(_ torrent: TorrentID) {
        do { try lock?.release(torrent.rawValue) } catch {
            Logger(label: "pieces.verify").debug("cannot release a lock: \(error)")
        }
    }

    /// The process that verifies the torrent; `nil` when none does.
    package func holder(of torrent: TorrentID) -> Int32? { lock?.holder(of: torrent.rawValue) }
}
