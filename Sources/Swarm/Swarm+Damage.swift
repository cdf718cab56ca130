package import Torrent

/// Damage that a scrub found, and its repair.
extension Swarm {
    /// A scrub found these present pieces damaged: they lose their claim, peers are told (BEP 54), and they are fetched
    /// again unless the wanted pieces leave them out.
    package mutating func damaged(_ indices: Bitfield, now: Instant) {
        let lost = indices.pieces.filter { pieces.have[$0] }
        guard !lost.isEmpty else { return }
        let recorded = lost.filter { pieces.recorded[$0] }
        for index in lost {
            pieces.lost(index, using: &random)
            repairs.insert(index)
            for peer in peers.ordered where !peer.isClosing { send(peer, .dontHave(index), now: now) }
        }
        commit.keepOnly(pieces.have)
        commit.lostRecorded(recorded)
        completion.lostPieces(isComplete: isComplete)
        // The claim goes before anything is fetched.
        considerCommit(now: now)
        goalChanged(now: now)
        fillAll(now: now)
    }

    /// These pieces were damaged in an earlier run, or while the torrent was dormant.
    package mutating func mustRepair(_ indices: Bitfield) {
        for index in indices.pieces where !pieces.have[index] { repairs.insert(index) }
    }

    /// Damaged pieces that no connected block source has.
    package var unavailableRepairs: [PieceIndex] {
        repairs.pieces.filter { piece in
            // Each web seed is counted as having everything; what it lacks is known only of its source.
            // Of one whose source has left, blocks may be here.
            (pieces.state(of: piece) == .absent || pieces[piece]?.phase == .downloading)
                && pieces.picker.availability(of: piece) == webSeeds.count
                && !webSeeds.ordered.contains { $0.source.serves(piece) }
        }
    }

    /// Says from whom a damaged piece came, once it is written.
    mutating func noteRepair(of piece: ActivePiece) {
        guard repairs.remove(piece.piece) else { return }
        let contributors = piece.contributors.sorted()
        effects.append(
            .note(
                .repaired(
                    piece.piece, senders: contributors.compactMap { address(of: $0) },
                    webSeeds: contributors.compactMap { if case .webSeed(let key) = $0 { key } else { nil } })))
    }
}
