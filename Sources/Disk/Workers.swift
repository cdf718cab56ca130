import DequeModule
import System
import SystemPackage

/// The class of a job. Waiting jobs run in the order of the cases.
package enum WorkClass: Int, CaseIterable {
    case write, sync, read, verify
}

/// Threads that may block, so that the event loops and the cooperative pool don't.
package final class Workers: Sendable {
    package typealias Job = @Sendable () -> Void

    private let queue: JobQueue

    /// `limits` is how many jobs of each class may run at once.
    package init(threads: Int, limits: [WorkClass: Int]) throws(DiskError) {
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

    /// The threads finish the waiting jobs and end.
    deinit { queue.close() }

    package func submit(_ kind: WorkClass, _ job: @escaping Job) {
        queue.append(job, kind)
    }

    /// Submits the job unless `limit` jobs of its class are already waiting. Returns whether the job was accepted.
    package func submit(_ kind: WorkClass, limit: Int, _ job: @escaping Job) -> Bool {
        queue.append(job, kind, limit: limit)
    }

    /// Whether a job waits for a thread. A long-running job yields to it.
    var hasWaiting: Bool { queue.hasWaiting }

}

/// The waiting jobs of the threads of ``Workers``.
private final class JobQueue: Sendable {
    private struct State {
        let limits: [Int]
        var waiting: [Deque<Workers.Job>]
        var running: [Int]
        var isClosed = false
    }

    private let state: Monitor<State>

    init(limits: [Int]) {
        state = Monitor(
            State(limits: limits, waiting: limits.map { _ in Deque() }, running: limits.map { _ in 0 }))
    }

    /// Appends the job unless `limit` jobs of its class are already waiting. Returns whether the job was accepted.
    @discardableResult
    func append(_ job: @escaping Workers.Job, _ kind: WorkClass, limit: Int = .max) -> Bool {
        let wake = state.change { state in
            guard state.waiting[kind.rawValue].count < limit else { return .nothing }
            state.waiting[kind.rawValue].append(job)
            return .one
        }
        return wake != .nothing
    }

    var hasWaiting: Bool { state.read { $0.waiting.contains { !$0.isEmpty } } }

    func close() {
        state.change { state in
            state.isClosed = true
            return .all
        }
    }

    /// The main loop of one thread.
    func work() {
        while let kind = runNext() { finished(kind) }
    }

    /// Waits for a job and runs it; `nil` when there will be no more. The job is freed before this returns, because it
    /// may hold the last reference to the disk.
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
            // This thread may take a job of another class, so an idle thread has to learn that this class has room
            // again.
            let isLimited = state.limits[kind] != .max
            return isLimited && (!state.waiting[kind].isEmpty || state.isClosed) ? .all : .nothing
        }
    }
}
