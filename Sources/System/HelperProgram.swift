import CLinux
import Dispatch
import Glibc
package import SystemPackage

/// Runs another program to its end, with a text on its standard input, and keeps a bounded part of what it says.
///
/// (swift-subprocess isn't used, because it takes any module called System for Apple's.)
package struct HelperProgram: Sendable {
    /// How the program ended.
    package enum Ending: Hashable, Sendable, CustomStringConvertible {
        case exited(Int32)
        case signalled(Int32)
        case tookTooLong

        package var description: String {
            switch self {
            case .exited(let code): "exit code \(code)"
            case .signalled(let number): "ended by signal \(number)"
            case .tookTooLong: "ran for too long and was ended"
            }
        }
    }

    package struct Result: Sendable {
        package let ending: Ending
        /// The beginning of the program's standard error.
        package let errors: String
        package var isSuccess: Bool { ending == .exited(0) }
    }

    /// How long a program may go on when the task is cancelled.
    private static let farewell = Duration.seconds(3)
    /// How long a program that took too long may clean up after SIGTERM.
    private static let cleanUpTime = Duration.seconds(5)
    /// The most bytes of standard error that are kept.
    private static let errorLimit = 4096

    private let program: String
    private let arguments: [String]
    private let environment: [String: String]

    /// `program` is a path, or a name that is looked up in PATH. `environment` is added to that of this process.
    package init(_ program: String, _ arguments: [String], environment: [String: String] = [:]) {
        self.program = program
        self.arguments = arguments
        self.environment = environment
    }

    /// Runs the program. If it takes longer than the limit, or goes on after the task was cancelled, it is ended with
    /// everything that it started.
    package func run(input: [UInt8] = [], within limit: Duration) async throws(Errno) -> Result {
        let (stdin, stderr) = (try Pipe(), try Pipe())
        defer {
            stdin.close()
            stderr.close()
        }
        let child = try spawn(reading: stdin.readEnd, writing: stderr.writeEnd)
        stderr.closeWriteEnd()
        var (rest, kept): (ArraySlice<UInt8>, [UInt8]) = (input[...], [])
        var deadline = ContinuousClock.now + limit
        var (isCancelled, isOver) = (false, false)
        while true {
            stdin.feed(&rest)
            stderr.drain(into: &kept, limit: Self.errorLimit)
            if let ending = try Self.ending(of: child) {
                return Result(
                    ending: isOver ? .tookTooLong : ending, errors: String(decoding: kept, as: UTF8.self))
            }
            if Task.isCancelled, !isCancelled {
                isCancelled = true
                deadline = min(deadline, .now + Self.farewell)
            }
            let late = ContinuousClock.now - deadline
            if !isOver, late >= .zero {
                isOver = true
                kill(-child, SIGTERM)
            }
            if isOver, late >= Self.cleanUpTime { kill(-child, SIGKILL) }
            await Self.pause()
        }
    }

    /// A pause that a cancellation doesn't shorten.
    private static func pause() async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(20)) { continuation.resume() }
        }
    }

    private static func ending(of child: pid_t) throws(Errno) -> Ending? {
        var status: Int32 = 0
        let result = waitpid(child, &status, WNOHANG)
        if result == child { return status & 0x7f == 0 ? .exited((status >> 8) & 0xff) : .signalled(status & 0x7f) }
        guard result == 0 || errno == EINTR else { throw Errno(rawValue: errno) }
        return nil
    }

    private func spawn(reading input: Int32, writing errors: Int32) throws(Errno) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO)
        // Threads of the cooperative pool block signals, and a child would inherit that. A process group of its own
        // ends as a whole.
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF))
        let argv = CStrings([program] + arguments)
        let envp = CStrings(Self.inherited(without: Set(environment.keys)) + environment.map { "\($0)=\($1)" })
        defer {
            argv.free()
            envp.free()
        }
        var pid = pid_t()
        let code = posix_spawnp(&pid, program, &actions, &attributes, argv.pointers, envp.pointers)
        guard code == 0 else { throw Errno(rawValue: code) }
        return pid
    }

    private static func inherited(without names: Set<String>) -> [String] {
        var all: [String] = []
        var at = environ
        while let entry = at.pointee {
            let text = String(cString: entry)
            if !names.contains(String(text.prefix { $0 != "=" })) { all.append(text) }
            at += 1
        }
        return all
    }

    /// A list of strings for C, which ends with a null pointer.
    private struct CStrings {
        var pointers: [UnsafeMutablePointer<CChar>?]

        init(_ texts: [String]) { pointers = texts.map { strdup($0) } + [nil] }

        func free() { for case let pointer? in pointers { Glibc.free(pointer) } }
    }

    /// A pipe whose ends aren't inherited, and that never blocks this process.
    private final class Pipe {
        private(set) var readEnd: Int32 = -1
        private(set) var writeEnd: Int32 = -1

        init() throws(Errno) {
            var ends: [Int32] = [-1, -1]
            guard clinux_pipe(&ends) == 0 else { throw Errno(rawValue: errno) }
            (readEnd, writeEnd) = (ends[0], ends[1])
        }

        func close() {
            if readEnd >= 0 { Glibc.close(readEnd) }
            readEnd = -1
            closeWriteEnd()
        }

        func closeWriteEnd() {
            if writeEnd >= 0 { Glibc.close(writeEnd) }
            writeEnd = -1
        }

        /// Writes as much as there is room for, and closes the writing end after the last byte. This process keeps the
        /// reading end open, so that a program that doesn't read its input causes no SIGPIPE.
        func feed(_ rest: inout ArraySlice<UInt8>) {
            var room = pollfd(fd: writeEnd, events: Int16(POLLOUT), revents: 0)
            while !rest.isEmpty, poll(&room, 1, 0) > 0, room.revents & Int16(POLLOUT) != 0 {
                // A pipe that is ready takes at least PIPE_BUF bytes at once (pipe(7)).
                let count = rest.prefix(Int(PIPE_BUF)).withUnsafeBytes { write(writeEnd, $0.baseAddress, $0.count) }
                guard count > 0 else { return }
                rest = rest.dropFirst(count)
            }
            if rest.isEmpty { closeWriteEnd() }
        }

        /// Reads what is there, and keeps it up to the limit.
        func drain(into kept: inout [UInt8], limit: Int) {
            var part = [UInt8](repeating: 0, count: 1 << 14)
            var ready = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
            while poll(&ready, 1, 0) > 0, ready.revents & Int16(POLLIN) != 0 {
                let count = read(readEnd, &part, part.count)
                guard count > 0 else { return }
                kept += part.prefix(min(count, max(0, limit - kept.count)))
            }
        }
    }
}
