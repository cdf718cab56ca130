import System
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
            do {
                try SystemThread.start(name: "disk-\(n)") { [queue] in queue.work() }
            } catch {
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

}

/// The jobs that wait, for the threads of ``Workers``.
private final class JobQueue: Sendable {
    private struct State {
        let limits: [Int]
        var waiting: [Fifo<Workers.Job>]
        var running: [Int]
        var isClosed = false
    }

    private let state: Monitor<State>

    init(limits: [Int]) {
        state = Monitor(
            State(limits: limits, waiting: limits.map { _ in Fifo() }, running: limits.map { _ in 0 }))
    }

    /// Whether the job was accepted: `false` when `limit` jobs of its class wait already.
    @discardableResult
    func append(_ job: @escaping Workers.Job, _ kind: WorkClass, limit: Int = .max) -> Bool {
        let wake = state.change { state in
            guard state.waiting[kind.rawValue].count < limit else { return .nobody }
            state.waiting[kind.rawValue].append(job)
            return .one
        }
        return wake != .nobody
    }

    var hasWaiting: Bool { state.read { $0.waiting.contains { !$0.isEmpty } } }

    func close() {
        state.change { state in
            state.isClosed = true
            return .all
        }
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
        state.wait { state -> (Workers.Job, Int)?? in
            for kind in state.limits.indices where state.running[kind] < state.limits[kind] {
                guard let job = state.waiting[kind].popFirst() else { continue }
                state.running[kind] += 1
                return .some((job, kind))
            }
            return state.isClosed && state.waiting.allSatisfy(\.isEmpty) ? .some(nil) : nil
        }
    }

    private func finished(_ kind: Int) {
        state.change { state in
            state.running[kind] -= 1
            // This thread may take a job of another class: an idle one has to learn that this class has room again.
            let isLimited = state.limits[kind] != .max
            return isLimited && (!state.waiting[kind].isEmpty || state.isClosed) ? .all : .nobody
        }
    }
}
