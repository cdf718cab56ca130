import Torrent

/// Chooses the run of blocks that a web seed is asked for next: long, in one piece, and within the memory budget.
struct WebSeedPlan {
    /// The most parts of one run, unless a single block has more. Each part is a request.
    private static let mostParts = 64
    /// The most late blocks that one run takes in the end game.
    private static let mostLate = 64

    private let geometry: Geometry
    private let layout: FileLayout

    init(geometry: Geometry, layout: FileLayout) {
        self.geometry = geometry
        self.layout = layout
    }

    // MARK: Files

    /// The pieces with a byte of the file.
    func pieces(of file: Int) -> Range<PieceIndex> {
        layout.files.indices.contains(file)
            ? layout.pieces(of: file, geometry: geometry) : PieceIndex(0)..<PieceIndex(0)
    }

    /// The files that a server must have for the piece: those with a byte in it, but padding.
    func files(of piece: PieceIndex) -> [Int] {
        layout.files(of: piece, geometry: geometry).filter { !layout.files[$0].isPad && !layout.files[$0].isEmpty }
    }

    /// Whether the torrent has a single file, not counting padding.
    var hasSingleFile: Bool { layout.files.count { !$0.isPad && !$0.isEmpty } == 1 }

    /// The parts of the blocks, which are in ascending order.
    func parts(of blocks: [BlockRef]) -> [WebSeedRun.Part] {
        var parts: [WebSeedRun.Part] = []
        var start: Int64?
        var end: Int64 = 0
        func close() {
            guard let from = start, from < end else { return }
            var offset = from
            for segment in layout.segments(offset: from, length: Int(end - from)) {
                let isPad = layout.files[segment.file].isPad
                parts.append(
                    WebSeedRun.Part(
                        file: isPad ? nil : segment.file, fileOffset: segment.fileOffset, offset: offset,
                        length: segment.length))
                offset += Int64(segment.length)
            }
        }
        for block in blocks {
            let offset = offset(of: block)
            if start == nil || offset != end {
                close()
                start = offset
            }
            end = offset + Int64(geometry.length(of: block))
        }
        close()
        return parts
    }

    private func offset(of block: BlockRef) -> Int64 {
        geometry.offset(of: block.piece) + Int64(block.block * Geometry.blockLength)
    }

    /// The number of requests that the block begins.
    private func partCount(of block: BlockRef) -> Int {
        let offset = offset(of: block)
        let first = layout.segments(offset: offset, length: geometry.length(of: block)).reduce(0) { count, segment in
            count + (segment.fileOffset == 0 && !layout.files[segment.file].isPad ? 1 : 0)
        }
        return first
    }

    private func isPadding(_ block: BlockRef) -> Bool {
        layout.segments(offset: offset(of: block), length: geometry.length(of: block)).allSatisfy {
            layout.files[$0.file].isPad
        }
    }

    // MARK: Choice

    /// Takes the blocks of the next run, of about `bytes`.
    func takeBlocks(
        for seed: WebSeed, of pieces: inout PieceStates, bytes: Int, _ settings: SwarmSettings, now: Instant
    ) -> [BlockRef] {
        guard var index = firstPiece(for: seed, of: &pieces, settings, now: now) else { return [] }
        var blocks: [BlockRef] = []
        var (length, parts) = (0, 1)
        while let piece = pieces[index] {
            piece.begins(with: seed.source.key, now: now)
            let isWhole = take(from: piece, onto: &blocks, &length, &parts, of: &pieces)
            guard isWhole, length < bytes, parts < Self.mostParts else { break }
            index = PieceIndex(index.value + 1)
            guard index.value < geometry.pieceCount, follows(index, for: seed, of: &pieces, settings, now: now) else {
                break
            }
        }
        return blocks
    }

    /// Takes free blocks of the piece that continue the run, or begin it. Returns whether the run reaches the end of
    /// the piece.
    private func take(
        from piece: ActivePiece, onto blocks: inout [BlockRef], _ length: inout Int, _ parts: inout Int,
        of pieces: inout PieceStates
    ) -> Bool {
        var isBegun = !blocks.isEmpty
        for number in 0..<piece.blockCount {
            let block = BlockRef(piece: piece.piece, block: number)
            guard piece.isFree(number) else {
                // Padding needs no request, and doesn't interrupt a run.
                if !isBegun || piece.isReceived(number) && isPadding(block) { continue }
                return false
            }
            guard length < WebSeed.longestRun, parts < Self.mostParts || blocks.isEmpty else { return false }
            isBegun = true
            piece.request(number)
            pieces.buffered(piece)
            blocks.append(block)
            length += geometry.length(of: block)
            if blocks.count > 1 { parts += partCount(of: block) }
        }
        return true
    }

    /// The piece with which the run begins: one that others left, or a new one.
    private func firstPiece(
        for seed: WebSeed, of pieces: inout PieceStates, _ settings: SwarmSettings, now: Instant
    ) -> PieceIndex? {
        let (source, budget) = (seed.source, settings.memoryBudget)
        let left = pieces.unfilledPiece {
            $0.isEligible($1, for: source, budget: budget) && $1.currentSource == nil && mayBegin(seed, $1.piece)
        }
        if let left { return left.piece }
        guard pieces.hasRoom(for: geometry.pieceLength, budget: budget), !pieces.picker.candidates.isEmpty,
            !source.isDry(at: pieces.picker.insertions)
        else { return nil }
        guard let index = newPiece(for: seed, of: pieces, settings) else {
            source.ranDry(at: pieces.picker.insertions)
            return nil
        }
        activate(index, for: source, of: &pieces, now: now)
        return index
    }

    /// Continues where the seed's last run ended, as long as the pieces there are as rare as any. Among pieces that are
    /// equally rare, the order is the torrent's, so that runs are long and the disk is written in order.
    private func newPiece(
        for seed: WebSeed, of pieces: borrowing PieceStates, _ settings: SwarmSettings
    ) -> PieceIndex? {
        let serves = { (piece: PieceIndex) in seed.source.serves(piece) && self.mayBegin(seed, piece) }
        let candidates = pieces.picker.candidates
        let next = candidates.pieces(from: seed.cursor).first(where: serves)
        guard settings.picking == .rarestFirst, !pieces.picker.areEquallyRare,
            let rarest = pieces.picker.rarest(where: serves)
        else {
            return settings.picking == .sequential
                ? candidates.pieces.first(where: serves) : next ?? candidates.pieces.first(where: serves)
        }
        if let next, pieces.picker.availability(of: next) <= pieces.picker.availability(of: rarest) { return next }
        return rarest
    }

    /// Whether a run of the seed may begin with the piece. From a server that ignores ranges, files are read from the
    /// beginning only, or where the last run ended.
    private func mayBegin(_ seed: WebSeed, _ piece: PieceIndex) -> Bool {
        guard seed.ignoresRanges else { return true }
        if piece.value == seed.cursor.value || piece.value == seed.cursor.value + 1 { return true }
        let start = geometry.offset(of: piece)
        guard let file = files(of: piece).first else { return true }
        return start - layout.files[file].offset <= 48 << 10
    }

    /// Whether the run continues with the piece, which is then active.
    private func follows(
        _ index: PieceIndex, for seed: WebSeed, of pieces: inout PieceStates, _ settings: SwarmSettings, now: Instant
    ) -> Bool {
        let (source, budget) = (seed.source, settings.memoryBudget)
        guard source.serves(index) else { return false }
        if let piece = pieces[index] {
            return piece.freeCount > 0 && piece.currentSource == nil
                && pieces.isEligible(piece, for: source, budget: budget)
        }
        guard pieces.picker.candidates[index], pieces.hasRoom(for: geometry.length(of: index), budget: budget) else {
            return false
        }
        activate(index, for: source, of: &pieces, now: now)
        return true
    }

    /// A seed that hasn't proved itself gets pieces of its own, so that a bad piece has one possible sender.
    private func activate(_ index: PieceIndex, for source: BlockSource, of pieces: inout PieceStates, now: Instant) {
        let piece = pieces.activated(index, now: now)
        guard !source.isProven else { return }
        piece.assignedSource = source.key
        source.assigned(index)
    }

    // MARK: End game

    /// Takes blocks that others will send late, as one run.
    func takeLateBlocks(
        for seed: WebSeed, by requester: inout Requester, of pieces: borrowing PieceStates,
        among sources: borrowing BlockSources, _ settings: SwarmSettings, now: Instant
    ) -> [BlockRef] {
        let late = requester.takeLateBlocks(
            for: seed.source, of: pieces, among: sources, settings, room: Self.mostLate, now: now
        ).sorted { ($0.piece, $0.block) < ($1.piece, $1.block) }
        guard let first = late.first else { return [] }
        var run = [first]
        for block in late.dropFirst() {
            if let last = run.last, last.piece == block.piece, last.block + 1 == block.block {
                run.append(block)
            } else {
                // Requests count as soon as they are taken.
                pieces[block.piece]?.release(block.block)
            }
        }
        return run
    }
}
