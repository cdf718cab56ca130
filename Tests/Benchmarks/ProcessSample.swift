import Glibc
import SystemPackage

/// What one run of a program cost.
struct ProcessSample {
    /// From before its start until after its end.
    let wall: Duration
    /// User and system time of all its threads.
    let cpu: Duration
    /// KiB that it had in memory at most (getrusage(2)).
    let residentKiB: Int

    /// Runs the program to its end, with its output thrown away.
    init(_ program: FilePath, _ arguments: [String]) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        var argv: [UnsafeMutablePointer<CChar>?] = ([program.string] + arguments).map { strdup($0) } + [nil]
        defer { for case let argument? in argv { free(argument) } }
        var pid = pid_t()
        let clock = ContinuousClock()
        let start = clock.now
        let result = posix_spawn(&pid, program.string, &actions, nil, &argv, environ)
        guard result == 0 else { throw BenchmarkError("\(program) cannot be started: \(Errno(rawValue: result)): build it first") }
        var status: Int32 = 0
        var usage = rusage()
        while wait4(pid, &status, 0, &usage) < 0 {
            guard errno == EINTR else { throw BenchmarkError("\(program) cannot be waited for: \(Errno(rawValue: errno))") }
        }
        wall = start.duration(to: clock.now)
        guard status == 0 else { throw BenchmarkError("\(program) \(arguments.joined(separator: " ")) failed: see what it said above") }
        cpu = Self.duration(usage.ru_utime) + Self.duration(usage.ru_stime)
        residentKiB = usage.ru_maxrss
    }

    /// Medians, and the smallest: what a quiet machine would need.
    static func summary(_ samples: [ProcessSample]) -> String {
        let (wall, cpu) = (samples.map(\.wall).sorted(), samples.map(\.cpu).sorted())
        let middle = samples.count / 2
        let resident = (samples.map(\.residentKiB).max() ?? 0) >> 10
        return "median \(words(wall[middle])), least \(words(wall[0])); CPU \(words(cpu[middle])), least \(words(cpu[0])); \(resident) MiB resident"
    }

    private static func duration(_ time: timeval) -> Duration { .seconds(time.tv_sec) + .microseconds(time.tv_usec) }

    private static func words(_ duration: Duration) -> String {
        let tenths = Int((duration / .microseconds(100)).rounded())
        return "\(tenths / 10).\(tenths % 10) ms"
    }
}

struct BenchmarkError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
