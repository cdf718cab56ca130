import Glibc
import Library
import SystemPackage
import Torrent

/// A second process of this program with other arguments; its output goes to a file.
struct ChildProcess: Sendable {
    private static let pollInterval = Duration.milliseconds(20)

    let pid: Int32
    private let output: FilePath

    static func start(_ arguments: [String], output: FilePath) throws -> ChildProcess {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        _ = output.withPlatformString {
            posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, $0, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        }
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        // Threads of the cooperative pool block signals, and a child would inherit that. A separate process group keeps
        // the SIGINT of the keyboard from the child.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))

        var argv: [UnsafeMutablePointer<CChar>?] =
            (["pieces"] + arguments).map { PathText.withCString($0) { strdup($0) } } + [nil]
        defer { for case let argument? in argv { free(argument) } }
        var pid = pid_t()
        let result = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, &argv, environ)
        guard result == 0 else { throw Failure("cannot start another pieces process: \(Errno(rawValue: result))") }
        return ChildProcess(pid: pid, output: output)
    }

    /// The output so far.
    var printed: String {
        get throws { String(decoding: try TorrentSource.contents(of: output.text), as: UTF8.self) }
    }

    /// What ``end(within:)`` returns for a process that was killed.
    static let killed = 128 + SIGKILL

    /// Ends the process at once.
    func kill() {
        // The process may already have ended, which is fine.
        Glibc.kill(pid, SIGKILL)
    }

    /// What ``end(within:)`` returns for a process that was interrupted.
    static let interrupted: Int32 = 130

    /// Asks the process to stop, as the keyboard does.
    func interrupt() {
        // The process may already have ended, which is fine.
        Glibc.kill(pid, SIGINT)
    }

    /// Waits for the process to end and returns the exit code, or 128 plus the number of the signal that ended it; call
    /// this once.
    func end(within limit: Duration) async throws -> Int32 {
        let deadline = ContinuousClock.now + limit
        while true {
            var status: Int32 = 0
            let result = waitpid(pid, &status, WNOHANG)
            if result == pid { return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + status & 0x7f }
            guard result == 0 || errno == EINTR else {
                throw Failure("cannot wait for process \(pid): \(Errno(rawValue: errno))")
            }
            guard .now < deadline else {
                kill()
                throw Failure("process \(pid) did not end within \(Format.time(limit)): \(try printed.printable)")
            }
            try await Task.sleep(for: Self.pollInterval)
        }
    }
}
