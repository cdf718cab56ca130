package import Torrent

/// The nodes of one family that are nearest to a torrent.
package struct DHTNearRow: Row, Sendable, Hashable {
    package let family: AddressFamily
    /// The nodes in their compact form, the nearest first.
    package let nodes: [UInt8]

    package init(family: AddressFamily, nodes: [UInt8]) {
        self.family = family
        self.nodes = nodes
    }

    package static let columns = "family, nodes"

    package init(_ row: Statement) throws(StoreError) {
        family = try row.next()
        nodes = try row.next()
    }
}
