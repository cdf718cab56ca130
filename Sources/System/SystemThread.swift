import CLinux
import Glibc
package import SystemPackage

/// A thread of the system's own, for calls that block.
package struct SystemThread {
    private let thread: pthread_t

    /// Starts a thread that runs `body` and ends. `name` is what `top -H` and debuggers show, at most 15 bytes.
    @discardableResult
    package static func start(
        name: String? = nil, _ body: @escaping @Sendable () -> Void
    ) throws(Errno) -> SystemThread {
        let thread = try create(body)
        if let name { clinux_name_thread(thread.thread, name) }
        // Nothing waits for its end. It can't fail for a thread that was just made joinable.
        pthread_detach(thread.thread)
        return thread
    }

    /// Starts a thread whose end the caller waits for with ``join()``.
    package static func startJoinable(_ body: @escaping @Sendable () -> Void) throws(Errno) -> SystemThread {
        try create(body)
    }

    /// Starts as many of `count` threads that run `body` as the system allows.
    package static func startJoinable(_ count: Int, _ body: @escaping @Sendable () -> Void) -> [SystemThread] {
        var threads: [SystemThread] = []
        while threads.count < count {
            do throws(Errno) { threads.append(try startJoinable(body)) } catch { break }
        }
        return threads
    }

    /// Waits until the thread has ended; once, for a thread of ``startJoinable(_:)``.
    package func join() { pthread_join(thread, nil) }

    private static func create(_ body: @escaping @Sendable () -> Void) throws(Errno) -> SystemThread {
        let context = Unmanaged.passRetained(Body(body))
        var thread = pthread_t()
        let number = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        guard number == 0 else {
            context.release()
            throw Errno(rawValue: number)
        }
        return SystemThread(thread: thread)
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}
