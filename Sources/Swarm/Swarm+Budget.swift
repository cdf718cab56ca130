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

    /// A message of the peer's costs us something.
    mutating func charge(_ peer: Peer, _ work: WorkBudget.Work, now: Instant) {
        peer.budget.charge(work, at: now)
        if peer.budget.isExceeded { waste(peer, "its messages are more work than they are worth") }
    }

    /// A block came that we had not asked for.
    mutating func unasked(_ bytes: Int, of peer: Peer, now: Instant) {
        charge(peer, .refusal, now: now)
        peer.unaskedBytes += Int64(bytes)
        if peer.unaskedBytes > Self.unaskedAllowance + peer.verifiedBytes / 2 {
            waste(peer, "it sends blocks that were not requested")
        }
    }

    private mutating func waste(_ peer: Peer, _ how: String) {
        guard !peer.isClosing else { return }
        effects.append(.strike(peer.address.host, reason: how))
        disconnect(peer, .wasteful(how))
    }

    /// How long the shell reads nothing from the peer, because its budget is spent; `nil` when it goes on.
    package mutating func pause(of key: PeerKey, now: Instant) -> Duration? { peers[key]?.budget.pause(at: now) }

    /// The host is shunned: its connections that it dialled end.
    package mutating func shunned(_ host: PeerAddress.Host, reason: String, now: Instant) {
        for peer in roster where peer.isIncoming && peer.address.host.subscriber == host.subscriber {
            disconnect(peer, .banned(reason))
        }
    }

    // MARK: Places

    /// Whether there is a place for the newcomer; somebody idle may have to go for it.
    mutating func makePlace(for hello: Hello, now: Instant) -> Bool {
        if !hello.isIncoming, reserved.contains(hello.address) { return true }
        // Whom we dial we have chosen: while we download, half of the places wait for them.
        let isPromised = hello.isIncoming && !isComplete
        let promised = isPromised ? max(reserved.count, min(dialing.count, settings.maximumPeers / 2)) : reserved.count
        guard peers.count + promised >= settings.maximumPeers else { return true }
        guard let idlest = idlest(for: hello.address.host, isChosen: !hello.isIncoming, now: now) else { return false }
        giveUp(idlest)
        return true
    }

    /// While all places are taken by peers of which some are idle, one that is known is dialled in their place.
    mutating func makePlaceForDial(now: Instant) {
        guard mode == .running, fault == nil, !isComplete, dialing.isEmpty, peers.count >= settings.maximumPeers,
            book.hasCandidates,
            let idlest = idlest(for: nil, isChosen: false, now: now), let address = book.next(at: unix(now))
        else { return }
        giveUp(idlest)
        dialing.insert(address)
        reserved.insert(address)
        effects.append(.dial(address))
    }

    /// Who had spent its budget, and gave nothing, would begin anew with another connection.
    private mutating func giveUp(_ peer: Peer) {
        if peer.budget.isSpent {
            waste(peer, "its messages are more work than they are worth")
        } else {
            disconnect(peer, .idle)
        }
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
            !isComplete && !roster.contains { $0.lastBlockAt.map { now - $0 < Self.idleAfterInNeed } ?? false }
        for peer in roster where !peer.isClosing {
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
