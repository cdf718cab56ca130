import Torrent

/// A piece in the making: which blocks are free, requested, received, on disk, and who sent them.
final class ActivePiece {
    enum Phase: Equatable {
        /// Blocks are wanted.
        case downloading
        /// Complete, and waits for its note in the database (``Effect/open(_:)``) or for an early write of blocks to
        /// end.
        case waiting
        /// Being hashed and written.
        case verifying
        /// Complete, and the disk refused it: it is tried again when the fault is gone.
        case awaitingDisk
    }

    private struct Block {
        /// How many requests for it are outstanding.
        var requests: UInt8 = 0
        var isReceived = false
        /// It stands in the piece's buffer.
        var isInMemory = false
        /// It stands in its place on disk, written early in this run or recorded by an earlier one.
        var isOnDisk = false
        /// The database says so, too: a failed sync doesn't touch it.
        var isRecorded = false
        /// Unknown for a block that an earlier run received.
        var sender: PeerKey?
    }

    let piece: PieceIndex
    let openedAt: Instant
    var phase = Phase.downloading
    /// The peer that alone may be asked for blocks, outside the end-game, until it has proved itself.
    var exclusive: PeerKey?
    /// The peer that fills the piece now.
    var worker: PeerKey?
    /// Set while an early write of blocks is on its way.
    var isBeingWritten = false
    /// Whether it counts against the memory budget: parked pieces have all that they have on disk.
    var isBuffered = false
    /// Whether it stands in the list of pieces with free blocks.
    var isListed = false
    var isClosed = false

    private var blocks: [Block]
    private(set) var receivedCount = 0
    private(set) var onDiskCount = 0
    private(set) var recordedCount = 0
    /// Blocks neither received nor requested.
    private(set) var freeCount: Int
    /// Outstanding requests for all blocks.
    private(set) var requestCount = 0
    private var firstFree = 0

    init(piece: PieceIndex, blockCount: Int, openedAt: Instant) {
        self.piece = piece
        self.openedAt = openedAt
        blocks = Array(repeating: Block(), count: blockCount)
        freeCount = blockCount
    }

    var blockCount: Int { blocks.count }
    var isComplete: Bool { receivedCount == blocks.count }
    /// Whether something was received and stands only in memory.
    var hasUnwritten: Bool { receivedCount > onDiskCount }
    var unwritten: [Int] { blocks.indices.filter { blocks[$0].isReceived && !blocks[$0].isOnDisk } }
    var onDisk: [Bool] { blocks.map(\.isOnDisk) }
    var recorded: [Bool] { blocks.map(\.isRecorded) }
    var fromDisk: [Bool] { blocks.map { !$0.isInMemory } }
    var senders: [PeerKey?] { blocks.map(\.sender) }
    var contributors: Set<PeerKey> { Set(blocks.lazy.compactMap(\.sender)) }
    /// Whether its buffer can be given up without losing a block.
    var isParkable: Bool {
        isBuffered && phase == .downloading && !isBeingWritten && requestCount == 0 && recordedCount == receivedCount
    }

    func requests(for block: Int) -> Int { Int(blocks[block].requests) }
    func isReceived(_ block: Int) -> Bool { blocks[block].isReceived }

    // MARK: Requests

    /// Takes the next free block for a request.
    func takeFree() -> Int? {
        while firstFree < blocks.count {
            if blocks[firstFree].requests == 0, !blocks[firstFree].isReceived {
                request(firstFree)
                return firstFree
            }
            firstFree += 1
        }
        return nil
    }

    /// Counts one more request for the block.
    func request(_ block: Int) {
        if blocks[block].requests == 0, !blocks[block].isReceived { freeCount -= 1 }
        blocks[block].requests += 1
        requestCount += 1
    }

    /// One request for the block is no longer outstanding.
    func release(_ block: Int) {
        precondition(blocks[block].requests > 0)
        blocks[block].requests -= 1
        requestCount -= 1
        if blocks[block].requests == 0, !blocks[block].isReceived { free(block) }
    }

    // MARK: Blocks

    /// The block came; whether it was still missing.
    func receive(_ block: Int, from peer: PeerKey) -> Bool {
        guard count(block) else { return false }
        blocks[block].isInMemory = true
        blocks[block].sender = peer
        return true
    }

    /// The database says that the block stands on disk since an earlier run; nobody knows who sent it.
    func restore(_ block: Int) {
        guard count(block) else { return }
        blocks[block].isOnDisk = true
        blocks[block].isRecorded = true
        onDiskCount += 1
        recordedCount += 1
    }

    /// The block, received before, was written to its place.
    func markOnDisk(_ block: Int) {
        precondition(blocks[block].isReceived)
        guard !blocks[block].isOnDisk else { return }
        blocks[block].isOnDisk = true
        onDiskCount += 1
    }

    /// The database knows of these blocks on disk.
    func markRecorded(_ mask: [Bool]) {
        for (block, isThere) in mask.enumerated() where isThere && blocks[block].isOnDisk && !blocks[block].isRecorded {
            blocks[block].isRecorded = true
            recordedCount += 1
        }
    }

    /// What was written since the last record may be gone: it is written again from memory, or wanted again.
    func distrustDisk() {
        for block in blocks.indices where blocks[block].isOnDisk && !blocks[block].isRecorded {
            blocks[block].isOnDisk = false
            onDiskCount -= 1
            if !blocks[block].isInMemory { lose(block) }
        }
    }

    /// The buffer is given up: what isn't on disk is wanted again.
    func forgetMemory() {
        for block in blocks.indices where blocks[block].isInMemory {
            blocks[block].isInMemory = false
            if !blocks[block].isOnDisk { lose(block) }
        }
    }

    private func count(_ block: Int) -> Bool {
        guard !blocks[block].isReceived else { return false }
        blocks[block].isReceived = true
        receivedCount += 1
        if blocks[block].requests == 0 { freeCount -= 1 }
        return true
    }

    private func lose(_ block: Int) {
        blocks[block].isReceived = false
        blocks[block].sender = nil
        receivedCount -= 1
        if blocks[block].requests == 0 { free(block) }
    }

    private func free(_ block: Int) {
        freeCount += 1
        firstFree = min(firstFree, block)
    }

    /// What is wrong with the counts, for tests: nothing.
    var faults: [String] {
        var faults: [String] = []
        func expect(_ isTrue: Bool, _ what: String) {
            if !isTrue { faults.append("piece \(piece): \(what)") }
        }
        expect(receivedCount == blocks.count { $0.isReceived }, "received blocks are miscounted")
        expect(onDiskCount == blocks.count { $0.isOnDisk }, "blocks on disk are miscounted")
        expect(recordedCount == blocks.count { $0.isRecorded }, "recorded blocks are miscounted")
        expect(freeCount == blocks.count { !$0.isReceived && $0.requests == 0 }, "free blocks are miscounted")
        expect(requestCount == blocks.reduce(0) { $0 + Int($1.requests) }, "requests are miscounted")
        expect(blocks[..<firstFree].allSatisfy { $0.isReceived || $0.requests > 0 }, "a free block is overlooked")
        expect(
            blocks.allSatisfy { $0.isReceived == ($0.isInMemory || $0.isOnDisk) },
            "a received block is nowhere, or one that is somewhere isn't received")
        expect(blocks.allSatisfy { !$0.isRecorded || $0.isOnDisk }, "a recorded block isn't on disk")
        expect(
            isBuffered || blocks.allSatisfy { !$0.isInMemory && $0.requests == 0 },
            "a parked piece has blocks in memory or requests")
        expect(phase == .downloading || isComplete, "an incomplete piece is past downloading")
        expect(isComplete || phase == .downloading, "a piece waits though it isn't complete")
        return faults
    }
}
