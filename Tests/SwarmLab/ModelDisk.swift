import Swarm
import Torrent

/// The payload files of one client in three layers: what was written, what was synced, and what a crash leaves.
struct ModelDisk {
    struct File {
        let blocks: Range<Int>
        let pieces: Range<PieceIndex>
        let length: Int64
        var mtimeNs: Int64?
        var syncedMtimeNs: Int64?
        var inode: UInt64 = 1

        var current: FileFingerprint? {
            mtimeNs.map { FileFingerprint(size: length, mtimeNs: $0, inode: inode, device: 1) }
        }
    }

    private(set) var files: [File]
    /// What a read sees.
    private var cache: [BlockRef: UInt64] = [:]
    /// What a power cut leaves of it.
    private var durable: [BlockRef: UInt64] = [:]
    private var dirty: Set<BlockRef> = []
    private let content: Content
    private let order: [BlockRef]

    init(_ content: Content, files count: Int, using random: inout SeededGenerator) {
        self.content = content
        let order = content.geometry.pieces.flatMap { content.blocks(of: $0) }
        self.order = order
        var cuts = (1..<max(count, 1)).map { _ in Int.random(in: 0...order.count, using: &random) }
        cuts = ([0] + cuts + [order.count]).sorted()
        files = []
        for (start, end) in zip(cuts, cuts.dropFirst()) where start < end {
            let pieces = order[start].piece..<order[end - 1].piece.advanced(by: 1)
            files.append(
                File(blocks: start..<end, pieces: pieces, length: Int64(end - start) * Int64(Geometry.blockLength)))
        }
    }

    func read(_ block: BlockRef) -> UInt64? { cache[block] }

    func isRight(_ piece: PieceIndex) -> Bool {
        content.blocks(of: piece).allSatisfy { cache[$0] == content.digest($0) }
    }
    func isDurable(_ piece: PieceIndex) -> Bool {
        content.blocks(of: piece).allSatisfy { durable[$0] == content.digest($0) }
    }
    func isThere(_ block: BlockRef) -> Bool { durable[block] != nil }

    func verdict(of piece: PieceIndex) -> Swarm.CheckVerdict {
        if isRight(piece) { return .good }
        return content.blocks(of: piece).contains { cache[$0] != nil } ? .bad : .missing
    }

    mutating func write(_ block: BlockRef, _ digest: UInt64, at unixNs: Int64) {
        cache[block] = digest
        dirty.insert(block)
        for n in files.indices where files[n].blocks.contains(number(of: block)) { files[n].mtimeNs = unixNs }
    }

    /// Every block is there, for good.
    mutating func fill(at unixNs: Int64) {
        for block in order { write(block, content.digest(block), at: unixNs) }
        synced(pending)
    }

    /// What a sync makes durable that begins now.
    var pending: [BlockRef: UInt64] { dirty.reduce(into: [:]) { $0[$1] = cache[$1] } }

    mutating func synced(_ blocks: [BlockRef: UInt64]) {
        for (block, digest) in blocks {
            durable[block] = digest
            if cache[block] == digest { dirty.remove(block) }
        }
        for n in files.indices { files[n].syncedMtimeNs = files[n].mtimeNs }
    }

    /// The sync failed: some of the dirty pages reached the disk, the others are gone from the cache, too.
    mutating func lostPages(using random: inout SeededGenerator) {
        settle(using: &random)
    }

    /// The machine lost power: some of the dirty pages reached the disk; a file that was never synced may have no name
    /// yet.
    mutating func powerCut(using random: inout SeededGenerator) {
        settle(using: &random)
        for n in files.indices where files[n].mtimeNs != nil {
            if files[n].syncedMtimeNs == nil, random.chance(0.5) {
                erase(n)
            } else if random.chance(0.5), let synced = files[n].syncedMtimeNs {
                files[n].mtimeNs = synced
            }
        }
    }

    private mutating func settle(using random: inout SeededGenerator) {
        for block in dirty.sorted(by: { number(of: $0) < number(of: $1) }) {
            if random.chance(0.5) { durable[block] = cache[block] } else { cache[block] = durable[block] }
        }
        dirty = []
    }

    // MARK: What others do to it

    /// Somebody changes a block of a file behind our back; the pieces that are damaged by it.
    mutating func edit(at unixNs: Int64, using random: inout SeededGenerator) -> Range<PieceIndex>? {
        let present = files.indices.filter { files[$0].mtimeNs != nil }
        guard let file = present.randomElement(using: &random) else { return nil }
        let block = order[files[file].blocks.randomElement(using: &random)!]
        cache[block] = 0
        durable[block] = 0
        files[file].mtimeNs = unixNs
        return block.piece..<block.piece.advanced(by: 1)
    }

    /// Somebody deletes a file; the pieces that are damaged by it.
    mutating func delete(using random: inout SeededGenerator) -> Range<PieceIndex>? {
        let present = files.indices.filter { files[$0].mtimeNs != nil }
        guard let file = present.randomElement(using: &random) else { return nil }
        erase(file)
        return files[file].pieces
    }

    private mutating func erase(_ file: Int) {
        for n in files[file].blocks {
            cache[order[n]] = nil
            durable[order[n]] = nil
        }
        files[file].mtimeNs = nil
        files[file].syncedMtimeNs = nil
        files[file].inode += 1
    }

    private func number(of block: BlockRef) -> Int {
        block.piece.value * content.geometry.blockCount(of: PieceIndex(0)) + block.block
    }
}
