import Glibc
package import SystemPackage

/// Locks of single bytes of a file, by which processes take turns (fcntl(2)). The kernel drops the locks of a process
/// that closes the file or ends.
package struct ByteLock: ~Copyable {
    private let descriptor: Int32

    /// Opens the file, and creates it if it is missing. Anything but a regular file is `notSupported`.
    package init(_ path: FilePath) throws(Errno) {
        let descriptor = try retrying {
            path.withPlatformString { open($0, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600) }
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw .notSupported
        }
        self.descriptor = descriptor
    }

    deinit {
        // Nothing was written through the descriptor.
        close(descriptor)
    }

    /// Locks the byte without waiting. Returns `false` if another process has locked it.
    package borrowing func take(_ byte: Int64) throws(Errno) -> Bool {
        var request = Self.request(byte, F_WRLCK)
        do throws(Errno) {
            _ = try retrying { fcntl(descriptor, F_SETLK, &request) }
            return true
        } catch {
            guard error == .wouldBlock || error == .permissionDenied else { throw error }
            return false
        }
    }

    package borrowing func release(_ byte: Int64) throws(Errno) {
        var request = Self.request(byte, F_UNLCK)
        _ = try retrying { fcntl(descriptor, F_SETLK, &request) }
    }

    /// The other process that has locked the byte; `nil` if none has, or if the kernel doesn't say.
    package borrowing func holder(of byte: Int64) -> Int32? {
        var request = Self.request(byte, F_WRLCK)
        guard fcntl(descriptor, F_GETLK, &request) == 0, request.l_type != Int16(F_UNLCK) else { return nil }
        return request.l_pid
    }

    private static func request(_ byte: Int64, _ type: Int32) -> flock {
        var request = flock()
        request.l_type = Int16(type)
        request.l_whence = Int16(SEEK_SET)
        request.l_start = off_t(byte)
        request.l_len = 1
        return request
    }
}
