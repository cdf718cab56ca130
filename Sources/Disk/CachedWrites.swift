import Synchronization

/// The pieces of one torrent that wait to be written through the page cache, each in one file or few.
///
/// One thread at a time writes them: the kernel lets one writer at a file (i_rwsem), and one that waits for it keeps
/// its processor busy.
final class CachedWrites: Sendable {
    private struct State {
        var isOnlyWay = false
        var isBeingWritten = false
        var waiting = Fifo<Disk.PieceJob>()
    }

    private let state = Mutex(State())

    /// Whether a file of the torrent refused to be written past the cache.
    var isOnlyWay: Bool { state.withLock(\.isOnlyWay) }

    func becomeOnlyWay() {
        state.withLock { $0.isOnlyWay = true }
    }

    /// Takes a job; `true` for the caller whose turn it is to write all that waits, until ``next()`` has no more.
    func add(_ job: Disk.PieceJob) -> Bool {
        state.withLock { state in
            state.waiting.append(job)
            defer { state.isBeingWritten = true }
            return !state.isBeingWritten
        }
    }

    /// What to write next; with `nil` the turn is over.
    func next() -> Disk.PieceJob? {
        state.withLock { state in
            let job = state.waiting.popFirst()
            if job == nil { state.isBeingWritten = false }
            return job
        }
    }
}
