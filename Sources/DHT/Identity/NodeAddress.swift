import Torrent

extension AddressFamily {
    /// The bytes of a compact address with its port.
    var addressLength: Int { self == .v4 ? 6 : 18 }
    /// The bytes of a compact node: its id and its address.
    var nodeLength: Int { NodeID.byteCount + addressLength }
}

extension PeerAddress {
    /// Whether a node or peer can have this address. Port 1 is what clients announce that don't listen.
    var isUsable: Bool { isDialable && port > 1 }

    /// Whether a host with this reach can know the other address: a host of the internet must not direct us to
    /// addresses of our own networks.
    func isBelievable(from host: PeerAddress.Host) -> Bool {
        self.host.reach == .everywhere || host.reach != .everywhere
    }
}
