package import Torrent

/// What a ``DHTNode`` remembers across restarts.
package struct DHTSnapshot: Equatable, Sendable {
    package struct Node: Hashable, Sendable {
        package var contact: NodeContact
        package var roundTrip: Duration?
        /// When it answered last; before the start, if that was in an earlier run.
        package var answeredAt: Instant?
        /// Whether it answered in this run.
        package var isVerified: Bool

        package init(
            contact: NodeContact, roundTrip: Duration? = nil, answeredAt: Instant? = nil, isVerified: Bool = false
        ) {
            self.contact = contact
            self.roundTrip = roundTrip
            self.answeredAt = answeredAt
            self.isVerified = isVerified
        }
    }

    package struct Family: Equatable, Sendable {
        package var id: NodeID
        package var externalHost: PeerAddress.Host?
        /// The votes for that address, of nodes of different networks.
        package var externalVotes = 0
        /// Nodes that answered in this run, the quickest first, and those of earlier runs if they are few.
        package var nodes: [Node]

        package init(id: NodeID, externalHost: PeerAddress.Host? = nil, nodes: [Node] = []) {
            self.id = id
            self.externalHost = externalHost
            self.nodes = nodes
        }
    }

    /// The most nodes of a family that are stored.
    package static let mostNodes = 500

    package var families: [AddressFamily: Family]

    package init(families: [AddressFamily: Family] = [:]) { self.families = families }
}
