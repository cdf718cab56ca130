import Net
import PeerWire
import Swarm
import Torrent

/// How a connection begins, with and without the metadata.
extension PeerInfo {
    /// What is known of a peer once the handshakes are exchanged; `nil` if its address isn't known any more.
    init?(_ connection: PeerConnection, _ theirs: Handshake) {
        let dialled: PeerAddress? = if case .outgoing(let address) = connection.direction { address } else { nil }
        guard let address = dialled ?? connection.remote else { return nil }
        self.init(
            address: address, isIncoming: dialled == nil, supportsFast: theirs.reserved.contains(.fast),
            supportsExtensions: theirs.reserved.contains(.extensionProtocol), client: ClientName.describe(theirs.peerID)
        )
    }
}

extension Environment {
    /// Our handshake for a torrent.
    func handshake(of infoHash: InfoHash, usesDHT: Bool) -> Handshake {
        var reserved: Handshake.Reserved = [.extensionProtocol, .fast]
        if usesDHT { reserved.insert(.dht) }
        return Handshake(reserved: reserved, infoHash: infoHash, peerID: peerID)
    }
}
