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

    init(wall: Duration, _ usage: rusage) {
        self.wall = wall
        cpu = Self.duration(usage.ru_utime) + Self.duration(usage.ru_stime)
        residentKiB = usage.ru_maxrss
    }

    /// Runs the program to its end, with its output thrown away.
    init(_ program: FilePath, _ arguments: [String]) throws {
        self = try RunningProcess(program, arguments).waitUntilEnd()
    }

    /// Medians, and the smallest: what a quiet machine would need.
    static func summary(_ samples: [ProcessSample]) -> String {
        let (wall, cpu) = (samples.map(\.wall).sorted(), samples.map(\.cpu).sorted())
        let middle = samples.count / 2
        let resident = (samples.map(\.residentKiB).max() ?? 0) >> 10
        return
            "median \(words(wall[middle])), least \(words(wall[0])); CPU \(words(cpu[middle])), least \(words(cpu[0])); \(resident) MiB resident"
    }

    /// What part of the others' time these took, each compared with the one of its turn: a machine whose speed changes
    /// was then the same for both.
    static func shares(_ samples: ArraySlice<ProcessSample>, of others: ArraySlice<ProcessSample>) -> String {
        let pairs = Array(zip(samples, others))
        return "median \(pairs.median { $0.wall / $1.wall }.text(3)), CPU \(pairs.median { $0.cpu / $1.cpu }.text(3))"
    }

    private static func duration(_ time: timeval) -> Duration { .seconds(time.tv_sec) + .microseconds(time.tv_usec) }

    private static func words(_ duration: Duration) -> String { "\((duration / .milliseconds(1)).text(1)) ms" }
}

extension Array {
    /// The element in the middle of the sorted ones.
    func median<Value: Comparable>(_ value: (Element) -> Value) -> Value {
        precondition(!isEmpty, "nothing was measured")
        return map(value).sorted()[count / 2]
    }
}
