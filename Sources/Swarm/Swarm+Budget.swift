import Torrent

/// What a connection costs, and which peer gives up its place (law 7).
extension Swarm {
    /// How long a connection may go without payload in either direction before it can lose its place to another.
    static let idleAfter = Duration.seconds(60)
    /// The same limit while we download and no peer has sent a block for as long: other peers may be better.
    static let idleAfterInNeed = Duration.seconds(10)
    /// Bytes that a peer may send unrequested, in addition to half of its verified bytes. They cover blocks that were
    /// in flight when the peer choked us, or when another peer was faster in the end-game.
    static let unaskedAllowance: Int64 = 32 << 20

    private static let tooMuchWork = "its messages cost too much work"

    /// Charges the peer for the work that one of its messages causes.
    mutating func charge(_ peer: Peer, _ work: WorkBudget.Work, now: Instant) {
        peer.budget.charge(work.rawValue, at: now)
        peer.unsettledWork += work.rawValue
        if peer.budget.isExceeded { waste(peer, Self.tooMuchWork, now: now) }
    }

    /// Charges the peer for a number of messages of any kind.
    package mutating func counted(_ messages: Int, from key: PeerKey, now: Instant) {
        guard let peer = peers[key] else { return }
        let work = Double(messages) * WorkBudget.Work.message.rawValue
        peer.budget.charge(work, at: now)
        peer.unsettledWork += work
    }

    /// Credits the peer for verified bytes, which pay for the messages that carry them.
    func earn(_ peer: Peer, bytes: Int) { earn(peer, WorkBudget.earned(bytes)) }

    /// Credits the peer for useful work, in microseconds.
    func earn(_ peer: Peer, _ work: Double) {
        peer.budget.earn(work)
        peer.unsettledWork = max(-WorkBudget.Limit.connection.most, peer.unsettledWork - work)
    }

    /// Counts a block that we had not requested, and disconnects the peer if there are too many.
    mutating func unasked(_ bytes: Int, of peer: Peer, now: Instant) {
        charge(peer, .refusal, now: now)
        peer.unaskedBytes += Int64(bytes)
        if peer.unaskedBytes > Self.unaskedAllowance + peer.verifiedBytes / 2 {
            waste(peer, "it sent blocks that were not requested", now: now)
        }
    }

    private mutating func waste(_ peer: Peer, _ how: String, now: Instant) {
        guard !peer.isClosing else { return }
        effects.append(.strike(peer.address.host, reason: how))
        // A peer that we dialled is banned by address, because other peers at its host may be useful.
        if !peer.isIncoming, book.strike(peer.address) {
            book.ban(peer.address, reason: how, at: unix(now))
            effects.append(.note(.banned(peer.address, reason: how)))
        }
        disconnect(peer, .wasteful(how))
    }

    /// Charges the cost of the peer's messages since the last call to its host, its network and the total of all peers.
    /// The shell calls this at the end of each batch.
    ///
    /// Returns how long the shell must not read from the peer because one of the budgets is spent, or `nil` if it may
    /// continue.
    package mutating func settle(_ key: PeerKey, in shared: inout SharedWork, now: Instant) -> Duration? {
        guard let peer = peers[key] else { return nil }
        let pause = peer.budget.pause(at: now)
        guard peer.unsettledWork > 0 else { return pause }
        let verdict = shared.spend(peer.unsettledWork, of: peer.address.host, at: now)
        peer.unsettledWork = 0
        switch verdict {
        case .goOn: return pause
        case .rest(let time): return max(time, pause ?? time)
        case .exceeded:
            waste(peer, Self.tooMuchWork, now: now)
            return nil
        }
    }

    /// Disconnects the incoming connections of a host that is now shunned.
    package mutating func shunned(_ host: PeerAddress.Host, reason: String, now: Instant) {
        for peer in orderedPeers where peer.isIncoming && peer.address.host.subscriber == host.subscriber {
            disconnect(peer, .banned(reason))
        }
    }

    // MARK: Places

    /// Whether the new peer gets a place. An idle peer may be disconnected to free one.
    mutating func makePlace(for hello: PeerInfo, now: Instant) -> Bool {
        if !hello.isIncoming, reserved.contains(hello.address) { return true }
        // We chose the peers that we dial, so half of the places are kept for them while we download.
        let isPromised = hello.isIncoming && !isComplete
        let promised = isPromised ? max(reserved.count, min(dialing.count, settings.maximumPeers / 2)) : reserved.count
        guard peers.count + promised >= settings.maximumPeers else { return true }
        guard let idlest = idlest(for: hello.address.host, isChosen: !hello.isIncoming, now: now) else { return false }
        giveUp(idlest, now: now)
        return true
    }

    /// When all places are taken and some peers are idle, dials a known address in place of an idle peer.
    mutating func makePlaceForDial(now: Instant) {
        guard mode == .running, faults.isNone, !isComplete, dialing.isEmpty, peers.count >= settings.maximumPeers,
            book.hasCandidates,
            let idlest = idlest(for: nil, isChosen: false, now: now), let address = book.next(at: unix(now))
        else { return }
        giveUp(idlest, now: now)
        dialing.insert(address)
        reserved.insert(address)
        effects.append(.dial(address))
    }

    /// Disconnects the peer. One that spent its budget and gave nothing is also struck, because a new connection would
    /// give it a new budget.
    private mutating func giveUp(_ peer: Peer, now: Instant) {
        if peer.budget.isSpent { waste(peer, Self.tooMuchWork, now: now) } else { disconnect(peer, .idle) }
    }

    /// Returns the peer that gives up its place. Peers that send or receive payload keep theirs.
    ///
    /// - First choice: an idle peer whose budget is spent.
    /// - Then the longest idle peer of the host with the most idle peers, if that host has at least two more of them
    ///   than the newcomer's host has connections.
    /// - Then a peer that has been idle for long. For a peer that we dialled when there was a place, any idle peer will
    ///   do.
    private func idlest(for newcomer: PeerAddress.Host?, isChosen: Bool, now: Instant) -> Peer? {
        var idle: [PeerAddress.Host: (count: Int, oldest: Peer)] = [:]
        var own = 0
        let isInNeed =
            !isComplete && !orderedPeers.contains { $0.lastBlockAt.map { now - $0 < Self.idleAfterInNeed } ?? false }
        for peer in orderedPeers where !peer.isClosing {
            if peer.budget.isSpent, isIdle(peer, now: now) { return peer }
            let host = peer.address.host.subscriber
            if host == newcomer?.subscriber { own += 1 }
            guard isIdle(peer, now: now) else { continue }
            let known = idle[host]
            let oldest = known.map { $0.oldest.lastPayloadAt <= peer.lastPayloadAt ? $0.oldest : peer } ?? peer
            idle[host] = ((known?.count ?? 0) + 1, oldest)
        }
        let crowd = idle.values.max { ($0.count, $1.oldest.key) < ($1.count, $0.oldest.key) }
        guard let crowd else { return nil }
        if crowd.count >= own + 2 { return crowd.oldest }
        let longest = idle.values.map(\.oldest).min { ($0.lastPayloadAt, $0.key) < ($1.lastPayloadAt, $1.key) }
        if isChosen { return longest }
        let patience = isInNeed ? Self.idleAfterInNeed : Self.idleAfter
        return longest.flatMap { now - $0.lastPayloadAt > patience ? $0 : nil }
    }

    /// Whether the connection serves neither side: no transfer is under way, and there has been no payload for a while.
    private func isIdle(_ peer: Peer, now: Instant) -> Bool {
        if let last = [peer.lastBlockAt, peer.lastServedAt].compactMap(\.self).max(), now - last < Self.idleAfter {
            return false
        }
        let isAtWork = !peer.serveQueue.isEmpty || peer.servingBytes > 0 || (peer.outstanding > 0 && !peer.isSnubbed)
        return !isAtWork || now - peer.connectedAt > Self.idleAfter
    }
}
