import NIOCore
import Store
import Torrent
import Verification

/// The only path from active torrents into the database. Work that arrives during a transaction goes into the next one,
/// for all torrents together.
actor CommitQueue {
    enum Work: Sendable {
        /// A write intent. Files that are about to be created are recorded with it, so that a power cut can't lose the
        /// intent but leave the file.
        case open(TorrentID, [PieceIndex], creating: [Int])
        /// The same for unverified pieces, which are not about to be written.
        case unverify(TorrentID, [PieceIndex])
        /// Data that became durable.
        case record(ProgressRecord)
        /// What a scrub has found.
        case scrubbed(ScrubRecord)
    }

    /// The result of a transaction.
    struct Outcome: Sendable {
        /// The error because of which nothing was written.
        var error: StoreError?
        /// The transaction was written, but little room is left.
        var shortage: StoreError?
    }

    private struct Entry {
        let work: Work
        let completion: @Sendable (Outcome) -> Void
    }

    private let store: Store
    private let loop: any EventLoop
    private var queue: [Entry] = []
    private var isRunning = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(store: Store, loop: any EventLoop) {
        self.store = store
        self.loop = loop
    }

    /// Submits work. Call this on the loop; `completion` is called on the loop.
    nonisolated func submit(_ work: Work, completion: @escaping @Sendable (Outcome) -> Void) {
        assumeIsolated { commitQueue in
            commitQueue.queue.append(Entry(work: work, completion: completion))
            guard !commitQueue.isRunning else { return }
            commitQueue.isRunning = true
            Task { await commitQueue.run() }
        }
    }

    private func run() async {
        while !queue.isEmpty {
            let batch = queue
            queue = []
            let unverified = batch.filter { if case .unverify = $0.work { true } else { false } }
            let opens = batch.filter { if case .open = $0.work { true } else { false } }
            let records = batch.filter {
                switch $0.work {
                case .record, .scrubbed: true
                case .open, .unverify: false
                }
            }
            // Intents go first: a record may close an intent of the same batch, but never the other way round.
            await perform(unverified)
            await perform(opens)
            await perform(records)
        }
        isRunning = false
    }

    private func perform(_ entries: [Entry]) async {
        guard !entries.isEmpty else { return }
        let work = entries.map(\.work)
        var outcome = Outcome()
        do throws(StoreError) {
            outcome.shortage = try await store.perform { connection throws(StoreError) in
                try Self.write(work, to: connection)
                return connection.shortage
            }
        } catch {
            outcome.error = error
        }
        for entry in entries { entry.completion(outcome) }
    }

    private static func write(_ work: [Work], to connection: Connection) throws(StoreError) {
        let now = Timestamp.now()
        var records: [ProgressRecord] = []
        var scrubs: [ScrubRecord] = []
        for item in work {
            switch item {
            case .open(let id, let pieces, let files):
                // A write intent is accepted only if there is room for the piece's record.
                try connection.requireRoom()
                try connection.pieces.addWriteIntents(id, pieces, now: now)
                try connection.files.announce(id, files)
            case .unverify(let id, let pieces): try connection.pieces.addWriteIntents(id, pieces, now: now)
            case .record(let record): records.append(record)
            case .scrubbed(let record): scrubs.append(record)
            }
        }
        guard !scrubs.isEmpty else {
            if !records.isEmpty { _ = try connection.pieces.record(records) }
            return
        }
        // What a scrub has read and found good is only read once more if a power cut loses it.
        let isUrgent = !records.isEmpty || scrubs.contains(where: \.isUrgent)
        try connection.transaction(.immediate, durability: isUrgent ? .full : .lazy) { () throws(StoreError) in
            if !records.isEmpty { _ = try connection.pieces.record(records) }
            for scrub in scrubs { try scrub.write(to: connection, now: now) }
        }
        connection.settleWithdrawnClaims()
    }
}
