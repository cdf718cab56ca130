import Glibc

/// A serial executor with a thread of its own, for an actor whose calls block.
///
/// The thread lives until ``stop()``, which the actor calls when it is deinitialised: then no job can come any more.
final class ThreadExecutor: SerialExecutor {
    private let queue = JobQueue()

    /// Starts the thread; the error number of pthread_create(3) when the system gives none.
    static func start() -> Result<ThreadExecutor, ThreadError> {
        let executor = ThreadExecutor()
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<ThreadExecutor>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(executor).toOpaque())
        guard result == 0 else {
            Unmanaged.passUnretained(executor).release()
            return .failure(ThreadError(number: result))
        }
        // Nothing waits for its end. It cannot fail for a thread that was just made joinable.
        pthread_detach(thread)
        return .success(executor)
    }

    struct ThreadError: Error { let number: Int32 }

    func enqueue(_ job: consuming ExecutorJob) { queue.append(UnownedJob(job)) }
    func stop() { queue.end() }

    private func run() {
        while let job = queue.next() { job.runSynchronously(on: asUnownedSerialExecutor()) }
    }
}

/// Jobs in order, handed from any thread to one.
///
/// `@unchecked`: every access of `jobs` and `isEnded` is under `mutex`.
private final class JobQueue: @unchecked Sendable {
    private var jobs: [UnownedJob] = []
    private var taken: ArraySlice<UnownedJob> = []
    private var isEnded = false
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        // With default attributes neither can fail on Linux.
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    func append(_ job: UnownedJob) {
        pthread_mutex_lock(mutex)
        jobs.append(job)
        pthread_cond_signal(changed)
        pthread_mutex_unlock(mutex)
    }

    func end() {
        pthread_mutex_lock(mutex)
        isEnded = true
        pthread_cond_signal(changed)
        pthread_mutex_unlock(mutex)
    }

    /// Waits for the next job; `nil` when there is none and none will come. Only the queue's one thread calls it.
    func next() -> UnownedJob? {
        if let job = taken.popFirst() { return job }
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while jobs.isEmpty {
            if isEnded { return nil }
            pthread_cond_wait(changed, mutex)
        }
        taken = jobs[...]
        jobs = []
        return taken.popFirst()
    }
}
