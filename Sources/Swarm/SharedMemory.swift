import Torrent

/// Bytes that all peers together make us keep (law 7): messages that haven't ended, and blocks that haven't been taken.
package struct SharedMemory: Sendable {
    /// An unfinished message up to this size, which is a usual block, counts for the connection alone.
    package static let perConnection = 32 << 10
    /// Bytes of longer unfinished messages of one host, and of all.
    package static let perHost = 4 << 20
    package static let most = 24 << 20
    /// Bytes of blocks that are read or sent at once, for all peers.
    package static let mostServed = 32 << 20

    private var hosts: [PeerAddress.Host: Int] = [:]
    private var total = 0
    private var served = 0

    package init() {}

    /// A connection holds so many bytes of a message that hasn't ended, where it was counted with `counted` before.
    /// Returns what it is counted with now; `nil` when it has to be closed, because its host holds too much, or more
    /// than its share of what all may hold.
    package mutating func holds(_ bytes: Int, counted: Int, of address: PeerAddress.Host) -> Int? {
        let bytes = bytes > Self.perConnection ? bytes : 0
        guard bytes != counted else { return counted }
        let host = address.subscriber
        let own = hosts[host, default: 0] + bytes - counted
        total += bytes - counted
        hosts[host] = own > 0 ? own : nil
        guard bytes > counted, own > Self.perHost || (total > Self.most && own > Self.most / hosts.count) else {
            return bytes
        }
        return nil
    }

    /// The connection, which was counted with `counted`, is gone.
    package mutating func released(_ counted: Int, of address: PeerAddress.Host) {
        _ = holds(0, counted: counted, of: address)
    }

    /// Blocks of so many bytes are read and sent from now on, or have gone (a negative count).
    package mutating func serves(_ bytes: Int) { served += bytes }

    /// What may be read and sent ahead for one peer: the less, the more is under way for all.
    package var servedAhead: Int {
        if served < Self.mostServed / 2 { return Swarm.servedAhead }
        return served < Self.mostServed ? Swarm.servedAheadAtFirst : 1
    }
}
