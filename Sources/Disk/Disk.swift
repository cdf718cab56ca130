// Room: Disk.
// Duty: the payload files: place, read, hash, write, sync, fingerprint, volumes.
// Owns: every descriptor of a payload file, the threads that may block on one, and the record of what was written since
// the last sync.
// Never: makes an output folder that the user didn't name; truncates a file; writes to a file that it neither created
// nor was allowed to write to; follows a symbolic link below the output folder; blocks an event loop or the cooperative
// pool; decides which piece is needed.
// Invariants: a piece is written only after its hash was found right; a `SyncReport` calls a file durable only after
// its data, its size and the directories that name it were synced, in that order; the result of every write, sync and
// close is checked.

import Glibc
import Synchronization
import SystemPackage
package import Torrent

/// The payload files of all torrents, accessed on dedicated threads.
///
/// Every operation has two forms: one with a `completion`, which a disk thread calls, and one that is `async`.
package final class Disk: Sendable {
    /// Threads in addition to one per core, so that a verification on all cores and two syncs still leave one for the
    /// swarm.
    private static let spareThreads = 3
    /// Reads that may wait; further ones complete with ``DiskError/Code/busy``.
    package static let maximumQueuedReads = 16384

    let calls: any DiskCalls
    package let pool: DescriptorPool
    let workers: Workers
    let owners = FileOwners()
    private let ledgers = Mutex<[InfoHash: WriteLedger]>([:])

    /// The number of files from which a sync uses one call for the whole file system.
    let volumeSyncFrom: Int
    /// The processors that hash at once.
    package let cores: Int
    /// How long reads for peers take.
    package let peerReads = ReadTimes()
    /// The pool of the pieces' buffers.
    package let buffers: PieceBufferPool

    /// `cores` and `descriptorLimit` default to the limits of the machine and the process. `calls` is the system,
    /// except in tests that use a faulty disk.
    ///
    /// A sync of `volumeSyncFrom` files or more is one call for all of them where the file system supports it, because
    /// each `fdatasync` of a small file commits a journal and flushes the disk.
    package init(
        cores: Int? = nil, descriptorLimit: Int? = nil, volumeSyncFrom: Int = 64, calls: any DiskCalls = SystemCalls()
    ) throws(DiskError) {
        let cores = max(1, cores ?? sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        self.cores = cores
        self.calls = calls
        self.volumeSyncFrom = volumeSyncFrom
        self.pool = DescriptorPool(limit: descriptorLimit ?? DescriptorPool.defaultLimit)
        self.buffers = PieceBufferPool()
        self.workers = try Workers(
            threads: cores + Self.spareThreads,
            limits: [.write: .max, .read: .max, .sync: 2, .verify: cores])
    }

    /// Runs a job that may block on a disk thread, after the waiting writes.
    package func perform(_ job: @escaping @Sendable () -> Void) {
        workers.submit(.read, job)
    }

    /// Runs an operation on a disk thread and passes its result to `completion`.
    func run<Value: Sendable>(
        _ kind: WorkClass, _ completion: @escaping @Sendable (Result<Value, DiskError>) -> Void,
        _ operation: @escaping @Sendable () throws(DiskError) -> Value
    ) {
        workers.submit(kind) { completion(Result(catching: operation)) }
    }

    /// Closes the torrent's files and forgets what was written to them since the last sync. Call
    /// ``sync(_:completion:)`` first.
    package func release(_ torrent: InfoHash) {
        pool.removeAll(of: torrent)
        owners.releaseAll(of: torrent)
        ledgers.withLock { _ = $0.removeValue(forKey: torrent) }
    }

    /// The record of what was written to the torrent's files in this run.
    func ledger(of torrent: InfoHash) -> WriteLedger {
        ledgers.withLock { ledgers in
            if let ledger = ledgers[torrent] { return ledger }
            let ledger = WriteLedger()
            ledgers[torrent] = ledger
            return ledger
        }
    }
}

/// Waits for an operation that completes on a disk thread.
package func answer<Value: Sendable>(_ start: (@escaping @Sendable (Value) -> Void) -> Void) async -> Value {
    await withCheckedContinuation { continuation in start { continuation.resume(returning: $0) } }
}
