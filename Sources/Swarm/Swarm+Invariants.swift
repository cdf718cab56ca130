import Torrent

/// Invariants that hold after every event. The simulator checks them; each check looks at all pieces and peers.
extension Swarm {
    /// Descriptions of the invariants that are violated; empty if all hold.
    package var violations: [String] {
        var found = picker.faults
        for piece in activeOrder { found += piece.faults }
        checkStates(&found)
        checkRequests(&found)
        checkMemory(&found)
        checkDurability(&found)
        return found
    }

    /// How many peers the block is currently requested from.
    package func copies(of request: BlockRequest) -> Int {
        block(of: request).flatMap { block in active[block.piece]?.requests(for: block.block) } ?? 0
    }

    /// Whether the peer may be asked for a block that is already requested: it can open no piece, or is still unproven.
    package func mayDuplicate(for key: PeerKey) -> Bool {
        guard let peer = peers[key] else { return true }
        return !peer.isProven || !hasRoom(for: geometry.pieceLength)
            || !picker.candidates.pieces.contains { peer.serves($0) }
    }

    private func checkStates(_ found: inout [String]) {
        for index in geometry.pieces {
            let states = (have[index] ? 1 : 0) + (active[index] != nil ? 1 : 0) + (doubtful[index] ? 1 : 0)
            if states > 1 { found.append("piece \(index) is in \(states) states") }
            if picker.candidates[index] != (wanted[index] && states == 0) {
                found.append("piece \(index) is wrongly a candidate, or wrongly none")
            }
            let availability = orderedPeers.count { $0.has(index) }
            if picker.availability(of: index) != availability {
                found.append("piece \(index) is counted \(picker.availability(of: index)) times of \(availability)")
            }
        }
        if activeOrder.count != active.count || activeOrder.contains(where: { active[$0.piece] !== $0 || $0.isClosed })
        {
            found.append("the order of active pieces is not that of the active pieces")
        }
        if orderedPeers.map(\.key) != peers.keys.sorted() { found.append("the ordered peers are not the peers") }
    }

    private func checkRequests(_ found: inout [String]) {
        var counts: [BlockRef: Int] = [:]
        for peer in orderedPeers {
            let live = peer.requests.filter { !$0.isReleased }.map(\.block)
            if live.count != peer.outstanding {
                found.append("\(peer.key) has \(live.count) requests and counts \(peer.outstanding)")
            }
            if Set(peer.requests.map(\.block)).count != peer.requests.count {
                found.append("\(peer.key) was asked twice for a block")
            }
            if peer.isClosing, !live.isEmpty { found.append("\(peer.key) is closing and has requests") }
            for block in live { counts[block, default: 0] += 1 }
            for index in peer.exclusive where active[index]?.exclusive != peer.key {
                found.append("piece \(index) is not \(peer.key)'s own")
            }
        }
        for (block, count) in counts {
            guard let piece = active[block.piece] else {
                found.append("block \(block) is requested and not active")
                continue
            }
            if piece.requests(for: block.block) != count {
                found.append("block \(block) counts \(piece.requests(for: block.block)) of \(count) requests")
            }
            if piece.isReceived(block.block) { found.append("block \(block) is here and still requested") }
            if count > Self.endGameCopies { found.append("block \(block) is requested \(count) times") }
        }
        for piece in activeOrder {
            let held = counts.reduce(0) { $0 + ($1.key.piece == piece.piece ? $1.value : 0) }
            if held != piece.requestCount {
                found.append("piece \(piece.piece) counts \(piece.requestCount) of \(held) requests")
            }
            if let owner = piece.exclusive, peers[owner]?.exclusive.contains(piece.piece) != true {
                found.append("piece \(piece.piece) is owned by \(owner), who doesn't know")
            }
            if piece.freeCount > 0, !piece.isListed || !unfilled.contains(where: { $0 === piece }) {
                found.append("piece \(piece.piece) is not found by peers")
            }
        }
    }

    private func checkMemory(_ found: inout [String]) {
        let buffered = activeOrder.filter(\.isBuffered)
        let bytes = buffered.reduce(0) { $0 + geometry.length(of: $1.piece) }
        if buffered.count != bufferedCount || bytes != bufferedBytes { found.append("buffers are miscounted") }
        if bytes > settings.memoryBudget, buffered.count > 2 {
            found.append("buffers of \(bytes) bytes exceed the budget")
        }
    }

    private func checkDurability(_ found: inout [String]) {
        if !recorded.isSubset(of: have) { found.append("what is recorded isn't had") }
        for piece in activeOrder {
            if piece.phase == .verifying || piece.isBeingWritten, !opened[piece.piece] {
                found.append("piece \(piece.piece) is written to and not noted down")
            }
            if piece.phase == .downloading, piece.isComplete {
                found.append("piece \(piece.piece) is complete and not verified")
            }
            if mode == .running, fault == nil, !opened[piece.piece], !opening[piece.piece],
                !unopened.contains(piece.piece)
            {
                found.append("piece \(piece.piece) is forgotten to be noted down")
            }
        }
        let waiting = Set(commit.unrecorded + commit.pieces)
        for index in have.subtracting(recorded).pieces where !waiting.contains(index) {
            found.append("piece \(index) waits for no commit")
        }
        if commit.bytes != commit.unrecorded.reduce(0, { $0 + geometry.length(of: $1) }) {
            found.append("bytes to be recorded are miscounted")
        }
        if mode == .running, fault == nil, !doubtful.isEmpty, !checks.isRunning {
            found.append("pieces are unverified and no check is running")
        }
    }
}
