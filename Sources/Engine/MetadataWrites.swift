import NIOCore
import Store
import Torrent

/// Writes the blocks of one torrent's metadata to the database, in order. Blocks that arrive during a transaction go
/// into the next one together.
actor MetadataWrites {
    enum Work: Sendable {
        case save(size: Int, index: Int, sender: PeerAddress, data: [UInt8])
        case drop(size: Int, exceptOf: PeerAddress?)
    }

    private let id: TorrentID
    private let store: Store
    private let loop: any EventLoop
    private var queue: [Work] = []
    private var writing: Task<Void, Never>?
    /// Called on the loop with the blocks that were written, by size, or that couldn't be.
    private let answer: @Sendable (_ size: Int, _ blocks: [Int], StoreError?) -> Void

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(
        _ id: TorrentID, store: Store, loop: any EventLoop,
        answer: @escaping @Sendable (_ size: Int, _ blocks: [Int], StoreError?) -> Void
    ) {
        self.id = id
        self.store = store
        self.loop = loop
        self.answer = answer
    }

    /// Submits work. Call this on the loop.
    nonisolated func submit(_ work: Work) {
        assumeIsolated { writes in
            writes.queue.append(work)
            if writes.writing == nil { writes.writing = Task { await writes.run() } }
        }
    }

    /// Returns when everything that was submitted is written.
    func drain() async { while let writing { await writing.value } }

    private func run() async {
        while !queue.isEmpty {
            let batch = queue
            queue = []
            var failure: StoreError?
            do throws(StoreError) {
                try await store.perform { [id] db throws(StoreError) in try Self.write(batch, of: id, db) }
            } catch {
                failure = error
            }
            var blocks: [Int: [Int]] = [:]
            for case .save(let size, let index, _, _) in batch { blocks[size, default: []].append(index) }
            for (size, blocks) in blocks { answer(size, blocks, failure) }
        }
        writing = nil
    }

    private static func write(_ batch: [Work], of id: TorrentID, _ db: Connection) throws(StoreError) {
        try db.transaction(.immediate, durability: .lazy) { () throws(StoreError) in
            for work in batch {
                switch work {
                case .save(let size, let index, let sender, let data):
                    try db.magnets.save(id, size: size, index: index, from: sender, data)
                case .drop(let size, let sender): try db.magnets.dropBlocks(id, size: size, exceptOf: sender)
                }
            }
        }
    }
}
