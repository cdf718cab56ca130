package import Torrent

/// Memory that all peers together make us hold (law 7): unfinished messages, and blocks that weren't received yet.
package struct SharedMemory: Sendable {
    /// The size in bytes up to which an unfinished message (usually a block) doesn't count towards the shared limits.
    package static let perConnection = 32 << 10
    /// The most bytes of longer unfinished messages of one host, and of all hosts.
    package static let perHost = 4 << 20
    package static let most = 24 << 20
    /// The most bytes of blocks that are read or sent at once, for all peers.
    package static let mostServed = 32 << 20

    private var hosts: [PeerAddress.Host: Int] = [:]
    private var total = 0
    private var served = 0

    package init() {}

    /// A connection holds `bytes` of an unfinished message and was last counted with `counted`. Returns its new count,
    /// or `nil` if the connection must be closed: its host holds too much, or more than its share of the total.
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

    /// A connection that was counted with `counted` is closed.
    package mutating func released(_ counted: Int, of address: PeerAddress.Host) {
        _ = holds(0, counted: counted, of: address)
    }

    /// Adds bytes of blocks that are being read and sent; negative when they are done.
    package mutating func serves(_ bytes: Int) { served += bytes }

    /// The most bytes that may be read and sent ahead for one peer; lower as more is under way for all.
    package var servedAhead: Int {
        if served < Self.mostServed / 2 { return Swarm.servedAhead }
        return served < Self.mostServed ? Swarm.servedAheadAtFirst : 1
    }
}
