import Glibc
import Library
import Synchronization
import System

/// Handles SIGINT, SIGTERM, SIGQUIT and SIGHUP for commands that need a clean stop. The first signal asks the command
/// to stop, and a second SIGINT, SIGTERM or SIGQUIT ends the process at once.
///
/// SIGHUP never ends the process at once, because a closing terminal sends it several times, and service managers send
/// it right after SIGTERM.
enum Interruption {
    private static let signals = [SIGINT, SIGTERM, SIGQUIT, SIGHUP]
    private static let count = Atomic(0)
    /// The number of signals other than SIGHUP.
    private static let urgentCount = Atomic(0)
    /// The write end of a pipe, because signal handlers may call write(2) (signal-safety(7)).
    private static let writer = Atomic<Int32>(-1)
    /// Whether SIGHUP means that settings are read again.
    private static let isReloading = Atomic(false)
    private static let reload = Mutex<(@Sendable () async -> Void)?>(nil)

    /// What arrives through the pipe.
    private enum Message: UInt8 {
        case stop = 1
        case reload = 2
    }

    /// Whether a signal has arrived.
    static var hasCome: Bool { count.load(ordering: .relaxed) > 0 }

    /// Unblocks the signals; call this first, on the main thread. A process inherits blocked signals from its parent.
    static func prepare() {
        var set = sigset_t()
        sigemptyset(&set)
        for number in signals { sigaddset(&set, number) }
        // This fails only for an invalid first argument (pthread_sigmask(3)).
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
        // A write beyond `ulimit -f` then fails with EFBIG and is reported, instead of killing the process
        // (setrlimit(2)).
        signal(SIGXFSZ, SIG_IGN)
        // Other daemons react to these signals, and scripts send them to every daemon, so they must not end the
        // process.
        signal(SIGUSR1, SIG_IGN)
        signal(SIGUSR2, SIG_IGN)
    }

    /// Lets SIGHUP run `body` each time instead of stopping the command, as services do; call this before
    /// ``catchFirst(_:)``.
    static func reloadOnHangUp(_ body: @escaping @Sendable () async -> Void) {
        reload.withLock { $0 = body }
        isReloading.store(true, ordering: .sequentiallyConsistent)
    }

    /// Starts catching the signals and runs `body` when the first one arrives; call this once.
    static func catchFirst(_ body: @escaping @Sendable () async -> Void) throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Failure("cannot create a pipe: \(String(cString: strerror(errno)))") }
        // This fails only for descriptors that are not open (fcntl(2)).
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        try startWaiter(reading: ends[0], body)
        // This initialises the counters before the handler uses them.
        count.store(0, ordering: .sequentiallyConsistent)
        urgentCount.store(0, ordering: .sequentiallyConsistent)
        _ = isReloading.load(ordering: .sequentiallyConsistent)
        writer.store(ends[1], ordering: .sequentiallyConsistent)
        for number in signals where !(number == SIGHUP && isIgnored(number)) {
            signal(number) { number in
                if number != SIGHUP, Interruption.urgentCount.wrappingAdd(1, ordering: .relaxed).oldValue > 0 {
                    _exit(ExitStatus.interrupted.rawValue)
                }
                let isReload = number == SIGHUP && Interruption.isReloading.load(ordering: .relaxed)
                if !isReload {
                    guard Interruption.count.wrappingAdd(1, ordering: .relaxed).oldValue == 0 else { return }
                }
                // The write may change `errno`, which the interrupted code must find unchanged.
                let before = errno
                var byte = isReload ? Message.reload.rawValue : Message.stop.rawValue
                // An empty pipe always has room for one byte.
                _ = write(Interruption.writer.load(ordering: .relaxed), &byte, 1)
                errno = before
            }
        }
    }

    /// Whether the process was started with the signal ignored, as by nohup(1).
    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            == unsafeBitCast(SIG_IGN, to: Int.self)
    }

    private static let pausing = Mutex(Pausing())

    private struct Pausing {
        var isCatching = false
        var pause: Task<Void, Never>?
    }

    /// Waits between two rounds of a command that runs until it is interrupted. Throws ``ExitStatus/interrupted`` as
    /// soon as a signal has arrived. Because signals only end this pause, output is never cut off, and the terminal is
    /// left as it was.
    static func pause(_ duration: Duration) async throws {
        let pause = Task {
            // A signal cancels the sleep; the pause is then over.
            do { try await Task.sleep(for: duration) } catch { return }
        }
        let isFirst = pausing.withLock { state in
            defer { state.isCatching = true }
            state.pause = pause
            return !state.isCatching
        }
        if isFirst { try catchFirst { pausing.withLock { $0.pause }?.cancel() } }
        if !hasCome { await pause.value }
        guard !hasCome else { throw ExitStatus.interrupted }
    }

    private static func startWaiter(reading descriptor: Int32, _ body: @escaping @Sendable () async -> Void) throws {
        do {
            try SystemThread.start {
                var byte: UInt8 = 0
                while true {
                    // Only this thread reads the pipe, so the read fails only when a signal interrupts it.
                    _ = try? retrying { read(descriptor, &byte, 1) }
                    let isReload = byte == Message.reload.rawValue
                    let answer: (@Sendable () async -> Void)? = isReload ? reload.withLock { $0 } : body
                    Task { await answer?() }
                    if !isReload { return }
                }
            }
        } catch {
            throw Failure("cannot start a thread (\(error)): \(ProcessLimit.processes.advice)")
        }
    }
}
