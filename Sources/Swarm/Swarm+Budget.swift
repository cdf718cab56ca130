import Torrent

/// What a connection costs, and who has to give up a place (law 7).
extension Swarm {
    /// How long a connection keeps its place without payload either way, when others want it.
    static let idleAfter = Duration.seconds(60)
    /// The same while we download and no peer has given anything for so long: others may be better.
    static let idleAfterInNeed = Duration.seconds(10)
    /// Bytes that a peer may send unasked, beside half of what it sent that was right: what was on its way when it
    /// choked us, or when another was faster at the end.
    static let unaskedAllowance: Int64 = 32 << 20

    private static let tooMuchWork = "its messages cost too much work"

    /// A message of the peer's costs us something.
    mutating func charge(_ peer: Peer, _ work: WorkBudget.Work, now: Instant) {
        peer.budget.charge(work.rawValue, at: now)
        peer.unsettledWork += work.rawValue
        if peer.budget.isExceeded { waste(peer, Self.tooMuchWork, now: now) }
    }

    /// The peer sent so many messages, of whatever kind.
    package mutating func counted(_ messages: Int, from key: PeerKey, now: Instant) {
        guard let peer = peers[key] else { return }
        let work = Double(messages) * WorkBudget.Work.message.rawValue
        peer.budget.charge(work, at: now)
        peer.unsettledWork += work
    }

    /// Verified bytes pay for the messages that bring them.
    func earn(_ peer: Peer, bytes: Int) { earn(peer, WorkBudget.earned(bytes)) }

    /// The peer did something of use, worth so many microseconds of work.
    func earn(_ peer: Peer, _ work: Double) {
        peer.budget.earn(work)
        peer.unsettledWork = max(-WorkBudget.Limit.connection.most, peer.unsettledWork - work)
    }

    /// A block came that we had not asked for.
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
        // Whom we dial is known by its address: the host may have others that are of use.
        if !peer.isIncoming, book.strike(peer.address) {
            book.ban(peer.address, reason: how, at: unix(now))
            effects.append(.note(.banned(peer.address, reason: how)))
        }
        disconnect(peer, .wasteful(how))
    }

    /// Counts what the peer's messages cost since the last time among what its host, its network and all peers may
    /// cost. To be called at the end of a batch. How long the shell reads nothing from the peer, because one of the
    /// budgets is spent; `nil` when it goes on.
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

    /// The host is shunned: its connections that it dialled end.
    package mutating func shunned(_ host: PeerAddress.Host, reason: String, now: Instant) {
        for peer in orderedPeers where peer.isIncoming && peer.address.host.subscriber == host.subscriber {
            disconnect(peer, .banned(reason))
        }
    }

    // MARK: Places

    /// Whether there is a place for the newcomer; somebody idle may have to go for it.
    mutating func makePlace(for hello: PeerInfo, now: Instant) -> Bool {
        if !hello.isIncoming, reserved.contains(hello.address) { return true }
        // Whom we dial we have chosen: while we download, half of the places wait for them.
        let isPromised = hello.isIncoming && !isComplete
        let promised = isPromised ? max(reserved.count, min(dialing.count, settings.maximumPeers / 2)) : reserved.count
        guard peers.count + promised >= settings.maximumPeers else { return true }
        guard let idlest = idlest(for: hello.address.host, isChosen: !hello.isIncoming, now: now) else { return false }
        giveUp(idlest, now: now)
        return true
    }

    /// While all places are taken by peers of which some are idle, one that is known is dialled in their place.
    mutating func makePlaceForDial(now: Instant) {
        guard mode == .running, fault == nil, !isComplete, dialing.isEmpty, peers.count >= settings.maximumPeers,
            book.hasCandidates,
            let idlest = idlest(for: nil, isChosen: false, now: now), let address = book.next(at: unix(now))
        else { return }
        giveUp(idlest, now: now)
        dialing.insert(address)
        reserved.insert(address)
        effects.append(.dial(address))
    }

    /// Who had spent its budget, and gave nothing, would begin anew with another connection.
    private mutating func giveUp(_ peer: Peer, now: Instant) {
        if peer.budget.isSpent { waste(peer, Self.tooMuchWork, now: now) } else { disconnect(peer, .idle) }
    }

    /// Who gives up the place: an idle peer whose budget is spent; else the longest idle peer of the host that has the
    /// most idle ones, if those are at least two more than the newcomer's host has; else one that has been idle for
    /// long. Peers that send or take payload keep their places.
    ///
    /// For one that we dialled, because there was a place when we did, any idle one goes.
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

    /// Whether the connection serves neither side: nothing is under way, and nothing has gone either way for a while.
    private func isIdle(_ peer: Peer, now: Instant) -> Bool {
        if let last = [peer.lastBlockAt, peer.lastServedAt].compactMap(\.self).max(), now - last < Self.idleAfter {
            return false
        }
        let isAtWork = !peer.serveQueue.isEmpty || peer.servingBytes > 0 || (peer.outstanding > 0 && !peer.isSnubbed)
        return !isAtWork || now - peer.connectedAt > Self.idleAfter
    }
}
