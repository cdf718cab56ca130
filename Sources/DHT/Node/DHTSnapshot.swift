package import Torrent

/// What a ``DHTNode`` remembers across restarts.
package struct DHTSnapshot: Equatable, Sendable {
    package struct Node: Hashable, Sendable {
        package var contact: NodeContact
        package var roundTrip: Duration?

        package init(contact: NodeContact, roundTrip: Duration? = nil) {
            self.contact = contact
            self.roundTrip = roundTrip
        }
    }

    package struct Family: Equatable, Sendable {
        package var id: NodeID
        package var externalHost: PeerAddress.Host?
        /// Nodes that answered in this run, the quickest first.
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
