import Torrent

/// A piece in the making: which blocks are free, requested, received, on disk, and who sent them.
final class ActivePiece {
    enum Phase: Equatable {
        /// Blocks are wanted.
        case downloading
        /// Complete, and waits for its note in the database (``Effect/open(_:)``) or for an early write of blocks to end.
        case waiting
        /// Being hashed and written.
        case verifying
        /// Complete, and the disk refused it: it is tried again when the fault is gone.
        case awaitingDisk
    }

    let piece: PieceIndex
    let blockCount: Int
    let openedAt: Instant
    var phase = Phase.downloading
    /// The peer that alone may be asked for blocks, outside the end-game, until it has proved itself.
    var exclusive: PeerKey?
    /// The peer that fills the piece now.
    var worker: PeerKey?
    /// How many requests for each block are outstanding.
    private(set) var requests: [UInt8]
    private(set) var received: [Bool]
    /// Blocks that stand in their place on disk since they were recorded there or written early; their sender may be unknown.
    private(set) var onDisk: [Bool]
    /// Blocks that stand in the piece's buffer.
    private(set) var inMemory: [Bool]
    /// Who sent each block.
    private(set) var senders: [PeerKey?]
    private(set) var receivedCount = 0
    /// Blocks neither received nor requested.
    private(set) var freeCount: Int
    private var firstFree = 0
    /// Set while an early write of blocks is on its way.
    var isBeingWritten = false
    /// What the database holds of ``onDisk``.
    var recordedBlocks = 0

    init(piece: PieceIndex, blockCount: Int, openedAt: Instant) {
        self.piece = piece
        self.blockCount = blockCount
        self.openedAt = openedAt
        requests = Array(repeating: 0, count: blockCount)
        received = Array(repeating: false, count: blockCount)
        onDisk = Array(repeating: false, count: blockCount)
        inMemory = Array(repeating: false, count: blockCount)
        senders = Array(repeating: nil, count: blockCount)
        freeCount = blockCount
    }

    var isComplete: Bool { receivedCount == blockCount }
    var onDiskCount: Int { onDisk.reduce(0) { $0 + ($1 ? 1 : 0) } }
    /// The blocks that are received and only in memory.
    var unwritten: [Int] { (0..<blockCount).filter { received[$0] && !onDisk[$0] } }
    var fromDisk: [Bool] { (0..<blockCount).map { !inMemory[$0] } }
    var contributors: Set<PeerKey> { Set(senders.compactMap(\.self)) }

    /// Takes the next free block for a request.
    func takeFree() -> Int? {
        while firstFree < blockCount {
            if requests[firstFree] == 0, !received[firstFree] {
                request(firstFree)
                return firstFree
            }
            firstFree += 1
        }
        return nil
    }

    /// Counts one more request for the block.
    func request(_ block: Int) {
        if requests[block] == 0, !received[block] { freeCount -= 1 }
        requests[block] += 1
    }

    /// One request for the block is no longer outstanding.
    func release(_ block: Int) {
        precondition(requests[block] > 0)
        requests[block] -= 1
        guard requests[block] == 0, !received[block] else { return }
        freeCount += 1
        firstFree = min(firstFree, block)
    }

    /// The block came; whether it was still missing.
    func receive(_ block: Int, from peer: PeerKey) -> Bool {
        guard count(block) else { return false }
        inMemory[block] = true
        senders[block] = peer
        return true
    }

    /// The block stands on disk since an earlier run; nobody knows who sent it.
    func restore(_ block: Int) {
        guard count(block) else { return }
        onDisk[block] = true
    }

    /// The block, received before, was written to its place.
    func markOnDisk(_ block: Int) {
        precondition(received[block])
        onDisk[block] = true
    }

    /// What was written since the last record may be gone: what is in memory is written again.
    func distrustDisk() {
        for block in 0..<blockCount where inMemory[block] { onDisk[block] = false }
        recordedBlocks = min(recordedBlocks, onDiskCount)
    }

    private func count(_ block: Int) -> Bool {
        guard !received[block] else { return false }
        received[block] = true
        receivedCount += 1
        if requests[block] == 0 { freeCount -= 1 }
        return true
    }

    /// The piece failed its hash: every block is wanted again.
    func reset() {
        phase = .downloading
        exclusive = nil
        worker = nil
        received = Array(repeating: false, count: blockCount)
        onDisk = Array(repeating: false, count: blockCount)
        inMemory = Array(repeating: false, count: blockCount)
        senders = Array(repeating: nil, count: blockCount)
        receivedCount = 0
        recordedBlocks = 0
        firstFree = 0
        freeCount = requests.reduce(0) { $0 + ($1 == 0 ? 1 : 0) }
    }
}
