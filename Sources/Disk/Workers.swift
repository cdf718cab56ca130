import Glibc
import SystemPackage

/// What kind of work a job is: the order of the cases is the order in which waiting jobs are taken.
enum WorkClass: Int, CaseIterable {
    case write, sync, read, verify
}

/// Threads that may block, so that the event loops and the cooperative pool don't.
final class Workers: Sendable {
    typealias Job = @Sendable () -> Void

    private let queue: JobQueue

    /// `limits` says how many jobs of a class may run at once.
    init(threads: Int, limits: [WorkClass: Int]) throws(DiskError) {
        queue = JobQueue(limits: WorkClass.allCases.map { limits[$0] ?? .max })
        for n in 0..<threads {
            do { try Self.start(queue, name: "disk-\(n)") } catch {
                queue.close()
                throw DiskError(error, .startThread, "the disk")
            }
        }
    }

    /// The threads finish what waits and end.
    deinit { queue.close() }

    func submit(_ kind: WorkClass, _ job: @escaping Job) {
        queue.append(job, kind)
    }

    /// Whether the job was taken: `false` when `limit` jobs of its class wait already.
    func submit(_ kind: WorkClass, limit: Int, _ job: @escaping Job) -> Bool {
        queue.append(job, kind, limit: limit)
    }

    /// Whether a job waits for a thread: one that has much to do lets it go first.
    var hasWaiting: Bool { queue.hasWaiting }

    private static func start(_ queue: JobQueue, name: String) throws(Errno) {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(queue)
        let result = pthread_create(
            &thread, nil,
            { context in
                let queue = Unmanaged<JobQueue>.fromOpaque(context!).takeRetainedValue()
                queue.work()
                return nil
            }, context.toOpaque())
        guard result == 0 else {
            context.release()
            throw Errno(rawValue: result)
        }
        CLibrary.name(thread, name)
        pthread_detach(thread)
    }
}

/// The jobs that wait. `@unchecked Sendable`: every stored `var` is used under `mutex` alone, which a condition
/// variable needs to be a pthread one.
private final class JobQueue: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let limits: [Int]
    private var waiting: [Fifo<Workers.Job>]
    private var running: [Int]
    private var isClosed = false

    init(limits: [Int]) {
        self.limits = limits
        self.waiting = limits.map { _ in Fifo() }
        self.running = limits.map { _ in 0 }
        // Default attributes: on Linux neither call can fail (pthread_mutex_init(3p), pthread_cond_init(3p)).
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    @discardableResult
    func append(_ job: @escaping Workers.Job, _ kind: WorkClass, limit: Int = .max) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        guard waiting[kind.rawValue].count < limit else { return false }
        waiting[kind.rawValue].append(job)
        pthread_cond_signal(condition)
        return true
    }

    var hasWaiting: Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return waiting.contains { !$0.isEmpty }
    }

    func close() {
        pthread_mutex_lock(mutex)
        isClosed = true
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
    }

    /// One thread's life.
    func work() {
        while let kind = runNext() { finished(kind) }
    }

    /// Waits for a job and runs it; `nil` when there will be no more. The job is freed before this returns:
    /// with it may go the last reference to the disk.
    private func runNext() -> Int? {
        guard let (job, kind) = next() else { return nil }
        job()
        return kind
    }

    private func next() -> (Workers.Job, Int)? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            for kind in limits.indices where running[kind] < limits[kind] {
                guard let job = waiting[kind].popFirst() else { continue }
                running[kind] += 1
                return (job, kind)
            }
            if isClosed, waiting.allSatisfy(\.isEmpty) { return nil }
            pthread_cond_wait(condition, mutex)
        }
    }

    private func finished(_ kind: Int) {
        pthread_mutex_lock(mutex)
        running[kind] -= 1
        // This thread may take a job of another class: an idle one has to hear that this class has room again.
        if limits[kind] != .max, !waiting[kind].isEmpty || isClosed { pthread_cond_broadcast(condition) }
        pthread_mutex_unlock(mutex)
    }
}
