package import Torrent

/// Invariants that hold after every event. The simulator checks them; each check looks at all pieces and peers.
extension Swarm {
    /// Descriptions of the invariants that are violated; empty if all hold.
    package var violations: [String] {
        var found = pieces.faults + commit.faults(pieces) + peers.faults + sources.faults
        checkPeers(&found)
        checkRequests(&found)
        checkWork(&found)
        found += superSeeding?.faults ?? []
        if repairs.intersects(pieces.have) { found.append("a present piece is to be repaired") }
        return found
    }

    /// How many peers the block is currently requested from.
    package func copies(of request: BlockRequest) -> Int {
        block(of: request).flatMap { block in pieces[block.piece]?.requests(for: block.block) } ?? 0
    }

    /// Whether the peer may be asked for a block that is already requested: it can begin no
    /// piece, or is still unproven.
    package func mayDuplicate(for key: PeerKey) -> Bool {
        guard let source = peers[key]?.source else { return true }
        return !source.isProven || !pieces.hasRoomAlways(for: geometry.pieceLength, budget: settings.memoryBudget)
            || !pieces.picker.candidates.pieces.contains { source.serves($0) }
    }

    private func checkPeers(_ found: inout [String]) {
        for index in geometry.pieces {
            // A web seed counts for each piece, whatever it lacks.
            let availability = peers.ordered.count { $0.source.has(index) } + webSeeds.count
            let counted = pieces.picker.availability(of: index)
            if counted != availability { found.append("piece \(index) is counted \(counted) times of \(availability)") }
        }
    }

    private func checkRequests(_ found: inout [String]) {
        var counts: [BlockRef: Int] = [:]
        for source in sources.ordered {
            let live = source.requests.filter { !$0.isReleased }.map(\.block)
            if live.count != source.outstanding {
                found.append("\(source.key) has \(live.count) requests and counts \(source.outstanding)")
            }
            if Set(source.requests.map(\.block)).count != source.requests.count {
                found.append("\(source.key) was asked twice for a block")
            }
            if peers[source.key]?.isClosing == true, !live.isEmpty {
                found.append("\(source.key) is closing and has requests")
            }
            for block in live { counts[block, default: 0] += 1 }
            for index in source.assignedPieces where pieces[index]?.assignedSource != source.key {
                found.append("piece \(index) is not \(source.key)'s own")
            }
        }
        for (block, count) in counts {
            guard let piece = pieces[block.piece] else {
                found.append("block \(block) is requested and not active")
                continue
            }
            if piece.requests(for: block.block) != count {
                found.append("block \(block) counts \(piece.requests(for: block.block)) of \(count) requests")
            }
            if piece.isReceived(block.block) { found.append("block \(block) is here and still requested") }
            if count > LateBlocks.copies { found.append("block \(block) is requested \(count) times") }
        }
        for piece in pieces.active {
            let held = counts.reduce(0) { $0 + ($1.key.piece == piece.piece ? $1.value : 0) }
            if held != piece.requestCount {
                found.append("piece \(piece.piece) counts \(piece.requestCount) of \(held) requests")
            }
            if let owner = piece.assignedSource, sources[owner]?.assignedPieces.contains(piece.piece) != true {
                found.append("piece \(piece.piece) is owned by \(owner), who doesn't know")
            }
        }
    }

    /// What is under way has what it needs, and nothing that must happen is forgotten.
    private func checkWork(_ found: inout [String]) {
        if pieces.isOver(budget: settings.memoryBudget) {
            found.append("buffers of \(pieces.bufferedBytes) bytes exceed the budget")
        }
        for piece in pieces.active {
            if piece.phase == .verifying || piece.isBeingWritten, !pieces.intents.recorded[piece.piece] {
                found.append("piece \(piece.piece) is written to without a write intent")
            }
            if piece.phase == .downloading, piece.isComplete {
                found.append("piece \(piece.piece) is complete and not verified")
            }
            if mode == .running, faults.isNone, !pieces.intents.isExpected(for: piece.piece) {
                found.append("piece \(piece.piece) gets no write intent")
            }
        }
        if mode == .running, faults.isNone, !pieces.unverified.isEmpty, !pieces.recheck.isRunning {
            found.append("pieces are unverified and no check is running")
        }
    }
}
