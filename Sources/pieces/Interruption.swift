import Glibc
import Library
import Limits
import Synchronization
import System

/// What SIGINT, SIGTERM, SIGQUIT and SIGHUP do to commands that have something to bring to rest: the first of them asks
/// the command to stop, and a second SIGINT, SIGTERM or SIGQUIT ends the process at once.
///
/// SIGHUP never ends it at once: a terminal that closes sends it more than once, and service managers send it right
/// behind SIGTERM.
enum Interruption {
    private static let signals = [SIGINT, SIGTERM, SIGQUIT, SIGHUP]
    private static let count = Atomic(0)
    /// How many of them weren't SIGHUP.
    private static let urgentCount = Atomic(0)
    /// The write end of a pipe: a signal handler may write to it (signal-safety(7)).
    private static let writer = Atomic<Int32>(-1)

    /// Whether a signal has come.
    static var hasCome: Bool { count.load(ordering: .relaxed) > 0 }

    /// To be called first, on the main thread: a parent may have left signals blocked, which a process inherits.
    static func prepare() {
        var set = sigset_t()
        sigemptyset(&set)
        for number in signals { sigaddset(&set, number) }
        // It can only fail for a wrong first argument (pthread_sigmask(3)).
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
        // A write beyond `ulimit -f` then fails with EFBIG and is reported, instead of killing the process
        // (setrlimit(2)).
        signal(SIGXFSZ, SIG_IGN)
        // Other daemons do something when they come, and scripts send them to all: they must not end the process.
        signal(SIGUSR1, SIG_IGN)
        signal(SIGUSR2, SIG_IGN)
    }

    /// Catches the signals from now on; `body` runs when the first comes. To be called once.
    static func catchFirst(_ body: @escaping @Sendable () async -> Void) throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Failure("cannot create a pipe: \(String(cString: strerror(errno)))") }
        // It can only fail for descriptors that are not open (fcntl(2)).
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        try startWaiter(reading: ends[0], body)
        // Touched here, so that the handler finds both initialised.
        count.store(0, ordering: .sequentiallyConsistent)
        urgentCount.store(0, ordering: .sequentiallyConsistent)
        writer.store(ends[1], ordering: .sequentiallyConsistent)
        for number in signals where !(number == SIGHUP && isIgnored(number)) {
            signal(number) { number in
                if number != SIGHUP, Interruption.urgentCount.wrappingAdd(1, ordering: .relaxed).oldValue > 0 {
                    _exit(ExitStatus.interrupted.rawValue)
                }
                guard Interruption.count.wrappingAdd(1, ordering: .relaxed).oldValue == 0 else { return }
                // The write may fail, and the interrupted code must not find another error number than its own.
                let before = errno
                var byte: UInt8 = 1
                // A pipe with nothing in it takes one byte.
                _ = write(Interruption.writer.load(ordering: .relaxed), &byte, 1)
                errno = before
            }
        }
    }

    /// Whether the process was started with the signal ignored, as nohup(1) does.
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

    /// Waits between two turns of a command that goes on until it is interrupted. Throws ``ExitStatus/interrupted`` as
    /// soon as a signal has come: what was begun to be written is written to its end, and the terminal is left as it
    /// was.
    static func pause(_ duration: Duration) async throws {
        let pause = Task {
            // Cancelled by a signal: then there is nothing more to wait for.
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
                // A pipe that is read from here alone can't fail but by a signal.
                _ = try? retrying { read(descriptor, &byte, 1) }
                Task { await body() }
            }
        } catch {
            throw Failure("cannot start a thread (\(error)): \(ProcessLimit.processes.advice)")
        }
    }
}
