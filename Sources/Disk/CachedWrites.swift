import DequeModule
import Synchronization

/// The pieces of one torrent that wait to be written through the page cache, each to one or a few files.
///
/// One thread at a time writes them, because the kernel lets only one writer into a file (`i_rwsem`), and a second
/// writer would keep its processor busy while it waits.
final class CachedWrites: Sendable {
    private struct State {
        var isOnlyWay = false
        var isBeingWritten = false
        var waiting = Deque<Disk.PieceJob>()
    }

    private let state = Mutex(State())

    /// Whether a file of the torrent refused direct I/O, so that all writes go through the page cache.
    var isOnlyWay: Bool { state.withLock(\.isOnlyWay) }

    func becomeOnlyWay() {
        state.withLock { $0.isOnlyWay = true }
    }

    /// Adds a job. Returns `true` if the caller must now write all waiting jobs, until ``next()`` returns `nil`.
    func add(_ job: Disk.PieceJob) -> Bool {
        state.withLock { state in
            state.waiting.append(job)
            defer { state.isBeingWritten = true }
            return !state.isBeingWritten
        }
    }

    /// The next job to write. `nil` ends the caller's turn.
    func next() -> Disk.PieceJob? {
        state.withLock { state in
            let job = state.waiting.popFirst()
            if job == nil { state.isBeingWritten = false }
            return job
        }
    }
}
