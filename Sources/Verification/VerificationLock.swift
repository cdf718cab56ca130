import Glibc
import Logging
package import Store
package import SystemPackage
import Torrent

/// Keeps two verifications from reading the same torrent at once: one byte per torrent of the file `<database>.verify`,
/// locked while the torrent is verified (fcntl(2)). The kernel drops the locks of a process that dies.
///
/// The lock saves work and keeps reports correct, but nothing is damaged without it. So if the file can't be created,
/// verifications run without it.
package final class VerificationLock {
    private let descriptor: Int32?

    package init(database: FilePath) {
        let file = database.extended(by: ".verify")
        let raw = file.withPlatformString { open($0, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600) }
        var status = stat()
        if raw >= 0, fstat(raw, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
            descriptor = raw
        } else {
            Logger(label: "pieces.verify").debug(
                "\(file.text.printable) cannot be used as a lock: \(Errno(rawValue: errno))")
            if raw >= 0 { close(raw) }
            descriptor = nil
        }
    }

    deinit {
        // Nothing was written through the descriptor.
        if let descriptor { close(descriptor) }
    }

    /// Locks the torrent until ``release(_:)``. Returns whether this process has it.
    package func take(_ torrent: TorrentID) -> Bool {
        guard let descriptor else { return true }
        var request = Self.request(torrent, F_WRLCK)
        // Any other failure concerns the lock and not the torrent.
        return fcntl(descriptor, F_SETLK, &request) == 0 || (errno != EAGAIN && errno != EACCES)
    }

    package func release(_ torrent: TorrentID) {
        guard let descriptor else { return }
        var request = Self.request(torrent, F_UNLCK)
        if fcntl(descriptor, F_SETLK, &request) != 0 {
            Logger(label: "pieces.verify").debug("cannot release a lock: \(Errno(rawValue: errno))")
        }
    }

    /// The process that verifies the torrent; `nil` when none does.
    package func holder(of torrent: TorrentID) -> Int32? {
        guard let descriptor else { return nil }
        var request = Self.request(torrent, F_WRLCK)
        guard fcntl(descriptor, F_GETLK, &request) == 0, request.l_type != Int16(F_UNLCK) else { return nil }
        return request.l_pid
    }

    private static func request(_ torrent: TorrentID, _ type: Int32) -> flock {
        var request = flock()
        request.l_type = Int16(type)
        request.l_whence = Int16(SEEK_SET)
        request.l_start = off_t(torrent.rawValue)
        request.l_len = 1
        return request
    }
}
