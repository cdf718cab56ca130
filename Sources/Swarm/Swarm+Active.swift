import Torrent

/// Active pieces: opened, filled, parked, abandoned and closed. This extension bounds their memory.
extension Swarm {
    @discardableResult
    mutating func open(_ index: PieceIndex, now: Instant) -> ActivePiece {
        let piece = ActivePiece(piece: index, blockCount: geometry.blockCount(of: index), openedAt: now)
        for block in padding[index] ?? [] { piece.restore(block) }
        active[index] = piece
        activeOrder.append(piece)
        picker.remove(index)
        if !opened[index], !opening[index] { unopened.append(index) }
        list(piece)
        return piece
    }

    /// Removes the piece from the active ones, whether it succeeded or failed.
    mutating func closeActive(_ piece: ActivePiece) {
        guard active.removeValue(forKey: piece.piece) != nil else { return }
        piece.isClosed = true
        // The oldest pieces usually finish first, so the search is short.
        if let place = activeOrder.firstIndex(where: { $0 === piece }) { activeOrder.remove(at: place) }
        unbuffer(piece)
        endExclusion(piece)
        effects.append(.release(piece.piece))
    }

    /// Restores blocks that an earlier run recorded.
    mutating func restore(_ partial: PartialPiece) {
        let index = partial.piece
        guard active[index] == nil, partial.blocks.contains(true),
            partial.blocks.count == geometry.blockCount(of: index)
        else { return }
        guard !doubtful[index] else {
            heldPartials[index] = partial
            return
        }
        var blocks = partial.blocks
        for block in padding[index] ?? [] where blocks.indices.contains(block) { blocks[block] = true }
        guard blocks.contains(false) else {
            // All blocks are on disk, but the piece was never hashed.
            distrust(index)
            return
        }
        let piece = open(index, now: .origin)
        for (block, isThere) in blocks.enumerated() where isThere { piece.restore(block) }
    }

    // MARK: Blocks

    mutating func release(_ block: BlockRef) {
        guard let piece = active[block.piece] else { return }
        piece.release(block.block)
        list(piece)
    }

    /// Lists the piece for peers that look for free blocks.
    mutating func list(_ piece: ActivePiece) {
        guard piece.freeCount > 0, !piece.isListed, !piece.isClosed else { return }
        piece.isListed = true
        unfilled.append(piece)
    }

    /// Ends `peer`'s work on the piece, if `peer` is the one that fills it.
    func leave(_ index: PieceIndex?, _ peer: Peer) {
        guard let index, let piece = active[index], piece.worker == peer.key else { return }
        piece.worker = nil
    }

    /// Allows any peer to be asked for blocks of the piece.
    func endExclusion(_ piece: ActivePiece) {
        guard let owner = piece.exclusive else { return }
        piece.exclusive = nil
        peers[owner]?.exclusive.remove(piece.piece)
    }

    /// Forgets blocks of the piece that were written but not recorded, because the disk may have lost them.
    mutating func distrustDisk(of piece: ActivePiece) {
        piece.distrustDisk()
        if !piece.isComplete { piece.phase = .downloading }
        list(piece)
    }

    // MARK: Memory

    /// Whether one more piece of `length` bytes may be buffered. Two pieces are always allowed.
    func hasRoom(for length: Int) -> Bool { bufferedBytes + length <= settings.memoryBudget || bufferedCount < 2 }

    mutating func buffer(_ piece: ActivePiece) {
        guard !piece.isBuffered else { return }
        piece.isBuffered = true
        bufferedCount += 1
        bufferedBytes += geometry.length(of: piece.piece)
    }

    private mutating func unbuffer(_ piece: ActivePiece) {
        guard piece.isBuffered else { return }
        piece.isBuffered = false
        bufferedCount -= 1
        bufferedBytes -= geometry.length(of: piece.piece)
    }

    /// Frees the piece's buffer. Blocks on disk are kept; all others are wanted again.
    private mutating func park(_ piece: ActivePiece) {
        piece.forgetMemory()
        unbuffer(piece)
        list(piece)
        effects.append(.release(piece.piece))
    }

    /// Parks recorded pieces that no peer fills when memory runs short, because their peers may never return.
    mutating func parkIdle() {
        guard bufferedBytes > settings.memoryBudget / 2 else { return }
        for piece in activeOrder where piece.isParkable { park(piece) }
    }

    /// Stops downloading a piece that is no longer wanted: cancels its requests and keeps only the blocks on disk.
    mutating func abandon(_ piece: ActivePiece, now: Instant) {
        guard piece.phase == .downloading, !piece.isBeingWritten, piece.isBuffered || piece.onDiskCount == 0 else {
            return
        }
        for peer in orderedPeers {
            for request in peer.requests.filter({ $0.block.piece == piece.piece }) {
                _ = peer.takeRequest(request.block)
                if !request.isReleased {
                    piece.release(request.block.block)
                    downloadBucket.giveBack(geometry.length(of: request.block))
                }
                send(peer, .cancel(wire(request.block)), now: now)
            }
            if peer.working == piece.piece { peer.working = nil }
        }
        piece.worker = nil
        endExclusion(piece)
        wastedBytes += piece.unwritten.reduce(0) {
            $0 + Int64(geometry.length(of: BlockRef(piece: piece.piece, block: $1)))
        }
        if piece.onDiskCount > 0 {
            park(piece)
        } else {
            closeActive(piece)
            makeCandidate(piece.piece)
        }
    }

    /// Empties all buffers at rest. A later start takes every piece as it is on disk.
    mutating func emptyBuffers() {
        for piece in activeOrder {
            piece.phase = .downloading
            piece.worker = nil
            endExclusion(piece)
            if piece.onDiskCount == piece.blockCount {
                closeActive(piece)
                doubtful.insert(piece.piece)
            } else if piece.onDiskCount > 0 {
                if piece.isBuffered { park(piece) }
            } else {
                closeActive(piece)
                makeCandidate(piece.piece)
            }
        }
    }
}
