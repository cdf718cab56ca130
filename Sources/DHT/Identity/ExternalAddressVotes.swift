import DequeModule
package import Torrent

/// Finds out our external address of one family from what other nodes report (`ip` of BEP 42).
///
/// One node can lie, so the latest votes of different networks are counted, and only answers to our own queries vote.
package struct ExternalAddressVotes {
    /// The latest votes that count, one a network.
    static let capacity = 32
    /// An address needs this many votes, and more than half of all.
    static let quorum = 6

    private struct Vote {
        let voter: PeerAddress.Host
        let host: PeerAddress.Host
    }

    private var votes = Deque<Vote>()
    /// The address that won last; it stays until another one wins.
    package private(set) var winner: PeerAddress.Host?

    package init(stored: PeerAddress.Host?) { winner = stored }

    /// The latest votes for the winner.
    var winnerCount: Int { winner.map { winner in votes.count { $0.host == winner } } ?? 0 }

    /// Counts a vote. Returns the external address if it has changed.
    package mutating func vote(_ host: PeerAddress.Host, by voter: PeerAddress.Host) -> PeerAddress.Host? {
        // A node of a local network sees our address there; a node of the internet can't see such an address.
        guard host.reach == voter.reach, PeerAddress(host, port: 1).isDialable else { return nil }
        // Nodes of one /24 or /48 may belong to one owner. In a local network every node counts.
        let voter = voter.reach == .everywhere ? voter.network : voter
        votes.removeAll { $0.voter == voter }
        if votes.count == Self.capacity { votes.removeFirst() }
        votes.append(Vote(voter: voter, host: host))
        let count = votes.count { $0.host == host }
        guard count >= Self.quorum, count * 2 > votes.count, host != winner else { return nil }
        winner = host
        return host
    }

    /// Forgets the votes after a change of the network; the winner stays until there is a new one.
    mutating func restart() { votes.removeAll() }
}
