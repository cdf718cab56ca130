package import Torrent

/// The DHT of one address family: what the next run needs, and what a running engine reports.
package struct DHTRow: Row, Sendable, Hashable {
    /// Why the node doesn't answer (BEP 43).
    package enum ReadOnly: String, Sendable, SQLValue {
        /// The settings say so.
        case set
        /// Other nodes can't reach it.
        case unreachable
    }

    package var family: AddressFamily
    /// Our node's id, 20 bytes.
    package var nodeID: [UInt8]
    /// Our address as other nodes see it.
    package var externalAddress: String?
    package var externalVotes = 0
    /// Why there are too few nodes, in one sentence.
    package var problem: String?
    /// The port of the UDP socket; `nil` while none is open.
    package var port: Int?
    package var goodNodes = 0
    package var knownNodes = 0
    /// The lookups under way.
    package var lookups = 0
    package var waiting = 0
    /// Searches that ended, and nodes that accepted an announce, in this run.
    package var searched = 0
    package var announced = 0
    /// What other nodes announced to us.
    package var storedTorrents = 0
    package var storedPeers = 0
    /// Why queries of other nodes aren't answered; `nil` if they are.
    package var readOnly: ReadOnly?
    /// Datagrams of this run.
    package var sent = 0
    package var received = 0
    package var dropped = 0
    package var at: Timestamp

    package init(family: AddressFamily, nodeID: [UInt8], at: Timestamp) {
        self.family = family
        self.nodeID = nodeID
        self.at = at
    }

    package static let columns = """
        family, node_id, external_address, external_votes, problem, port, good_nodes, known_nodes, lookups, waiting, searched, announced, \
        stored_torrents, stored_peers, sent, received, dropped, at, read_only
        """

    package init(_ row: Statement) throws(StoreError) {
        family = try row.next()
        nodeID = try row.next()
        externalAddress = try row.next()
        externalVotes = try row.nextCount()
        problem = try row.next()
        port = try row.nextCountIfAny()
        goodNodes = try row.nextCount()
        knownNodes = try row.nextCount()
        lookups = try row.nextCount()
        waiting = try row.nextCount()
        searched = try row.nextCount()
        announced = try row.nextCount()
        storedTorrents = try row.nextCount()
        storedPeers = try row.nextCount()
        sent = try row.nextCount()
        received = try row.nextCount()
        dropped = try row.nextCount()
        at = try row.next()
        readOnly = try row.next()
    }
}
