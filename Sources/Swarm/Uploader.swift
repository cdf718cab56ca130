import Torrent

/// Decides which peers to unchoke, and when each requested block is served.
struct Uploader {
    /// The most bytes of one peer's requests that may be read or sent at once; see ``SharedMemory/servedAhead``.
    var mostServedAhead = Swarm.servedAhead
    private var choker = Choker()
    private var nextRound = Instant.origin

    // MARK: Serving

    /// Takes the peer's next request, if it may be served now.
    func takeRequest(of peer: Peer, within limits: inout RateLimits, now: Instant) -> BlockRequest? {
        guard let request = peer.serving.next, peer.serving.bytesUnderWay < servedAhead(of: peer),
            limits.maySend(request.length, now: now)
        else { return nil }
        peer.serving.beginNext(now: now)
        limits.sent(request.length)
        return request
    }

    /// The most bytes that may be read and sent to the peer at once. The limit starts low and grows with what the peer
    /// has received, because a new peer may never read.
    private func servedAhead(of peer: Peer) -> Int {
        min(mostServedAhead, Swarm.servedAheadAtFirst + Int(peer.serving.uploadedTotal / 2))
    }

    // MARK: Choking

    /// The torrent starts: the first round is one interval away.
    mutating func started(now: Instant) { nextRound = now + Choker.round }

    /// Returns the peers to unchoke from now on, if a round is due; all others are choked.
    mutating func takeRound(
        _ peers: borrowing PeerSet, slots: Int, isSeeding: Bool, now: Instant, using random: inout SeededGenerator
    ) -> Set<PeerKey>? {
        guard now >= nextRound else { return nil }
        nextRound = now + Choker.round
        return choker.choose(
            contenders(peers, isSeeding: isSeeding, now: now), slots: slots, isSeeding: isSeeding, now: now,
            using: &random)
    }

    /// Returns the peers to unchoke at once because slots are free.
    func unchokedBetweenRounds(_ peers: borrowing PeerSet, slots: Int, isSeeding: Bool, now: Instant) -> [PeerKey] {
        choker.fill(contenders(peers, isSeeding: isSeeding, now: now), slots: slots)
    }

    private func contenders(_ peers: borrowing PeerSet, isSeeding: Bool, now: Instant) -> [Choker.Contender] {
        peers.ordered.filter { !$0.isClosing }.map { peer in
            Choker.Contender(
                key: peer.key, isInterested: peer.isInterested, isSnubbed: peer.source.isSnubbed,
                isUnchoked: !peer.amChoking,
                rate: isSeeding ? peer.serving.uploadRate(at: now) : peer.source.downloadRate(at: now),
                connectedAt: peer.connectedAt)
        }
    }
}
