package import Glibc

/// What an engine's process costs, and what its good peer gives it, looked at from outside.
package struct EngineWatch: Sendable {
    /// The engine at one moment.
    package struct Mark: Sendable {
        let at: ContinuousClock.Instant
        /// Bytes that the good peer has served so far.
        let served: Int
        /// User and system time of all threads so far, in seconds.
        let cpu: Double
    }

    /// What happened between two moments.
    package struct Phase: Sendable {
        /// Bytes a second of the good peer.
        package let rate: Double
        /// The engine's processor time, as a part of one core.
        package let cpu: Double
        package let seconds: Double

        /// Whether the good peer served as many bytes.
        package func hasServed(_ bytes: Int) -> Bool { rate * seconds >= Double(bytes) }

        init(_ start: Mark, _ end: Mark) {
            seconds = (end.at - start.at) / .seconds(1)
            rate = Double(end.served - start.served) / seconds
            cpu = (end.cpu - start.cpu) / seconds
        }
    }

    private let pid: pid_t
    private let served: @Sendable () -> Int

    package init(pid: pid_t, served: @escaping @Sendable () -> Int) {
        self.pid = pid
        self.served = served
    }

    package func mark() -> Mark { Mark(at: .now, served: served(), cpu: cpu) }

    /// What has happened since.
    package func since(_ mark: Mark) -> Phase { Phase(mark, self.mark()) }

    private var cpu: Double {
        var clock = clockid_t()
        var time = timespec()
        // A process that has ended costs no more.
        guard clock_getcpuclockid(pid, &clock) == 0, clock_gettime(clock, &time) == 0 else { return .infinity }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// KiB that the engine had in memory at most since its start, or since ``forgetPeak()``; `nil` when it has ended.
    package var peakKiB: Int? {
        var buffer = [UInt8](repeating: 0, count: 8192)
        let file = open("/proc/\(pid)/status", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        let count = read(file, &buffer, buffer.count)
        let line = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self).split(separator: "\n").first {
            $0.hasPrefix("VmHWM:")
        }
        return line?.split(whereSeparator: { " \t:".contains($0) }).dropFirst().first.flatMap { Int($0) }
    }

    /// The peak is counted anew (proc(5): clear_refs).
    package func forgetPeak() {
        let file = open("/proc/\(pid)/clear_refs", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        _ = write(file, "5", 1)
        close(file)
    }
}
