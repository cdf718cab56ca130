import System
package import SystemPackage
import Torrent

/// A serial executor with a dedicated thread, for an actor whose calls block.
///
/// The thread lives until ``stop()``, which the actor calls in its deinit, when no more jobs can arrive.
package final class ThreadExecutor: SerialExecutor {
    private let queue = JobQueue()

    /// Starts the thread that works on the database at `path`.
    package static func start(for path: FilePath) throws(StoreError) -> ThreadExecutor {
        let executor = ThreadExecutor()
        do {
            try SystemThread.start { executor.run() }
        } catch {
            throw StoreError(
                .other, path: path.text, "cannot start a thread: \(error): close other programs and try again")
        }
        return executor
    }

    package func enqueue(_ job: consuming ExecutorJob) { queue.append(UnownedJob(job)) }
    package func stop() { queue.end() }

    private func run() {
        while let jobs = queue.next() {
            for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
        }
    }
}

/// An ordered queue of jobs, from any thread to a single one.
private final class JobQueue: Sendable {
    private struct State {
        var jobs: [UnownedJob] = []
        var isEnded = false
    }

    private let state = Monitor(State())

    func append(_ job: UnownedJob) {
        state.change { state in
            state.jobs.append(job)
            return .one
        }
    }

    func end() {
        state.change { state in
            state.isEnded = true
            return .one
        }
    }

    /// Waits for jobs; `nil` when there are none and none will follow.
    func next() -> [UnownedJob]? {
        state.wait { state -> [UnownedJob]?? in
            guard state.jobs.isEmpty else {
                defer { state.jobs = [] }
                return .some(state.jobs)
            }
            return state.isEnded ? .some(nil) : nil
        }
    }
}
