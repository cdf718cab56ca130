package import Torrent

/// What a connection costs, and what becomes of a peer that costs too much (law 7).
extension Swarm {
    /// Bytes that a peer may send unrequested, in addition to half of its verified bytes. They cover blocks that were
    /// in flight when the peer choked us, or when another peer was faster in the end-game.
    static let unaskedAllowance: Int64 = 32 << 20

    private static let tooMuchWork = "its messages cost too much work"

    /// Charges the peer for the work that one of its messages causes.
    mutating func charge(_ peer: Peer, _ work: WorkBudget.Work, now: Instant) {
        peer.charge(work.rawValue, now: now)
        if peer.isBudgetExceeded { waste(peer, Self.tooMuchWork, now: now) }
    }

    /// Charges the peer for a number of messages of any kind.
    package mutating func counted(_ messages: Int, from key: PeerKey, now: Instant) {
        guard let peer = peers[key] else { return }
        peer.charge(Double(messages) * WorkBudget.Work.message.rawValue, now: now)
    }

    /// Credits the peer for verified bytes, which pay for the messages that carry them.
    func earn(_ peer: Peer, bytes: Int) { peer.earn(WorkBudget.earned(bytes)) }

    /// Counts a block that we had not requested, and disconnects the peer if there are too many.
    mutating func unasked(_ bytes: Int, of peer: Peer, now: Instant) {
        charge(peer, .refusal, now: now)
        if peer.sentUnasked(bytes) > Self.unaskedAllowance + peer.source.verifiedBytes / 2 {
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
        let pause = peer.pause(now: now)
        guard let work = peer.takeUnsettledWork() else { return pause }
        switch shared.spend(work, of: peer.address.host, at: now) {
        case .goOn: return pause
        case .rest(let time): return max(time, pause ?? time)
        case .exceeded:
            waste(peer, Self.tooMuchWork, now: now)
            return nil
        }
    }

    /// Disconnects the incoming connections of a host that is now shunned.
    package mutating func shunned(_ host: PeerAddress.Host, reason: String, now: Instant) {
        for peer in peers.ordered where peer.isIncoming && peer.address.host.subscriber == host.subscriber {
            disconnect(peer, .banned(reason))
        }
    }

    /// Disconnects a peer that gives up its place. One that spent its budget and gave nothing is also struck, because a
    /// new connection would give it a new budget.
    mutating func giveUp(_ peer: Peer, now: Instant) {
        if peer.isBudgetSpent { waste(peer, Self.tooMuchWork, now: now) } else { disconnect(peer, .idle) }
    }
}
