import Torrent

/// An active piece: which of its blocks are free, requested, received or on disk, and which source sent each.
package final class ActivePiece {
    enum Phase: Equatable {
        /// Blocks are missing.
        case downloading
        /// Complete, but its write intent (``Effect/recordIntents(_:)``) or an early write of its blocks is still under
        /// way.
        case waiting
        /// Being hashed and written.
        case verifying
        /// Complete, but the disk refused it; the write is retried when the fault is gone.
        case awaitingDisk
    }

    private struct Block {
        /// The number of outstanding requests for the block.
        var requests: UInt8 = 0
        var isReceived = false
        /// Whether the block is in the piece's buffer.
        var isInMemory = false
        /// Whether the block is in its place on disk, written early in this run or recorded by an earlier one.
        var isOnDisk = false
        /// Whether the database records the block as on disk. A failed sync doesn't affect recorded blocks.
        var isRecorded = false
        /// The source of the block; `nil` if an earlier run received it.
        var sender: SourceKey?
    }

    let piece: PieceIndex
    let activatedAt: Instant
    private(set) var phase = Phase.downloading
    /// The only source that may be asked for blocks outside the end game, until it has proved itself.
    var assignedSource: SourceKey?
    /// How often the piece failed its hash check with more than one possible culprit.
    private let disputes: Int
    /// The only source that may be asked for blocks of a disputed piece, until it is too slow: see
    /// ``begins(with:now:)``.
    private(set) var soleSource: SourceKey?
    private var soleUntil = Instant.origin
    /// The source that currently fills the piece.
    var currentSource: SourceKey?
    /// Whether an early write of blocks is under way.
    private(set) var isBeingWritten = false

    // These four belong to `PieceStates`.

    /// Whether the piece counts against the memory budget. All blocks of a parked piece are on disk.
    var isBuffered = false
    /// Whether it was complete since it was buffered, and counts as waiting for the disk.
    var isWaitingInMemory = false
    /// Whether the piece is in the list of pieces with free blocks.
    var isListed = false
    /// Whether the piece is no longer active.
    var isClosed = false

    private var blocks: [Block]
    private(set) var receivedCount = 0
    private(set) var onDiskCount = 0
    private(set) var recordedCount = 0
    /// The number of blocks that are neither received nor requested.
    private(set) var freeCount: Int
    /// The number of outstanding requests for all blocks.
    private(set) var requestCount = 0
    private var firstFree = 0
    /// The sources that were asked for a block, for each block that more than one was asked for.
    private var rivals: [Int: [SourceKey]] = [:]

    init(piece: PieceIndex, blockCount: Int, disputes: Int = 0, activatedAt: Instant) {
        self.piece = piece
        self.disputes = disputes
        self.activatedAt = activatedAt
        blocks = Array(repeating: Block(), count: blockCount)
        freeCount = blockCount
    }

    var blockCount: Int { blocks.count }
    var isComplete: Bool { receivedCount == blocks.count }
    /// Whether any received block is only in memory.
    var hasUnwritten: Bool { receivedCount > onDiskCount }
    var unwritten: [Int] { blocks.indices.filter { blocks[$0].isReceived && !blocks[$0].isOnDisk } }
    var recorded: BlockSet { BlockSet(blocks.indices.lazy.filter { self.blocks[$0].isRecorded }) }
    /// Blocks that are not in the piece's buffer.
    var outsideMemory: BlockSet { BlockSet(blocks.indices.lazy.filter { !self.blocks[$0].isInMemory }) }
    var written: BlockSet { BlockSet(blocks.indices.lazy.filter { self.blocks[$0].isOnDisk }) }
    var senders: [SourceKey?] { blocks.map(\.sender) }
    var contributors: Set<SourceKey> { Set(blocks.lazy.compactMap(\.sender)) }
    /// Whether the buffer can be freed without losing a block.
    var isParkable: Bool {
        isBuffered && phase == .downloading && !isBeingWritten && requestCount == 0 && recordedCount == receivedCount
    }

    func requests(for block: Int) -> Int { Int(blocks[block].requests) }
    func isReceived(_ block: Int) -> Bool { blocks[block].isReceived }
    /// Whether the block is neither received nor requested.
    func isFree(_ block: Int) -> Bool { !blocks[block].isReceived && blocks[block].requests == 0 }

    // MARK: Phases

    /// The last block arrived.
    func completed() { phase = .waiting }

    /// The piece is being hashed and written.
    package func verificationBegan() { phase = .verifying }

    /// The disk refused the piece, or can't be written at present.
    func refused() { phase = .awaitingDisk }

    /// The fault is gone that the disk refused the piece for.
    func retried() {
        if phase == .awaitingDisk { phase = .waiting }
    }

    /// The torrent is at rest.
    func rest() {
        phase = .downloading
        currentSource = nil
    }

    /// An early write of the received blocks began.
    func earlyWriteBegan() { isBeingWritten = true }

    /// The early write ended; `written` are the blocks that are on disk now.
    func earlyWriteEnded(written: [Int]) {
        for block in written { markOnDisk(block) }
        isBeingWritten = false
    }

    // MARK: One source alone

    /// How long the first attempt to fetch a disputed piece from one source may take. Each further one may take twice
    /// as long, so that one of them is long enough.
    private static let soleTime = Duration.seconds(60)
    private static let mostDoublings = 10

    /// The source will be asked for a block. If the piece was disputed and this is its first block, the others stay
    /// away from it: with all of them, a source that always lies would spoil it each time, and never be found out. From
    /// one alone, it either passes, which shows who lied before, or fails, which shows who lied now.
    func begins(with source: SourceKey, now: Instant) {
        guard disputes > 0, soleSource == nil, requestCount == 0, blocks.allSatisfy({ $0.sender == nil }) else {
            return
        }
        soleSource = source
        soleUntil = now + Self.soleTime * (1 << min(disputes - 1, Self.mostDoublings))
    }

    func mayBeFilled(by source: SourceKey) -> Bool { soleSource == nil || soleSource == source }

    /// The source delivers nothing at present: others may help.
    func endSoleSource(_ source: SourceKey) {
        if soleSource == source { soleSource = nil }
    }

    func endSlowSoleSource(now: Instant) {
        if now >= soleUntil { soleSource = nil }
    }

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

    /// Counts a request for a block that another source was asked for before.
    func request(_ block: Int, again source: SourceKey, besides holder: SourceKey) {
        request(block)
        var keys = rivals[block] ?? []
        for key in [holder, source] where !keys.contains(key) { keys.append(key) }
        rivals[block] = keys
    }

    /// Removes and returns the sources that were asked for the block besides each other.
    func takeRivals(for block: Int) -> [SourceKey] { rivals.removeValue(forKey: block) ?? [] }

    /// Counts one request for the block fewer.
    func release(_ block: Int) {
        precondition(blocks[block].requests > 0)
        blocks[block].requests -= 1
        requestCount -= 1
        if blocks[block].requests == 0, !blocks[block].isReceived { free(block) }
    }

    // MARK: Blocks

    /// Receives the block. Returns whether it was still missing.
    func receive(_ block: Int, from source: SourceKey) -> Bool {
        guard count(block) else { return false }
        blocks[block].isInMemory = true
        blocks[block].sender = source
        return true
    }

    /// Restores a block that an earlier run recorded as on disk; its sender is unknown.
    func restore(_ block: Int) {
        guard count(block) else { return }
        blocks[block].isOnDisk = true
        blocks[block].isRecorded = true
        onDiskCount += 1
        recordedCount += 1
    }

    /// Marks a received block as written to its place.
    private func markOnDisk(_ block: Int) {
        precondition(blocks[block].isReceived)
        guard !blocks[block].isOnDisk else { return }
        blocks[block].isOnDisk = true
        onDiskCount += 1
    }

    /// Marks those of the blocks that are on disk as recorded in the database.
    func markRecorded(_ recorded: BlockSet) {
        for block in recorded.blocks where blocks[block].isOnDisk && !blocks[block].isRecorded {
            blocks[block].isRecorded = true
            recordedCount += 1
        }
    }

    /// Forgets blocks that were written but not recorded, because the disk may have lost them. They are written again
    /// from memory, or wanted again.
    func forgetUnrecorded() {
        for block in blocks.indices where blocks[block].isOnDisk && !blocks[block].isRecorded {
            blocks[block].isOnDisk = false
            onDiskCount -= 1
            if !blocks[block].isInMemory { lose(block) }
        }
        if !isComplete { phase = .downloading }
    }

    /// Forgets the buffer. Blocks that aren't on disk are wanted again.
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

    /// Descriptions of wrong counts, for tests; empty if all are right.
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
