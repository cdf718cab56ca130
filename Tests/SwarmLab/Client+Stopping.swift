import Swarm
import Torrent

/// The process ends as it should, and what it leaves is looked at.
extension Client {
    /// Pieces that a peer may spoil before it must be found out, in one life that ends well.
    private static let enoughLies = 3

    func beginStop(_ reason: StopReason) {
        guard isUp, stopReason == .none else { return }
        stopReason = reason
        isCheckCancelled = true
        feed { $0.stop(now: self.lab.now) }
    }

    /// The brain says that it is at rest.
    func stopped() {
        guard stopReason != .none else { return lab.fail("client \(number) stopped without being asked") }
        if underWay > 0 { lab.fail("client \(number) stopped with \(underWay) things under way") }
        let reason = stopReason
        remember()
        // At the end all pieces have passed, so that it is known who spoiled them.
        for (address, pieces) in spoiled where reason == .end && pieces.count >= Self.enoughLies {
            let isBanned = database.peers.values.contains { $0.address.host == address.host && $0.banReason != nil }
            if !isBanned { lab.fail("client \(number) trusts \(address), who spoiled \(pieces.count) pieces") }
        }
        _ = announcer.stop()
        database.trackers = announcer.trackers
        database.aliveNs = lab.unixNs
        let hadFault = swarm.fault != nil
        if !hadFault, !database.intents.isSubset(of: swarm.unverified) {
            lab.fail(
                "client \(number) is at rest, and the database still thinks that \(database.intents.population) pieces may be written to"
            )
        }
        goDown()
        for end in ends.values.sorted(by: { $0.number < $1.number }) { end.vanish() }
        forgetShell()
        if reason == .pause || hadFault {
            lab.report.cleanStops += 1
            comeBack(after: nil)
        } else {
            finish()
        }
    }

    /// The piece's buffer is freed while the client stops. What came of an incomplete piece is recorded by then, unless
    /// the machine refused that, or the piece was bad.
    func checkKept(_ piece: PieceIndex) {
        guard swarm.fault == nil, swarm.wanted[piece], !swarm.have[piece], !swarm.unverified[piece], !excused[piece],
            let buffer = buffers[piece]
        else { return }
        let kept = database.partials[piece]
        let lost = buffer.keys.filter { kept?.contains($0) != true }
        lab.report.keptBlocks += buffer.count - lost.count
        if !lost.isEmpty {
            lab.fail("client \(number) stops and loses blocks \(lost.sorted()) of piece \(piece), which had come")
        }
    }

    private func finish() {
        for piece in lab.scenario.geometry.pieces {
            if !disk.isDurable(piece) { lab.fail("client \(number) ended without piece \(piece) on disk") }
            if !database.have[piece] { lab.fail("client \(number) ended without a claim of piece \(piece)") }
        }
        if !database.partials.isEmpty { lab.fail("client \(number) ended with partial pieces in the database") }
        let next = resumePlan()
        if !next.unverified.isEmpty {
            lab.fail("client \(number) would look at \(next.unverified.population) pieces again: \(next.reasons)")
        }
        isDone = true
    }
}
