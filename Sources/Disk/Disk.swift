// Room: Disk.
// Duty: the payload files: place, read, hash, write, sync, fingerprint, volumes.
// Owns: every descriptor of a payload file, the threads that may block on one, and what was written since the last
// sync. Never: makes an output folder that nobody asked for; cuts a file; writes to a file that it neither created nor
// was allowed to write to; follows a symbolic link below the output folder;
//     blocks an event loop or the cooperative pool; decides which piece is needed.
// Invariants: a piece is written only after its hash was right; a file is in a `SyncReport` as durable only after its
// data, its size
//     and the directories that name it were synced, in that order; no result of a write, sync or close goes unread.
import Glibc
import Synchronization
import SystemPackage
import Torrent

/// The payload files of all torrents, behind threads of their own.
///
/// Every operation has two faces: one with a `completion`, which a disk thread calls, and one that is `async`.
package final class Disk: Sendable {
    /// Threads beyond one a core, so that a verification on all cores and two syncs still leave one for the swarm.
    private static let spareThreads = 3
    /// Reads that may wait; more are answered with ``DiskError/Code/busy``.
    package static let maximumQueuedReads = 16384

    let calls: any DiskCalls
    let pool: DescriptorPool
    let workers: Workers
    let owners = FileOwners()
    private let ledgers = Mutex<[InfoHash: WriteLedger]>([:])

    /// From how many files on a sync asks the file system as a whole.
    let volumeSyncFrom: Int
    /// The processors that hash at once.
    package let cores: Int
    /// Where the buffers of pieces come from.
    package let buffers: PieceBufferPool

    /// `cores` and `descriptorLimit` default to what the machine and the process have; `calls` is the system unless a
    /// test puts a faulty disk there.
    ///
    /// A sync of `volumeSyncFrom` files or more is one call for all of them, where the file system can: each
    /// `fdatasync` of a small file commits a journal and flushes the disk.
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

    /// Runs a job that may block on a disk thread, behind the writes that wait.
    package func perform(_ job: @escaping @Sendable () -> Void) {
        workers.submit(.read, job)
    }

    /// Runs an operation on a disk thread and hands on what it answers.
    func run<Value: Sendable>(
        _ kind: WorkClass, _ completion: @escaping @Sendable (Result<Value, DiskError>) -> Void,
        _ operation: @escaping @Sendable () throws(DiskError) -> Value
    ) {
        workers.submit(kind) { completion(Result(catching: operation)) }
    }

    /// Closes the torrent's files and forgets what was written to them since the last sync: call
    /// ``sync(_:completion:)`` before.
    package func release(_ torrent: InfoHash) {
        pool.removeAll(of: torrent)
        owners.releaseAll(of: torrent)
        ledgers.withLock { _ = $0.removeValue(forKey: torrent) }
    }

    /// What was written to the torrent's files in this run.
    func ledger(of torrent: InfoHash) -> WriteLedger {
        ledgers.withLock { ledgers in
            if let ledger = ledgers[torrent] { return ledger }
            let ledger = WriteLedger()
            ledgers[torrent] = ledger
            return ledger
        }
    }
}

/// Waits for an operation that answers on a disk thread.
func answer<Value: Sendable>(_ start: (@escaping @Sendable (Value) -> Void) -> Void) async -> Value {
    await withCheckedContinuation { continuation in start { continuation.resume(returning: $0) } }
}
