package import Torrent

/// A node's id, and the address of its UDP socket.
package struct NodeContact: Hashable, Sendable, CustomStringConvertible {
    package let id: NodeID
    package let address: PeerAddress

    package init(id: NodeID, address: PeerAddress) {
        self.id = id
        self.address = address
    }

    /// Reads the compact form: 20 bytes of id and a compact address; `nil` for any other length than 26 or 38.
    package init?(compact bytes: ArraySlice<UInt8>) {
        guard let id = NodeID(bytes.prefix(NodeID.byteCount)),
            let address = PeerAddress(compact: bytes.dropFirst(NodeID.byteCount))
        else { return nil }
        self.init(id: id, address: address)
    }

    package var compact: [UInt8] { id.bytes + address.compact }
    package var description: String { "\(id)@\(address)" }
}
