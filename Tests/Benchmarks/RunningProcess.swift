import Glibc
import SystemPackage

/// A program that was started to be measured; it is killed when nobody waits for its end any more.
final class RunningProcess {
    let pid: pid_t
    let start: ContinuousClock.Instant
    /// KiB that it had in memory at most, as far as ``look()`` saw it; of itself alone, unlike what getrusage(2) says.
    private(set) var peakKiB = 0
    /// Whether it may end otherwise than with 0.
    private let mayFail: Bool
    private let name: String
    private var hasEnded = false

    /// Starts the program with its output thrown away; what it complains of goes where this program's complaints go.
    init(_ program: FilePath, _ arguments: [String], mayFail: Bool = false) throws {
        self.mayFail = mayFail
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        var argv: [UnsafeMutablePointer<CChar>?] = ([program.string] + arguments).map { strdup($0) } + [nil]
        defer { for case let argument? in argv { free(argument) } }
        var pid = pid_t()
        start = .now
        let result = posix_spawn(&pid, program.string, &actions, nil, &argv, environ)
        guard result == 0 else {
            throw BenchmarkError("\(program) cannot be started: \(Errno(rawValue: result)): build it first")
        }
        self.pid = pid
        name = "\(program) \(arguments.first ?? "")"
    }

    deinit {
        guard !hasEnded else { return }
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
    }

    // MARK: Its end

    /// What it cost, when it has ended; `nil` while it runs. Also notes ``peakKiB``, which takes a while.
    func look() throws -> ProcessSample? {
        peakKiB = max(peakKiB, numbers()["VmHWM"] ?? 0)
        return try end()
    }

    /// What it cost, when it has ended; `nil` while it runs.
    func end() throws -> ProcessSample? { try wait(WNOHANG) }

    func waitUntilEnd() throws -> ProcessSample {
        while true { if let sample = try wait(0) { return sample } }
    }

    /// Asks it to stop, and waits until it has.
    func stop() throws -> ProcessSample {
        kill(pid, SIGTERM)
        return try waitUntilEnd()
    }

    private func wait(_ options: Int32) throws -> ProcessSample? {
        var status: Int32 = 0
        var usage = rusage()
        let result = wait4(pid, &status, options, &usage)
        guard result != 0 else { return nil }
        guard result == pid else {
            if errno == EINTR { return nil }
            throw BenchmarkError("\(name) cannot be waited for: \(Errno(rawValue: errno))")
        }
        hasEnded = true
        guard status == 0 || mayFail else { throw BenchmarkError("\(name) failed: see what it said above") }
        return ProcessSample(wall: start.duration(to: .now), usage)
    }

    // MARK: What it holds

    /// User and system time of all its threads so far.
    var cpu: Duration {
        get throws {
            var clock = clockid_t()
            var time = timespec()
            guard clock_getcpuclockid(pid, &clock) == 0, clock_gettime(clock, &time) == 0 else {
                throw BenchmarkError("\(name) has ended by itself")
            }
            return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
        }
    }

    /// KiB that it has in memory.
    var residentKiB: Int { numbers()["VmRSS"] ?? 0 }

    var threads: Int { numbers()["Threads"] ?? 0 }

    var descriptors: Int {
        get throws {
            try BenchmarkSetup.names(in: FilePath("/proc/\(pid)/fd")).count
        }
    }

    /// Bytes that it had the disks read.
    var readBytes: Int {
        get throws {
            guard let bytes = numbers(of: "io")["read_bytes"] else {
                throw BenchmarkError("\(name) has ended by itself, or its reads can't be counted")
            }
            return bytes
        }
    }

    /// The lines of /proc/PID/status, or of another file there, that begin with a number; none when it has ended
    /// (proc(5)).
    private func numbers(of file: String = "status") -> [Substring: Int] {
        var buffer = [UInt8](repeating: 0, count: 8192)
        let file = open("/proc/\(pid)/\(file)", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [:] }
        defer { close(file) }
        let count = read(file, &buffer, buffer.count)
        var numbers: [Substring: Int] = [:]
        for line in String(decoding: buffer.prefix(max(0, count)), as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            let words = parts.count == 2 ? parts[1].split(whereSeparator: { $0 == " " || $0 == "\t" }) : []
            if let number = words.first.flatMap({ Int($0) }) { numbers[parts[0]] = number }
        }
        return numbers
    }
}
